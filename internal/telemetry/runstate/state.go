// Package runstate is what a run tells of itself with its heartbeat, and why it is slow by that. It is pure: the caller that
// samples a run passes the samples in.
package runstate

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"duly/internal/gateway"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/runs"
)

// Sample is what was measured of a run at one moment; its counts and times are those since the process started.
type Sample struct {
	At       time.Time
	Gateways map[string]GatewaySample
	Work     map[string]mysql.Work
	Locks    mysql.Locks
}

// GatewaySample is what was measured of a gateway.
type GatewaySample struct {
	Stats gateway.Stats
	Load  gateway.Load
	// Parallelism is how many requests the run sends at once when nothing holds it back.
	Parallelism int
}

// State is what a run tells of itself, as it stands in job_runs.state. Rates, shares and averages are those of the last
// interval.
type State struct {
	At        time.Time          `json:"at"`
	Seconds   float64            `json:"seconds"` // the length of the interval
	Step      *Step              `json:"step,omitempty"`
	Unsettled int64              `json:"unsettled"` // items that are claimed and not settled
	Gateways  map[string]Gateway `json:"gateways"`
	Database  Database           `json:"database"`
	Throttle  *runs.Throttle     `json:"throttle,omitempty"`
	Stopping  string             `json:"stopping,omitempty"` // who told it to stop, and why
	Waits     *Wait              `json:"waits_for,omitempty"`
}

// Wait is the lease of another run that the step under way waits for.
type Wait struct {
	Run   uint64    `json:"run_id"`
	Host  string    `json:"host"`
	Beat  time.Time `json:"heartbeat_at"`
	Until time.Time `json:"until"` // when it ends, unless that run's heartbeat goes on
}

// Step is how far the step under way has come.
type Step struct {
	Name        string  `json:"step"`
	Done        int64   `json:"done"`
	Due         *int64  `json:"due,omitempty"` // when it began; absent: not known
	Rate        float64 `json:"rate_per_second"`
	SecondsLeft int64   `json:"seconds_left,omitempty"`
}

// Gateway is how a gateway is being used.
type Gateway struct {
	Requests  int64   `json:"requests"` // since the run began
	PerSecond float64 `json:"per_second"`
	Open      int     `json:"open"`                       // requests under way
	Waiting   int     `json:"waiting"`                    // callers that wait for whatever it is
	Bound     int     `json:"bound"`                      // how many requests may be open
	Auto      int     `json:"parallelism_auto,omitempty"` // what `parallelism: auto` found best so far; absent: it is fixed
	Rate      float64 `json:"rate,omitempty"`
	LatencyMS float64 `json:"latency_ms"` // mean of the requests that ended; 0: none did
	// Time is what its callers spent their time on, as shares of 1.
	Time Shares `json:"time"`
	// OpenSince is when the circuit left its closed state.
	OpenSince *time.Time `json:"circuit_open_since,omitempty"`
	LeftAlone string     `json:"left_alone,omitempty"` // why, for the rest of the run
}

// Shares are what callers spend their time on.
type Shares struct {
	Open     float64 `json:"open,omitempty"`
	Circuit  float64 `json:"circuit,omitempty"`
	Throttle float64 `json:"throttle,omitempty"`
	Rate     float64 `json:"rate,omitempty"`
	Slots    float64 `json:"slots,omitempty"`
	Backoff  float64 `json:"backoff,omitempty"`
}

// Database is what the run's transactions cost it.
type Database struct {
	// Busy is how many transactions were under way on average, by their names.
	Busy map[string]float64 `json:"busy"`
	// Locked counts tries that a lock ended, Lost is how many transactions were in such tries on average.
	Locked int64   `json:"locked"`
	Lost   float64 `json:"lost"`
	// Waiting is how many statements waited for a row lock when it was last looked at, and Waited how many did on
	// average: everybody's on the server.
	Waiting int64   `json:"lock_waits"`
	Waited  float64 `json:"lock_waited"`
}

const (
	// mostGateways and mostText bound the size of a state.
	mostGateways = 6
	mostText     = 80
)

// Between is what two samples of a run say.
func Between(before, now Sample) State {
	seconds := now.At.Sub(before.At).Seconds()
	s := State{At: now.At.UTC(), Seconds: round(seconds), Gateways: map[string]Gateway{}}
	for _, name := range busiest(now.Gateways) {
		s.Gateways[name] = used(before.Gateways[name], now.Gateways[name], seconds)
	}
	s.Database = cost(before, now, seconds)
	return s
}

// Short shortens what people wrote, so that a state stays small.
func (s State) Short() State {
	s.Stopping = payment.Cut(s.Stopping, 2*mostText)
	if s.Throttle != nil {
		t := *s.Throttle
		t.Who, t.Host, t.Reason = payment.Cut(t.Who, mostText), "", payment.Cut(t.Reason, mostText)
		s.Throttle = &t
	}
	return s
}

// busiest lists the gateways that most is to be told of.
func busiest(all map[string]GatewaySample) []string {
	names := slices.Sorted(maps.Keys(all))
	slices.SortStableFunc(names, func(a, b string) int {
		x, y := all[a], all[b]
		return cmp.Or(cmp.Compare(y.Load.Open+y.Load.Waiting, x.Load.Open+x.Load.Waiting), cmp.Compare(y.Stats.Requests(), x.Stats.Requests()))
	})
	return names[:min(mostGateways, len(names))]
}

func used(before, now GatewaySample, seconds float64) Gateway {
	requests := now.Stats.Requests() - before.Stats.Requests()
	g := Gateway{
		Requests: now.Stats.Requests(), PerSecond: per(float64(requests), seconds), Open: now.Load.Open, Waiting: now.Load.Waiting,
		Bound: now.Parallelism, Auto: now.Load.Auto, Rate: now.Load.Rate, LeftAlone: payment.Cut(now.Load.LeftAlone, mostText),
	}
	if b := now.Load.Bound; b > 0 && (g.Bound == 0 || b < g.Bound) {
		g.Bound = b
	}
	if requests > 0 {
		g.LatencyMS = round(float64((now.Stats.Latency - before.Stats.Latency).Microseconds()) / 1000 / float64(requests))
	}
	if since := now.Load.OpenSince; !since.IsZero() {
		since = since.UTC().Truncate(time.Second)
		g.OpenSince = &since
	}
	spent := now.Load.Spent.Minus(before.Load.Spent)
	share := func(d time.Duration) float64 { return per(float64(d), float64(spent.All())) }
	g.Time = Shares{
		Open: share(spent.Open), Circuit: share(spent.Circuit), Throttle: share(spent.Throttle), Rate: share(spent.Rate),
		Slots: share(spent.Slots), Backoff: share(spent.Backoff),
	}
	return g
}

func cost(before, now Sample, seconds float64) Database {
	d := Database{Busy: map[string]float64{}, Waiting: now.Locks.Waiting}
	d.Waited = per((now.Locks.Waited - before.Locks.Waited).Seconds(), seconds)
	for name, w := range now.Work {
		old := before.Work[name]
		if busy := per((w.Time - old.Time).Seconds(), seconds); busy > 0 {
			d.Busy[name] = busy
		}
		d.Locked += w.Locked - old.Locked
		d.Lost += per((w.Lost - old.Lost).Seconds(), seconds)
	}
	d.Lost = round(d.Lost)
	return d
}

// per is a quotient to three digits behind the point; 0 where there is none.
func per(n, of float64) float64 {
	if of <= 0 || n <= 0 {
		return 0
	}
	return round(n / of)
}

func round(n float64) float64 { return math.Round(n*1000) / 1000 }
