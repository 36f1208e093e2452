package report

// Measured is what a run keeps of itself for its report, beside what its steps count. As JSON it takes a few
// kilobytes, however long the run was.
type Measured struct {
	Pace     Pace               `json:"pace"`
	Gateways map[string]Gateway `json:"gateways"`
	// Left is what the run left for a later one, and why; Notes are what its job has to say beside.
	Left  []string `json:"left,omitempty"`
	Notes []string `json:"notes,omitempty"`
}

// Pace is what was done over time, in buckets of equal width; the last one may be shorter.
type Pace struct {
	Seconds float64 `json:"seconds"`        // from the first bucket's begin to the last one's end
	Width   float64 `json:"bucket_seconds"` // of a bucket
	// What was done in each bucket.
	Succeeded []int64 `json:"succeeded"`
	Declined  []int64 `json:"declined"`
	Others    []int64 `json:"others"`
	// Held are the numbers of the buckets in which the circuit of a gateway held requests back.
	Held []int `json:"held,omitempty"`
}

// Gateway is what was asked of a gateway, and how it answered.
type Gateway struct {
	Requests      int64            `json:"requests"`
	Charges       map[string]int64 `json:"charges"` // by what came back
	LookUps       int64            `json:"look_ups"`
	Listings      int64            `json:"listings"`
	Cancels       int64            `json:"cancels"`
	Refunds       int64            `json:"refunds"`
	Retries       int64            `json:"retries"`
	Misconfigured int64            `json:"misconfigured"`
	Openings      int64            `json:"circuit_openings"`
	LeftAlone     string           `json:"left_alone,omitempty"` // why
	Latency       Latency          `json:"latency"`
}

// Latency is how long a gateway took to answer, in milliseconds.
type Latency struct {
	Mean float64 `json:"mean_ms"`
	P50  float64 `json:"p50_ms"`
	P95  float64 `json:"p95_ms"`
	P99  float64 `json:"p99_ms"`
	Max  float64 `json:"max_ms"`
	// Buckets are in order; those that nothing fell into are left out.
	Buckets []Bucket `json:"buckets"`
}

// Bucket counts the answers that took longer than From and up to To, in milliseconds.
type Bucket struct {
	From  float64 `json:"from_ms"`
	To    float64 `json:"to_ms"`
	Count int64   `json:"count"`
}
