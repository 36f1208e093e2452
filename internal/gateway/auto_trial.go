package gateway

import (
	"math"
	"slices"
	"time"
)

// ending is what the end of a request says of how many may be open at once.
type ending int

const (
	// saysNothing: it was not sent, or something of ours broke.
	saysNothing ending = iota
	// answered: by whatever was said, a decline as well, and how long it took counts.
	answered
	// dropped: no answer in time, the connection was lost, it failed, or we were asked to come back later.
	dropped
	// tooManyAnswered: the gateway answered that there are too many requests.
	tooManyAnswered
)

const (
	// dropCost is what it costs that all requests are dropped, beyond their being lost: as if answers took e times as long.
	dropCost = 1.0
	// quorum is the share of a trial's requests that have ended when it is judged; the others are taken to have taken as long as
	// they have until then. One that waits for its time-out holds up nobody.
	quorum = 0.9
	// crowded is the share of the limit from which a request was sent in a crowd that says something about it. At a gateway
	// without keys the limit bounds what is claimed as well, half of which may be waiting to be settled.
	crowded, crowdedKeyless = 0.9, 0.5
	// leastTime keeps the logarithm of an answer at once finite.
	leastTime = 100 * time.Microsecond
)

// sampleRef finds a request's sample when it ends.
type sampleRef struct {
	trial, index int
	limit        int // that it was sent under
	open         int // requests, with it
	left         time.Time
}

// loose counts the requests that were sent while the limit was not used up. They say nothing about the limit, unless they are
// dropped: there is less room then than the limit leaves.
type loose struct{ requests, drops, open int }

// count adds one, and reports whether too many of them were dropped: a tenth, and twice as many as tolerated.
func (l *loose) count(open int, how ending, tolerated float64) bool {
	if how == saysNothing || how == tooManyAnswered {
		return false
	}
	const enough = 50
	if l.requests >= enough {
		*l = loose{}
	}
	l.requests, l.open = l.requests+1, l.open+open
	if how == dropped {
		l.drops++
	}
	return l.requests >= enough && l.share() >= max(0.1, 2*tolerated)
}

// share is how many of them were dropped, as a share of 1.
func (l *loose) share() float64 { return float64(l.drops) / float64(max(l.requests, 1)) }

// used is how many requests were open, on average.
func (l *loose) used() int { return max(1, l.open/max(l.requests, 1)) }

// sample is one request of a trial.
type sample struct {
	kind  RequestKind
	start time.Time
	took  time.Duration
	how   ending
	done  bool
}

// trial is what is being measured at one limit. Samples are kept in the order in which the requests left: by that of
// their answers, the first ones would be the fast ones.
type trial struct {
	number  int
	samples []sample
	late    int     // requests that left earlier, under no higher limit, and ended since
	drops   int     // of those that were dropped
	size    int     // of the first samples, which are judged next
	done    int     // among them
	ended   int     // of all samples
	dropped int     // among those
	most    float64 // the share of drops from which there is no point in waiting for more
}

// level is what was measured at one limit.
type level struct {
	// cost is the mean of the logarithms of the latencies, each against what is usual for its kind, and what drops cost: a share of requests that
	// is dropped at every limit adds as much everywhere.
	cost     float64
	variance float64       // of one request
	size     float64       // in requests
	latency  float64       // cost without that of drops
	share    float64       // of requests that were dropped
	slow     time.Duration // what all but a twentieth of the answers took at most
}

// error2 is the square of the standard error of cost.
func (l level) error2() float64 { return l.variance / max(l.size, 1) }

// merge adds what was measured at the same limit later. What is older counts less with time.
func (l level) merge(later level) level {
	const memory = 2000 // requests
	share := later.size / (min(l.size, memory) + later.size)
	l.cost += share * (later.cost - l.cost)
	l.variance += share * (later.variance - l.variance)
	l.size = min(l.size, memory) + later.size
	l.share += share * (later.share - l.share)
	l.slow = later.slow
	return l
}

// restart begins another trial of that size.
func (t *trial) restart(size int) {
	*t = trial{number: t.number + 1, samples: t.samples[:0], size: size, most: t.most}
}

func (t *trial) add(s sample) (index int) {
	t.samples = append(t.samples, s)
	return len(t.samples) - 1
}

func (t *trial) end(index int, now time.Time, how ending) {
	s := &t.samples[index]
	s.took, s.how, s.done = now.Sub(s.start), how, true
	if index < t.size {
		t.done++
	}
	t.ended++
	if how == dropped {
		t.dropped++
	}
	if t.failing() {
		t.extend(len(t.samples))
	}
}

// failing reports whether so many requests are dropped that there is no point in waiting for more: more than half, or than is dropped at every limit,
// by two standard errors.
func (t *trial) failing() bool {
	n, drops := float64(t.ended), float64(t.dropped)
	return t.dropped >= leastTrial/2 && drops-max(t.most, 0.5)*n >= math.Sqrt(n)
}

// ready reports whether enough of the requests have ended to judge it.
func (t *trial) ready() bool {
	return t.failing() || len(t.samples) >= t.size && float64(t.done) >= quorum*float64(t.size)
}

// extend makes a larger one of it.
func (t *trial) extend(size int) {
	t.size, t.done = size, 0
	for _, s := range t.samples[:min(size, len(t.samples))] {
		if s.done {
			t.done++
		}
	}
}

// measure reads the trial. usual is the cost that is usual for each kind of request: it is completed by kinds that are seen for the
// first time, so that these change nothing in what is known of the limits (at is the cost there).
func (t *trial) measure(now time.Time, usual map[RequestKind]float64, at float64) level {
	t.learn(usual, at)
	var sum, squares, n, drops float64
	times := make([]time.Duration, 0, t.size)
	for _, s := range t.samples[:t.size] {
		took := s.took
		if !s.done {
			took = now.Sub(s.start)
		}
		if !s.done || s.how == answered {
			times = append(times, took)
		}
		normal, known := usual[s.kind]
		switch {
		case s.done && (s.how == saysNothing || s.how == tooManyAnswered):
		case s.done && s.how == dropped:
			drops++
		case known:
			cost := logarithm(took) - normal
			sum, squares, n = sum+cost, squares+cost*cost, n+1
		}
	}
	l := level{cost: at, variance: 1, slow: slowOf(times)}
	if n > 0 {
		l.cost, l.size = sum/n, n
		l.variance = max(squares/n-l.cost*l.cost, 1e-6)
	}
	l.latency = l.cost
	return l.losing(drops+float64(t.drops), n+float64(t.late-t.drops))
}

// slowOf is what all but a twentieth of them took at most; 0 for none.
func slowOf(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[min(len(times)*19/20, len(times)-1)]
}

// losing adds what it costs that so many requests were dropped beside those that were answered.
func (l level) losing(drops, answers float64) level {
	if drops == 0 {
		return l
	}
	l.share = drops / (drops + answers)
	kept := max(1-l.share, 1/(2*(drops+answers)))
	l.cost += dropCost*l.share - math.Log(kept)
	l.variance += l.share/kept + dropCost*dropCost*l.share*(1-l.share)
	l.size = max(l.size, drops)
	return l
}

// learn completes usual by the kinds of request that it lacks.
func (t *trial) learn(usual map[RequestKind]float64, at float64) {
	type mean struct{ sum, n float64 }
	fresh := make(map[RequestKind]mean)
	for _, s := range t.samples[:t.size] {
		if _, known := usual[s.kind]; !known && s.done && s.how == answered {
			m := fresh[s.kind]
			fresh[s.kind] = mean{m.sum + logarithm(s.took), m.n + 1}
		}
	}
	for kind, m := range fresh {
		usual[kind] = m.sum/m.n - at
	}
}

func logarithm(d time.Duration) float64 { return math.Log(max(d, leastTime).Seconds()) }
