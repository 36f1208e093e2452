package report

import (
	"slices"
	"time"
)

const (
	// firstWidth is the initial width of a bucket. It doubles when there are more than mostBuckets.
	firstWidth  = 250 * time.Millisecond
	mostBuckets = 120
)

// Totals count the items of a run since it began.
type Totals struct{ Succeeded, Declined, Others int64 }

func (t Totals) minus(u Totals) Totals {
	return Totals{t.Succeeded - u.Succeeded, t.Declined - u.Declined, t.Others - u.Others}
}

func (t Totals) plus(u Totals) Totals {
	return Totals{t.Succeeded + u.Succeeded, t.Declined + u.Declined, t.Others + u.Others}
}

// Sampler makes a [Pace] of samples of the totals of a run. It has at most mostBuckets buckets, however long the run is. It is
// not safe for concurrent use.
type Sampler struct {
	width   time.Duration
	last    Totals
	elapsed time.Duration
	buckets []Totals
	held    []bool
}

// Every is the interval of samples.
const Every = firstWidth

// Add adds a sample: the totals at elapsed since the run began, and whether a circuit is open. The difference to the sample
// before counts for the bucket of this one.
func (s *Sampler) Add(elapsed time.Duration, now Totals, held bool) {
	if s.width == 0 {
		s.width = firstWidth
	}
	s.elapsed = max(s.elapsed, elapsed)
	for s.elapsed > time.Duration(mostBuckets)*s.width {
		s.halve()
	}
	at := 0
	if s.elapsed > 0 {
		at = int((s.elapsed - 1) / s.width)
	}
	for len(s.buckets) <= at {
		s.buckets, s.held = append(s.buckets, Totals{}), append(s.held, false)
	}
	s.buckets[at] = s.buckets[at].plus(now.minus(s.last))
	s.held[at] = s.held[at] || held
	s.last = now
}

// halve makes one bucket of every two.
func (s *Sampler) halve() {
	s.width *= 2
	for i := range s.buckets {
		if i%2 == 0 {
			s.buckets[i/2], s.held[i/2] = s.buckets[i], s.held[i]
			continue
		}
		s.buckets[i/2] = s.buckets[i/2].plus(s.buckets[i])
		s.held[i/2] = s.held[i/2] || s.held[i]
	}
	half := (len(s.buckets) + 1) / 2
	s.buckets, s.held = slices.Delete(s.buckets, half, len(s.buckets)), slices.Delete(s.held, half, len(s.held))
}

// Pace returns what was sampled so far.
func (s *Sampler) Pace() Pace {
	p := Pace{Seconds: s.elapsed.Seconds(), Width: s.width.Seconds()}
	for i, b := range s.buckets {
		p.Succeeded, p.Declined, p.Others = append(p.Succeeded, b.Succeeded), append(p.Declined, b.Declined), append(p.Others, b.Others)
		if s.held[i] {
			p.Held = append(p.Held, i)
		}
	}
	return p
}
