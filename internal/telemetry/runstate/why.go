package runstate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// much is the share of its callers' time from which a wait is what slows a gateway down, and how many statements
	// wait for locks on average from which those do.
	much = 0.25
	// half of the time in transactions, from which the database slows a run down.
	half = 0.5
	// full is the share of the requests that may be open from which a gateway is used to the full.
	full = 0.9
	// slow is the latency from which it is told of.
	slow = 250.0 // ms
	// heartbeat is the transaction that is no work.
	heartbeat = "heartbeat"
)

// Why says in one sentence what the run waits for most, the first of these that is so: it is stopping; the lease of another run; a circuit is open;
// an operator throttled it; a rate; a gateway that answers slowly; row locks; the database; and if none of them, a
// gateway that is used as fast as it goes. Empty: it waits for nothing that is measured.
func (s State) Why() string {
	for _, reason := range []func() string{s.stops, s.waitsForLease, s.circuit, s.throttled, s.limited, s.latency, s.locks, s.slowDatabase, s.gateway} {
		if why := reason(); why != "" {
			return why
		}
	}
	return ""
}

func (s State) stops() string {
	if s.Stopping == "" {
		return ""
	}
	return "it is stopping: " + s.Stopping
}

// waitsForLease names the run whose lease is waited for: there is nothing else to do, so that nothing slows it down.
func (s State) waitsForLease() string {
	if s.Waits == nil {
		return ""
	}
	return fmt.Sprintf("it waits for the lease of run %d on %s", s.Waits.Run, s.Waits.Host)
}

// circuit names the gateway whose circuit has been open for longest.
func (s State) circuit() string {
	var name string
	var since time.Time
	for n, g := range s.used() {
		if g.OpenSince != nil && (name == "" || g.OpenSince.Before(since)) {
			name, since = n, *g.OpenSince
		}
	}
	if name == "" {
		return ""
	}
	return fmt.Sprintf("gateway %s fails: its circuit is open since %s UTC", name, since.UTC().Format(time.TimeOnly))
}

func (s State) throttled() string {
	t := s.Throttle
	if t == nil {
		return ""
	}
	for _, g := range s.used() {
		if t.Parallelism > 0 && g.Time.Throttle+g.Time.Slots >= much || t.Rate > 0 && g.Rate >= t.Rate && g.Time.Rate >= much {
			return fmt.Sprintf("throttled to %s by %s", t.Pace(), t.Instruction)
		}
	}
	return ""
}

func (s State) limited() string {
	name, share := s.most(func(g Gateway) float64 { return g.Time.Rate })
	if share < much {
		return ""
	}
	return fmt.Sprintf("the rate limit of gateway %s, %s/s", name, strconv.FormatFloat(s.Gateways[name].Rate, 'f', -1, 64))
}

// latency names the gateway that takes longest, of those that are used to the full.
func (s State) latency() string {
	name, ms := s.most(func(g Gateway) float64 {
		switch {
		case !g.full():
			return 0
		case g.LatencyMS == 0: // no request ended
			return s.Seconds * 1000
		}
		return g.LatencyMS
	})
	g := s.Gateways[name]
	switch {
	case ms < slow:
		return ""
	case g.LatencyMS == 0:
		return fmt.Sprintf("%s has answered nothing for %.0f s, %d of %d requests busy", name, s.Seconds, g.Open, g.Bound)
	}
	return fmt.Sprintf("%s answers in %.0f ms, %d of %d requests busy", name, ms, g.Open, g.Bound)
}

func (s State) locks() string {
	d := s.Database
	if s.anyFull() || d.Lost < much && (d.Waited < much && d.Waiting == 0 || d.busySum() < half) {
		return ""
	}
	return fmt.Sprintf("it waits for row locks of other transactions: %.1f waits at once, %d given up", max(d.Waited, d.Lost, float64(d.Waiting)), d.Locked)
}

func (s State) slowDatabase() string {
	d := s.Database
	if s.anyFull() || d.busySum() < half {
		return ""
	}
	names := slices.DeleteFunc(slices.Collect(maps.Keys(d.Busy)), func(name string) bool { return name == heartbeat })
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(d.Busy[b], d.Busy[a]), strings.Compare(a, b))
	})
	var parts []string
	for _, name := range names[:min(2, len(names))] {
		parts = append(parts, fmt.Sprintf("%s %.0f %%", name, 100*d.Busy[name]))
	}
	return "the database: its transactions take most of the time (" + strings.Join(parts, ", ") + ")"
}

func (s State) gateway() string {
	for _, g := range s.used() {
		if g.Open > 0 || g.PerSecond > 0 {
			return "limited by the gateway, as it should be"
		}
	}
	return ""
}

// used are the gateways that are not left alone.
func (s State) used() map[string]Gateway {
	used := maps.Clone(s.Gateways)
	maps.DeleteFunc(used, func(_ string, g Gateway) bool { return g.LeftAlone != "" })
	return used
}

// most is the gateway of which the number is highest, and the number; of several the first by name.
func (s State) most(of func(Gateway) float64) (name string, highest float64) {
	used := s.used()
	for _, n := range slices.Sorted(maps.Keys(used)) {
		if number := of(used[n]); number > highest {
			name, highest = n, number
		}
	}
	return name, highest
}

func (g Gateway) full() bool { return g.Bound > 0 && float64(g.Open) >= full*float64(g.Bound) }

func (s State) anyFull() bool {
	for _, g := range s.used() {
		if g.full() {
			return true
		}
	}
	return false
}

// busySum is how many transactions were under way on average, heartbeats left out.
func (d Database) busySum() float64 {
	sum := 0.0
	for name, n := range d.Busy {
		if name != heartbeat {
			sum += n
		}
	}
	return sum
}

// Slow says what slows the run down, as [State.Why] does. It is empty where the run is used as fast as its gateways go, and where it
// stops or only waits.
func (s State) Slow() string {
	if s.Waits != nil {
		return ""
	}
	for _, reason := range []func() string{s.circuit, s.throttled, s.limited, s.latency, s.locks, s.slowDatabase} {
		if why := reason(); why != "" {
			return why
		}
	}
	return ""
}
