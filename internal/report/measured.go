package report

// Measured is what a run stores for its page beside the numbers of its steps. As JSON it has a few kilobytes, however
// long the run was.
type Measured struct {
	Pace     Pace               `json:"pace"`
	Gateways map[string]Gateway `json:"gateways"`
	// Left says what the run left for a later one, and why; Notes are other remarks of its job.
	Left  []string `json:"left,omitempty"`
	Notes []string `json:"notes,omitempty"`
}

// Pace is the throughput over time, in buckets of equal width; the last one may be shorter.
type Pace struct {
	Seconds float64 `json:"seconds"`        // from the start of the first bucket to the end of the last one
	Width   float64 `json:"bucket_seconds"` // of a bucket
	// The items of each bucket.
	Succeeded []int64 `json:"succeeded"`
	Declined  []int64 `json:"declined"`
	Others    []int64 `json:"others"`
	// Held are the indices of the buckets in which the circuit of a gateway was open.
	Held []int `json:"held,omitempty"`
}

// Gateway counts the requests to a gateway, by what they asked for and by its answers.
type Gateway struct {
	Requests      int64            `json:"requests"`
	Charges       map[string]int64 `json:"charges"` // by answer
	LookUps       int64            `json:"look_ups"`
	Listings      int64            `json:"listings"`
	Cancels       int64            `json:"cancels"`
	Refunds       int64            `json:"refunds"`
	Retries       int64            `json:"retries"`
	Misconfigured int64            `json:"misconfigured"`
	Openings      int64            `json:"circuit_openings"`
	LeftAlone     string           `json:"left_alone,omitempty"` // why it was not used
	Latency       Latency          `json:"latency"`
}

// Latency is how long a gateway took to answer, in milliseconds.
type Latency struct {
	Mean float64 `json:"mean_ms"`
	P50  float64 `json:"p50_ms"`
	P95  float64 `json:"p95_ms"`
	P99  float64 `json:"p99_ms"`
	Max  float64 `json:"max_ms"`
	// Buckets are in order, without empty ones.
	Buckets []Bucket `json:"buckets"`
}

// Bucket counts the answers that took longer than From and up to To, in milliseconds.
type Bucket struct {
	From  float64 `json:"from_ms"`
	To    float64 `json:"to_ms"`
	Count int64   `json:"count"`
}
