package gateway

// relief remembers that the limit was lowered because requests were dropped, until it is known whether fewer are dropped since. The zero relief:
// it was not lowered.
type relief struct {
	from      int     // the limit before; 0: it was not lowered
	share     float64 // the share of requests that were dropped at that limit
	tolerated float64 // the share that is dropped at every limit
}

// verdictOfRelief is what follows from the share of requests that is dropped at a lower limit.
type verdictOfRelief int

const (
	lowEnough  verdictOfRelief = iota // fewer are dropped
	lowerStill                        // as many, and the limit can be lowered further
	noMatter                          // as many at every limit that was tried
)

// begin notes that the limit is lowered from there. Only the first of several times in a row counts.
func (r *relief) begin(from int, share float64) {
	if r.from == 0 {
		r.from, r.share = from, share
	}
}

// judge judges the share of requests that is dropped at a lower limit. Where nearly all are dropped, nothing is lost by going down to 1; else a
// quarter is low enough to see a difference.
func (r *relief) judge(share float64, limit int) verdictOfRelief {
	lowest := 1
	if r.share < 0.9 {
		lowest = max(r.from/4, 1)
	}
	switch {
	case share <= r.share/3:
		r.from = 0
		return lowEnough
	case limit > lowest:
		return lowerStill
	}
	return noMatter
}

// see takes the share that a trial lost: the tolerated share follows it slowly.
func (r *relief) see(share float64) { r.tolerated += (min(share, 2*r.tolerated) - r.tolerated) / 8 }

// end returns the limit that it was lowered from, and tolerates that share from now on.
func (r *relief) end(share float64) (from int) {
	from = r.from
	*r = relief{tolerated: share}
	return from
}

// taken is how many requests were open at most when the gateway accepted one lately.
type taken struct{ requests, now, before int }

// count adds an accepted request.
func (t *taken) count(open int) {
	const lately = 200
	if t.requests >= lately {
		*t = taken{before: t.now}
	}
	t.requests++
	t.now = max(t.now, open)
}

// most is how many were open at most; 0: none was accepted.
func (t *taken) most() int { return max(t.now, t.before) }
