package gateway

import (
	"math"
	"time"
)

const (
	// startAt is the limit at the start, rampTo the one that it is doubled to before anything is compared.
	startAt, rampTo = 2, 8
	// steep is by how much the latency of a doubling may grow at the start, as a logarithm: it grows with the square of the limit, by 2 ln 2.
	steep = 0.9
	// near is the share of the time-out that slow answers may come to, and far that from which the limit does not grow.
	near, far = 0.6, 0.5
	// worth is how much of a higher limit may be eaten up by longer latencies: with 10 % more requests open that each take
	// 7.5 % longer, a quarter of the gain is left, and less is not worth the load.
	worth = 0.75
	// coarse is the longest step of the limit, a doubling, and fine the shortest, 6 %, as logarithms.
	coarse = math.Ln2
	fine   = 0.06
	// sure is by how many standard errors a trial has to be better or worse to be ended early.
	sure = 2.0
	// doubtful is by how many standard errors a lower limit has to be better: a wrong step down costs what it is long, one up
	// where nothing climbs costs nothing.
	doubtful = 1.0
	// leastTrial and mostTrial bound the requests of a trial.
	leastTrial, mostTrial = 20, 200
	// sharp is how much finer the limit at rest has to be known than the step that is tried from it.
	sharp = 4.0
	// mostRest is how many times as long as its trials the search rests at most.
	mostRest = 8
	// shifted is the change of cost at rest from which the gateway counts as another one.
	shifted = 0.15
)

// search looks for the limit at which a gateway answers most requests a second. At rest it watches what latency costs at
// the best limit so far; from time to time it tries a higher or a lower one, and moves there if that is better. The steps
// double while they lead upwards, and get shorter as they fail. A gateway that has become slower or faster is looked
// at anew. Latencies are compared as logarithms, between neighbouring limits a moment apart: what makes
// all of them slower moves nothing. It is not safe for concurrent use.
type search struct {
	most  int
	limit int // at the moment
	open  int // requests
	epoch int // of the circuit
	trial trial
	usual map[RequestKind]float64
	loose loose
	crowd float64 // the share of the limit that is a crowd
	// timeout is that of requests; 0: not known.
	timeout time.Duration
	relief  relief
	taken   taken
	ramp    bool // the limit is still that of the start
	found   bool // a limit has been compared with another, or is the most there may be

	best    int // the limit at rest
	at      level
	known   bool // best has been measured
	trying  bool // limit is not best, but tried
	up      bool
	below   bool // a lower limit has been tried since the gateway last changed
	ceiling int  // that did not do better since the last rest; 0: none
	step    float64
	misses  int // trials in a row that did not do better
	hits    int // and that did
	spent   int // requests of trials since the last rest
	rest    int // requests that are still to be watched before the next trial
	resting int // how many times as long as its trials a rest is
}

func newSearch(most int, timeout time.Duration) *search {
	first := min(startAt, most)
	s := &search{
		most: most, limit: first, best: first, timeout: timeout, crowd: crowded, usual: make(map[RequestKind]float64), ramp: true, up: true, step: coarse, resting: 1,
	}
	s.trial.restart(first)
	return s
}

func (s *search) began(now time.Time, kind RequestKind, epoch int) sampleRef {
	if epoch != s.epoch { // what was measured before an outage is not mixed with what is after it
		s.epoch = epoch
		s.settle()
	}
	s.open++
	const room = 4 * mostTrial
	ref := sampleRef{trial: s.trial.number, index: -1, limit: s.limit, open: s.open}
	if float64(s.open) >= s.crowd*float64(s.limit) && len(s.trial.samples) < room {
		ref.index = s.trial.add(sample{kind: kind, start: now})
	}
	return ref
}

func (s *search) ended(ref sampleRef, now time.Time, how ending) {
	s.open--
	if how == answered || how == dropped {
		s.taken.count(ref.open)
	}
	switch {
	case ref.trial == s.trial.number && ref.index >= 0:
		s.trial.end(ref.index, now, how)
	case ref.limit <= s.limit && (how == answered || how == dropped): // with as many open now it would be the same
		s.trial.late++
		if how == dropped {
			s.trial.drops++
		}
	}
	if ref.index < 0 && ref.limit == s.limit && s.loose.count(ref.open, how, s.relief.tolerated) { // more than that are not taken, and there is room for more
		s.lower(s.loose.used(), s.loose.share())
	}
	for number := s.trial.number; number == s.trial.number && s.trial.ready(); {
		s.judge(now)
	}
}

// crowdedOut takes a request that was answered that there are too many, and reports whether the number of open requests is the reason: no
// more than there are now were taken lately. The limit is lowered to those then.
func (s *search) crowdedOut(ref sampleRef) bool {
	most := s.taken.most()
	if most == 0 || ref.open <= most {
		return false
	}
	if most < s.limit {
		s.ramp, s.found = false, true
		if most < s.best {
			s.best, s.known = most, false
			s.step, s.hits, s.misses, s.resting = fine, 0, 0, 1
		}
		s.ceiling, s.up, s.below = max(s.best+1, ref.open), true, true
		s.settle()
	}
	return true
}

// lower makes to the limit, unless it is lower already, because that share of requests is dropped: there is nothing to compare.
func (s *search) lower(to int, share float64) {
	s.loose, s.ramp = loose{}, false
	s.relief.begin(s.best, share)
	if to = max(to, 1); to < s.best {
		s.best, s.known = to, false
		s.step, s.hits, s.misses, s.resting, s.ceiling = coarse, 0, 0, 1, 0
	}
	s.settle()
	s.trial.restart(2 * leastTrial)
}

// relieved reports whether the search can go on after the limit was lowered. If as much is dropped as before, it is lowered further, and in
// the end as high as it was: what is dropped at every limit is no matter of the limit.
func (s *search) relieved(share float64) bool {
	switch s.relief.judge(share, s.limit) {
	case lowerStill:
		s.lower(s.limit/4, share)
		return false
	case noMatter:
		s.best, s.known = s.relief.end(share), false
		s.trial.most = (1 + share) / 2
		s.settle()
		s.trial.restart(leastTrial)
		return false
	case lowEnough:
	}
	s.trial.most = (1 + s.relief.tolerated) / 2
	return true
}

// judge ends the trial, or makes it longer.
func (s *search) judge(now time.Time) {
	l := s.trial.measure(now, s.usual, s.at.cost)
	s.relief.see(l.share)
	switch {
	case s.trial.failing() && s.limit > s.best:
		s.miss()
	case s.ramp:
		s.climb(l)
	case s.relief.from > 0 && !s.relieved(l.share):
	case s.trial.failing():
		s.lower(s.limit/2, l.share)
	case !s.known:
		s.known, s.at = true, l
		s.try(l.share < max(0.1, 2*s.relief.tolerated)) // where a tenth is dropped, fewer may be better
	case s.trying:
		s.compare(l)
	default:
		s.watch(l)
	}
}

// climb doubles the limit at the start, while that is no risk.
func (s *search) climb(l level) {
	last := s.at
	s.at = l
	to := min(2*s.limit, rampTo, s.highest())
	switch {
	case s.known && l.latency-last.latency > steep:
		s.best, s.limit, s.ramp = max(s.limit/2, 1), max(s.limit/2, 1), false
	case to <= s.limit:
		s.best, s.ramp = s.limit, false
	default:
		s.best, s.limit, s.known = to, to, true
		s.trial.restart(to)
		return
	}
	s.known = false
	s.trial.restart(leastTrial)
}

// highest is the limit that the next step may lead to: the latency may grow with its square, and must stay below the time-out.
func (s *search) highest() int {
	share := s.at.slow.Seconds() / s.timeout.Seconds()
	if s.timeout <= 0 || share <= 0 {
		return s.most
	}
	if share > far {
		return s.best
	}
	return min(s.most, max(s.best+1, int(float64(s.best)*math.Sqrt(near/share))))
}

// compare judges the limit that is tried by that at rest.
func (s *search) compare(l level) {
	allowed := worth * math.Log(float64(s.limit)/float64(s.best)) // negative for a lower one, which has to save that much
	certain := (l.cost - s.at.cost - allowed) / math.Sqrt(l.error2()+s.at.error2())
	if math.Abs(certain) < sure && s.trial.size < mostTrial {
		s.trial.extend(min(s.trial.size*3/2, mostTrial))
		return
	}
	s.spent += s.trial.size
	s.found = true
	if certain < 0 && s.up || certain < -doubtful {
		s.hit(l)
	} else {
		s.miss()
	}
}

// hit moves to the limit that was tried, and goes on in the same direction.
func (s *search) hit(l level) {
	s.best, s.at = s.limit, l
	s.hits, s.misses, s.resting = s.hits+1, 0, 1
	if s.hits > 1 {
		s.step = min(2*s.step, coarse)
	}
	s.try(s.up)
}

// miss tries a shorter step, then one downwards if none was tried, and rests in the end.
func (s *search) miss() {
	s.hits, s.misses = 0, s.misses+1
	s.step = max(s.step/2, fine)
	if s.up {
		s.ceiling = s.limit
	}
	switch {
	case s.up && s.step > fine:
		s.try(true)
	case s.up && !s.below:
		s.try(false)
	default:
		if s.misses > 1 {
			s.resting = min(2*s.resting, mostRest)
		}
		s.up = !s.up
		s.settle()
	}
}

// watch takes what was measured at rest.
func (s *search) watch(l level) {
	change := l.cost - s.at.cost
	if math.Abs(change) > max(shifted, 3*math.Sqrt(l.error2()+s.at.error2())) {
		s.at = l
		s.step = min(max(math.Abs(change)/2, fine), coarse)
		s.hits, s.misses, s.resting, s.below, s.ceiling = 0, 0, 1, false, 0
		s.try(change < 0)
		return
	}
	s.at = s.at.merge(l)
	s.rest -= s.trial.size
	if s.rest > 0 {
		s.watchOn()
		return
	}
	s.ceiling = 0
	s.try(s.up)
}

// settle returns to the best limit, and rests there.
func (s *search) settle() {
	s.limit, s.trying = s.best, false
	s.rest = s.resting * min(max(s.spent, leastTrial), mostTrial)
	s.spent = 0
	s.watchOn()
}

// watchOn begins another measurement at rest.
func (s *search) watchOn() { s.trial.restart(min(max(64, 2*s.limit), 2*mostTrial)) }

// try begins a trial a step up or down from the best limit.
func (s *search) try(up bool) {
	s.up = up
	to := min(int(math.Round(float64(s.best)*math.Exp(-s.step))), s.best-1)
	if up {
		to = int(math.Round(float64(s.best) * math.Exp(s.step)))
		if s.ceiling > 0 {
			to = min(to, int(math.Round(math.Sqrt(float64(s.best*s.ceiling)))))
		}
		to = min(max(to, s.best+1), s.highest())
	}
	to = min(max(to, 1), s.most)
	s.found = s.found || s.best == s.most
	if to == s.best { // there is no further way up, or down
		s.up = !up
		s.settle()
		return
	}
	length := math.Abs(math.Log(float64(to) / float64(s.best)))
	if s.at.size < 2*mostTrial && math.Sqrt(s.at.error2()) > worth*length/sharp {
		s.limit, s.trying, s.rest = s.best, false, 0
		s.trial.restart(min(max(leastTrial, int(s.at.size)), mostTrial))
		return
	}
	s.limit, s.trying = to, true
	s.below = s.below || !up
	s.trial.restart(leastTrial)
}
