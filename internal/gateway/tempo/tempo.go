// Package tempo decides how many requests a second a gateway is sent that answers that there are too many. It is a pure rule: time is passed in.
package tempo

import (
	"math"
	"time"
)

const (
	// window is the time over which requests are counted, in slices.
	window = time.Second
	slices = 20
	// leastRate is the slowest rate, in requests a second: below that, pauses are what slows the gateway down.
	leastRate = 1.0
	// eased is the share of the ceiling to which the rate climbs back soon after it was cut, cut that to which it is cut.
	eased, cut = 0.95, 0.8
	// leastClimb and mostClimb bound the time after which the rate is back there.
	leastClimb, mostClimb = 4 * time.Second, 64 * time.Second
	// fewTaken is what a gateway has to have taken in a second for a first rate to be made of it: somebody else may have used its limit up.
	fewTaken = 5
	// leastIdle and mostIdle bound the time for which no rate is made of refusals that do not go by it.
	leastIdle, mostIdle = 2 * time.Minute, 30 * time.Minute
	// alike is the share by which two ceilings may differ that are the same limit of the gateway, refused twice.
	alike = 0.05
	// mostPause bounds a pause, whatever the gateway asks for; firstPause is one that it does not name.
	firstPause, mostPause = time.Second, time.Minute
)

// Tempo is how many requests a second a gateway is sent that has answered that there are too many (status 429). It begins with the first such
// answer: nothing is sent for as long as that asks, then four fifths of what the gateway took in the second before, a little more with time, and
// beyond that in the end, to see whether more is taken by then. A rate that is refused again and again is tried ever more rarely. Requests that had left before the
// cut say nothing new. The zero Tempo bounds nothing. It is not safe for concurrent use.
type Tempo struct {
	ceiling float64       // requests a second that were too many; 0: no rate
	cutAt   time.Time     // when that was found
	from    time.Time     // when sending went on
	climb   time.Duration // until the rate is eased
	next    time.Time     // when the next request may leave
	pauses  int           // in a row, with nothing taken in between
	refused time.Time     // the first of the newest refusals in a row; zero: the newest answer was none
	proven  float64       // the most requests a second that were taken before a refusal, since a rate was first made of one
	idle    time.Time     // until then no rate is made of refusals
	idling  time.Duration // how long that was

	counts [slices]int // requests that left, but for the refused, by slice of the window
	slice  int64       // the newest slice
}

// Active reports whether a request may have to wait.
func (t *Tempo) Active(now time.Time) bool { return t.ceiling > 0 || now.Before(t.next) }

// Rate is how many requests a second are sent at a time; 0: no bound.
func (t *Tempo) Rate(at time.Time) float64 {
	if t.ceiling == 0 {
		return 0
	}
	u := max(at.Sub(t.from).Seconds(), 0)/t.climb.Seconds() - 1
	return max(leastRate, t.ceiling*(eased+(eased-cut)*u*u*u))
}

// Turn takes the next turn, and returns how long to wait for it.
func (t *Tempo) Turn(now time.Time) time.Duration {
	const late = 50 * time.Millisecond // that timers may be, without a loss of turns
	if t.ceiling == 0 {
		return max(0, t.next.Sub(now))
	}
	at := t.next
	if now.Sub(at) > late {
		at = now.Add(-late)
	}
	if at.Before(t.from) {
		at = t.from
	}
	r := t.Rate(at)
	if now.Sub(t.from) > 2*t.climb && r > 2*float64(t.sent(now, now)+1) { // what is sent is far below what would be let through
		t.ceiling, t.next = 0, now
		return 0
	}
	t.next = at.Add(time.Duration(float64(time.Second) / r))
	return max(0, at.Sub(now))
}

// Left notes that a request leaves.
func (t *Tempo) Left(now time.Time) {
	t.advance(now)
	t.counts[t.slice%slices]++
}

// Taken notes an answer that is no refusal, to a request that left at that time.
func (t *Tempo) Taken(left time.Time) {
	if left.Before(t.cutAt) {
		return
	}
	t.pauses, t.refused = 0, time.Time{}
}

// Refuse notes that a request was one too many. wish is how long the gateway asked to wait; 0: it did not say. lower says that the rate
// may be the reason: it is cut, once for all requests that had left by then. It reports whether turns that were taken are worth nothing now.
func (t *Tempo) Refuse(now, left time.Time, wish time.Duration, lower bool) (changed bool) {
	count := max(t.sent(now, left)-1, 1)
	t.forget(left)
	row := !t.refused.IsZero() // nothing was taken since the last one
	if !row {
		t.refused = now
	}
	wish = min(wish, mostPause)
	switch {
	case left.Before(t.cutAt) || !lower:
		return wish > 0 && t.pause(now.Add(wish))
	case now.Before(t.idle):
		if !row {
			return false
		}
	case t.ceiling > 0 || count >= fewTaken || t.pauses > 1:
		t.lower(now, float64(count))
	}
	t.cutAt = now
	if wish <= 0 {
		wish = min(firstPause<<min(t.pauses, 6), mostPause)
	}
	t.pauses++
	t.pause(now.Add(wish))
	return true
}

// pause sends nothing before until, and reports whether it would have been otherwise.
func (t *Tempo) pause(until time.Time) bool {
	if !until.After(t.from) {
		return false
	}
	t.from, t.next = until, until
	return true
}

// lower cuts the rate; took is what the gateway took in the second before. One that takes a third of what it took before and refuses as much as then does not go by the
// rate: there is none for a while.
func (t *Tempo) lower(now time.Time, took float64) {
	before := t.Rate(now)
	if before > 0 && now.Sub(t.from) > window && took < t.proven/3 {
		t.ceiling, t.proven = 0, 0
		t.idling = min(max(2*t.idling, leastIdle), mostIdle)
		t.idle = now.Add(t.idling)
		return
	}
	t.proven = max(t.proven, took)
	ceiling := took
	if before > 0 {
		ceiling = min(max(took, before/2), before)
	}
	if t.ceiling > 0 && now.Sub(t.from) > t.climb && math.Abs(ceiling/t.ceiling-1) <= alike {
		t.climb = min(2*t.climb, mostClimb)
	} else {
		t.climb = leastClimb
	}
	t.ceiling = max(ceiling, leastRate)
}

// RefusedFor is how long the gateway has answered nothing but refusals.
func (t *Tempo) RefusedFor(now time.Time) time.Duration {
	if t.refused.IsZero() {
		return 0
	}
	return now.Sub(t.refused)
}

// sent is how many requests left in the window that ends then, but for the refused.
func (t *Tempo) sent(now, end time.Time) int {
	t.advance(now)
	last := min(sliceOf(end), t.slice)
	n := 0
	for s := max(t.slice-slices+1, 0); s <= last; s++ {
		n += t.counts[s%slices]
	}
	return n
}

// forget takes a refused request out of the count.
func (t *Tempo) forget(left time.Time) {
	if s := sliceOf(left); s > t.slice-slices && s <= t.slice && t.counts[s%slices] > 0 {
		t.counts[s%slices]--
	}
}

// advance moves the window up to now.
func (t *Tempo) advance(now time.Time) {
	newest := sliceOf(now)
	if newest-t.slice >= slices {
		t.counts = [slices]int{}
		t.slice = newest
	}
	for t.slice < newest {
		t.slice++
		t.counts[t.slice%slices] = 0
	}
}

func sliceOf(at time.Time) int64 { return at.UnixNano() / int64(window/slices) }
