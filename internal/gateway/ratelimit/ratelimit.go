// Package ratelimit finds the request rate of a gateway that has answered 429. It is a pure rule: time is passed in.
package ratelimit

import (
	"math"
	"time"
)

const (
	// window is the time over which requests are counted, in slices.
	window = time.Second
	slices = 20
	// leastRate is the slowest rate, in requests a second: below it only pauses slow the requests down.
	leastRate = 1.0
	// cut is the share of the ceiling to which the rate is cut, eased the share to which it soon climbs back.
	eased, cut = 0.95, 0.8
	// leastClimb and mostClimb bound the time for that climb.
	leastClimb, mostClimb = 4 * time.Second, 64 * time.Second
	// fewTaken is how many requests a gateway must have accepted in a second before a first rate is set: others may have used up its limit.
	fewTaken = 5
	// leastIdle and mostIdle bound the time in which no rate is set, after refusals that did not depend on the rate.
	leastIdle, mostIdle = 2 * time.Minute, 30 * time.Minute
	// alike is how much two ceilings may differ, as a share, and count as the same limit of the gateway.
	alike = 0.05
	// mostPause bounds every pause; firstPause is the first pause if the gateway names none.
	firstPause, mostPause = time.Second, time.Minute
)

// Limiter limits the requests a second to a gateway that has answered that there are too many (status 429). After the first such answer it sends
// nothing for as long as the answer asks, then four fifths of what the gateway accepted in the second before. The rate rises with time, in the end
// beyond that, to find out whether the gateway accepts more by then. A rate that is refused again and again is tried ever more rarely. Requests that
// were sent before the cut say nothing new. The zero Limiter limits nothing. It is not safe for concurrent use.
type Limiter struct {
	ceiling float64       // requests a second that were too many; 0: no rate
	cutAt   time.Time     // when that was found
	from    time.Time     // when sending went on
	climb   time.Duration // until the rate is back at the eased share
	next    time.Time     // when the next request may leave
	pauses  int           // in a row, with nothing accepted in between
	refused time.Time     // the first of the newest refusals in a row; zero: the newest answer was none
	proven  float64       // the most requests a second that were accepted before a refusal, since the first rate
	idle    time.Time     // until then refusals set no rate
	idling  time.Duration // how long that was

	counts [slices]int // requests that were sent and not refused, by slice of the window
	slice  int64       // the newest slice
}

// Active reports whether a request may have to wait.
func (l *Limiter) Active(now time.Time) bool { return l.ceiling > 0 || now.Before(l.next) }

// Rate is how many requests a second may be sent at that time; 0: no limit.
func (l *Limiter) Rate(at time.Time) float64 {
	if l.ceiling == 0 {
		return 0
	}
	u := max(at.Sub(l.from).Seconds(), 0)/l.climb.Seconds() - 1
	return max(leastRate, l.ceiling*(eased+(eased-cut)*u*u*u))
}

// Reserve takes the next turn, and returns how long to wait for it.
func (l *Limiter) Reserve(now time.Time) time.Duration {
	const late = 50 * time.Millisecond // how late timers may be without losing turns
	if l.ceiling == 0 {
		return max(0, l.next.Sub(now))
	}
	at := l.next
	if now.Sub(at) > late {
		at = now.Add(-late)
	}
	if at.Before(l.from) {
		at = l.from
	}
	r := l.Rate(at)
	if now.Sub(l.from) > 2*l.climb && r > 2*float64(l.sent(now, now)+1) { // far fewer requests are sent than the limit allows
		l.ceiling, l.next = 0, now
		return 0
	}
	l.next = at.Add(time.Duration(float64(time.Second) / r))
	return max(0, at.Sub(now))
}

// Began notes that a request is sent.
func (l *Limiter) Began(now time.Time) {
	l.advance(now)
	l.counts[l.slice%slices]++
}

// Accepted notes an answer other than a refusal, to a request that was sent at that time.
func (l *Limiter) Accepted(left time.Time) {
	if left.Before(l.cutAt) {
		return
	}
	l.pauses, l.refused = 0, time.Time{}
}

// TooMany notes that a request was answered that there are too many. wish is how long the gateway asked to wait; 0: it did not say. lower says that
// the rate may be the reason: it is cut, once for all requests that were sent by then. TooMany reports whether reserved turns are void now.
func (l *Limiter) TooMany(now, left time.Time, wish time.Duration, lower bool) (changed bool) {
	count := max(l.sent(now, left)-1, 1)
	l.forget(left)
	row := !l.refused.IsZero() // nothing was accepted since the last refusal
	if !row {
		l.refused = now
	}
	wish = min(wish, mostPause)
	switch {
	case left.Before(l.cutAt) || !lower:
		return wish > 0 && l.pause(now.Add(wish))
	case now.Before(l.idle):
		if !row {
			return false
		}
	case l.ceiling > 0 || count >= fewTaken || l.pauses > 1:
		l.lower(now, float64(count))
	}
	l.cutAt = now
	if wish <= 0 {
		wish = min(firstPause<<min(l.pauses, 6), mostPause)
	}
	l.pauses++
	l.pause(now.Add(wish))
	return true
}

// pause holds requests back until then, and reports whether that is longer than before.
func (l *Limiter) pause(until time.Time) bool {
	if !until.After(l.from) {
		return false
	}
	l.from, l.next = until, until
	return true
}

// lower cuts the rate; took is how many requests the gateway accepted in the second before. If it refuses at a third of what it accepted earlier,
// the rate is not the reason, and none is set for a while.
func (l *Limiter) lower(now time.Time, took float64) {
	before := l.Rate(now)
	if before > 0 && now.Sub(l.from) > window && took < l.proven/3 {
		l.ceiling, l.proven = 0, 0
		l.idling = min(max(2*l.idling, leastIdle), mostIdle)
		l.idle = now.Add(l.idling)
		return
	}
	l.proven = max(l.proven, took)
	ceiling := took
	if before > 0 {
		ceiling = min(max(took, before/2), before)
	}
	if l.ceiling > 0 && now.Sub(l.from) > l.climb && math.Abs(ceiling/l.ceiling-1) <= alike {
		l.climb = min(2*l.climb, mostClimb)
	} else {
		l.climb = leastClimb
	}
	l.ceiling = max(ceiling, leastRate)
}

// RefusedFor is how long the gateway has answered nothing but refusals.
func (l *Limiter) RefusedFor(now time.Time) time.Duration {
	if l.refused.IsZero() {
		return 0
	}
	return now.Sub(l.refused)
}

// sent is how many requests were sent in the window that ends then, without the refused.
func (l *Limiter) sent(now, end time.Time) int {
	l.advance(now)
	last := min(sliceOf(end), l.slice)
	n := 0
	for s := max(l.slice-slices+1, 0); s <= last; s++ {
		n += l.counts[s%slices]
	}
	return n
}

// forget takes a refused request out of the count.
func (l *Limiter) forget(left time.Time) {
	if s := sliceOf(left); s > l.slice-slices && s <= l.slice && l.counts[s%slices] > 0 {
		l.counts[s%slices]--
	}
}

// advance moves the window up to now.
func (l *Limiter) advance(now time.Time) {
	newest := sliceOf(now)
	if newest-l.slice >= slices {
		l.counts = [slices]int{}
		l.slice = newest
	}
	for l.slice < newest {
		l.slice++
		l.counts[l.slice%slices] = 0
	}
}

func sliceOf(at time.Time) int64 { return at.UnixNano() / int64(window/slices) }
