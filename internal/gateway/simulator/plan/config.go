package plan

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"duly/internal/gateway/simulator/pace"
)

// Config says how the gateway behaves. The zero value is a perfect gateway that answers at once. In JSON the
// names are those of the tags, durations are strings such as "150ms", and unknown names are errors.
type Config struct {
	// Token is the credential that every API request must carry, as the dialect carries it; empty: none is asked for.
	Token string `json:"token"`
	// Seed is the source of all randomness.
	Seed uint64 `json:"seed"`
	// Latency is how long each request takes.
	Latency Latency `json:"latency"`
	// Knee is how many requests, of all operations, are served at once at full speed; with more of them each takes
	// (open ÷ knee)² as long. 0: any number.
	Knee int `json:"knee"`
	// Slowdown makes the gateway slower in the middle of a run.
	Slowdown pace.Slowdown `json:"slowdown"`
	// Methods maps payment methods, whole, to behaviours: {"billing-key-7": "soft_2_then_ok"}.
	Methods map[string]string `json:"methods"`
	// Shares says how charges of methods without a behaviour end.
	Shares Shares `json:"shares"`
	// Pending says when a pending payment is decided, and how.
	Pending Pending `json:"pending"`
	// Faults strike charges.
	Faults Faults `json:"faults"`
	// LookupFaults strike look-ups by key and id, and listing.
	LookupFaults Faults `json:"lookup_faults"`
	// ChangeFaults strike cancellations and refunds.
	ChangeFaults Faults `json:"change_faults"`
	// Rise makes the faults of charges more frequent as the run goes on.
	Rise Rise `json:"rise"`
	// KeyLife is how long an idempotency key is remembered after its execution; 0: as long as the dialect's provider does, for ever
	// in httpapi.
	KeyLife time.Duration `json:"key_life"`
	// NoKeys ignores idempotency keys: the same key twice charges twice.
	NoKeys bool `json:"no_keys"`
	// KeepRejects remembers a 400 under its key too: the same key with another body is then a 422.
	KeepRejects bool `json:"keep_rejects"`
	// ForgetErrors remembers no 4xx and 5xx, in the dialects that otherwise keep every answer under its key.
	ForgetErrors bool `json:"forget_errors"`
	// HideDeclines makes look-ups of declined charges answer as if there were none.
	HideDeclines bool `json:"hide_declines"`
	// ListLag is how long a payment is missing from lists after it was made.
	ListLag time.Duration `json:"list_lag"`
	// NoFind answers look-ups by key with a 404 that has no Error body, as a service without them does.
	NoFind bool `json:"no_find"`
	// FindForgets makes look-ups by key forget a payment when its key is forgotten.
	FindForgets bool `json:"find_forgets"`
	// Forbidden answers every request with 403.
	Forbidden bool `json:"forbidden"`
	// Outage makes every request fail as OutageAnswer says.
	Outage bool `json:"outage"`
	// Outages are times of outage.
	Outages []Window `json:"outages"`
	// OutageAnswer is "503" (the default), "drop" (the connection is closed) or "not_executed" (503 with
	// Not-Executed). In an outage nothing is executed, though only the last says so.
	OutageAnswer string `json:"outage_answer"`
	// RateLimit is how many API requests are served in each second of the clock; the rest are answered
	// 429. 0: no limit.
	RateLimit int `json:"rate_limit"`
	// ClockSkew is how far the clock that the API tells created_at by, and lists by, is ahead of the true one;
	// negative: behind. The ledger shows the true time.
	ClockSkew time.Duration `json:"clock_skew"`
	// Now is the clock that Advance moves on from; nil: the system's.
	Now func() time.Time `json:"-"`
}

// Latency is how long a request takes until it takes effect and is answered.
type Latency struct {
	// Fixed is added to every request.
	Fixed time.Duration `json:"fixed"`
	// Median and P99 are the 50th and 99th percentile of a log-normal distribution, added to Fixed. A P99
	// at or below the median means that it does not vary.
	Median time.Duration `json:"median"`
	P99    time.Duration `json:"p99"`
}

// Shares are the shares, in [0,1], of charges that end otherwise than well.
type Shares struct {
	Soft     float64 `json:"soft"`
	Hard     float64 `json:"hard"`
	Action   float64 `json:"action"`
	TryLater float64 `json:"try_later"`
	Pending  float64 `json:"pending"`
	Canceled float64 `json:"canceled"`
	Reject   float64 `json:"reject"`
	// Unclear is of those that error_paid, error_declined and error_nothing share evenly.
	Unclear float64 `json:"unclear"`
}

// Pending says when pending payments are decided. With neither Lookups nor For the first look-up finds the
// payment decided; with both, whichever comes first decides.
type Pending struct {
	// Lookups is how many look-ups, by key or id, still answer pending.
	Lookups int `json:"lookups"`
	// For is how long a payment is pending.
	For time.Duration `json:"for"`
	// Then is the outcome for payments that are pending by Shares.Pending: "" or "ok", another outcome, or
	// "pending" for never.
	Then string `json:"then"`
}

// Faults are the shares, in [0,1], of requests that go wrong, by kind, and the details of some kinds.
// "After" is after the request has taken effect. On look-ups before and after are the same.
type Faults struct {
	// First limits faults to the first requests of a key; 0: no limit.
	First int `json:"first"`
	// DropBefore and DropAfter close the connection without an answer.
	DropBefore float64 `json:"drop_before"`
	DropAfter  float64 `json:"drop_after"`
	// Err5xxBefore and Err5xxAfter answer 500, 502, 503 or 504.
	Err5xxBefore float64 `json:"5xx_before"`
	Err5xxAfter  float64 `json:"5xx_after"`
	// TooMany answers 429 with Retry-After; nothing is executed.
	TooMany float64 `json:"429"`
	// TooManyAfter executes the request without an answer, and answers the next one of its key 429.
	TooManyAfter float64 `json:"429_after"`
	// NotExecuted answers 503 with Not-Executed.
	NotExecuted float64 `json:"not_executed"`
	// Garbage answers 200 with a body that is no payment.
	Garbage float64 `json:"garbage"`
	// HalfBody breaks off in the middle of the answer, after the effect.
	HalfBody float64 `json:"half_body"`
	// Slow takes effect at once and answers SlowBy later.
	Slow float64 `json:"slow"`
	// Late closes the connection; the request takes effect LateBy later.
	Late float64 `json:"late"`
	// Redirect answers 307 to another address.
	Redirect float64 `json:"redirect"`
	// Conflict answers 409, request under way.
	Conflict float64 `json:"conflict"`
	// Empty400 and Empty404 answer without an Error body.
	Empty400 float64 `json:"empty_400"`
	Empty404 float64 `json:"empty_404"`
	// SlowBy and LateBy default to one second.
	SlowBy time.Duration `json:"slow_by"`
	LateBy time.Duration `json:"late_by"`
	// RetryAfter is the header of 429 answers, rounded up to seconds; negative: no header.
	RetryAfter time.Duration `json:"retry_after"`
}

// Rise raises the share of charges that go wrong evenly from the sum of Faults to To, over a time since the
// start or a number of charge requests (the further of the two counts), and keeps it there. The kinds keep
// their proportions; where Faults has none, all kinds are alike.
type Rise struct {
	To           float64       `json:"to"`
	Over         time.Duration `json:"over"`
	OverRequests int           `json:"over_requests"`
}

// Window is a time counted from the start of the simulator, by its clock.
type Window struct {
	After time.Duration `json:"after"`
	For   time.Duration `json:"for"`
}

// Answers that OutageAnswer can name.
const (
	outage503         = "503"
	OutageDrop        = "drop"
	OutageNotExecuted = "not_executed"
)

// Validate reports everything that is wrong with c.
func (c *Config) Validate() error {
	var errs []error
	errs = append(errs, sharesError("shares", c.Shares.list()))
	for _, f := range []struct {
		name   string
		faults Faults
	}{{"faults", c.Faults}, {"lookup_faults", c.LookupFaults}, {"change_faults", c.ChangeFaults}} {
		errs = append(errs, sharesError(f.name, f.faults.list()))
		if f.faults.First < 0 || f.faults.SlowBy < 0 || f.faults.LateBy < 0 {
			errs = append(errs, fmt.Errorf("%s: first, slow_by and late_by must not be negative", f.name))
		}
	}
	if c.Rise.To < 0 || c.Rise.To > 1 || c.Rise.Over < 0 || c.Rise.OverRequests < 0 {
		errs = append(errs, errors.New("rise: to must lie in [0,1], over and over_requests must not be negative"))
	}
	for method, name := range c.Methods {
		if _, ok := parseBehaviour(name); !ok {
			errs = append(errs, fmt.Errorf("methods: %q for %q is neither an outcome nor a fault", name, method))
		}
	}
	if _, ok := OutcomeByName(c.Pending.Ends()); !ok {
		errs = append(errs, fmt.Errorf("pending: then: %q is not an outcome", c.Pending.Then))
	}
	switch c.OutageAnswer {
	case "", outage503, OutageDrop, OutageNotExecuted:
	default:
		errs = append(errs, fmt.Errorf("outage_answer: %q is not 503, drop or not_executed", c.OutageAnswer))
	}
	errs = append(errs, c.Slowdown.Check())
	for _, d := range []time.Duration{
		c.Latency.Fixed, c.Latency.Median, c.Latency.P99, c.KeyLife, c.ListLag, c.Pending.For, time.Duration(c.RateLimit), time.Duration(c.Knee),
	} {
		if d < 0 {
			errs = append(errs, errors.New("latency, knee, key_life, list_lag, pending.for and rate_limit must not be negative"))
			break
		}
	}
	return errors.Join(errs...)
}

func sharesError(name string, shares []float64) error {
	sum := 0.0
	for _, share := range shares {
		if share < 0 || share > 1 {
			return fmt.Errorf("%s: every share must lie in [0,1]", name)
		}
		sum += share
	}
	if sum > 1+1e-9 {
		return fmt.Errorf("%s: the shares add up to %.3f, more than 1", name, sum)
	}
	return nil
}

// Ends is the outcome by which a payment that is pending by its share is decided.
func (p Pending) Ends() string {
	if p.Then == "" {
		return "ok"
	}
	return p.Then
}

// Contains reports whether w covers a time since the start.
func (w Window) Contains(since time.Duration) bool {
	return since >= w.After && since < w.After+w.For
}

// Clone is a copy that shares nothing with c.
func (c *Config) Clone() Config {
	copied := *c
	copied.Methods = maps.Clone(c.Methods)
	copied.Outages = slices.Clone(c.Outages)
	return copied
}
