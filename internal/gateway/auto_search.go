package gateway

import (
	"math"
	"time"
)

const (
	// startAt is the limit that the search begins with.
	startAt = 8
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

func newSearch(most int) *search {
	first := min(startAt, most)
	s := &search{most: most, limit: first, best: first, usual: make(map[RequestKind]float64), up: true, step: coarse, resting: 1}
	s.trial.restart(leastTrial)
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
	if float64(s.open) >= crowded*float64(s.limit) && len(s.trial.samples) < room {
		ref.index = s.trial.add(sample{kind: kind, start: now})
	}
	return ref
}

func (s *search) ended(ref sampleRef, now time.Time, how ending) {
	s.open--
	switch {
	case ref.trial == s.trial.number && ref.index >= 0:
		s.trial.end(ref.index, now, how)
	case how == dropped && ref.limit <= s.limit: // with as many open now it would be dropped too
		s.trial.drops++
	}
	if ref.index < 0 && ref.limit == s.limit && s.loose.count(ref.open, how) { // more than that are not taken, and there is room for more
		s.lower(s.loose.used())
	}
	for number := s.trial.number; number == s.trial.number && s.trial.ready(); {
		s.judge(now)
	}
}

// lower makes to the limit, unless it is lower already, because requests are dropped: there is nothing to compare.
func (s *search) lower(to int) {
	s.loose = loose{}
	if to = max(to, 1); to < s.best {
		s.best, s.known = to, false
		s.step, s.hits, s.misses, s.resting, s.ceiling = coarse, 0, 0, 1, 0
	}
	s.settle()
	s.trial.restart(leastTrial)
}

// judge ends the trial, or makes it longer.
func (s *search) judge(now time.Time) {
	l := s.trial.measure(now, s.usual, s.at.cost)
	switch {
	case s.trial.failing() && s.limit > s.best:
		s.miss()
	case s.trial.failing():
		s.lower(s.limit / 2)
	case !s.known:
		s.known, s.at = true, l
		s.try(l.cost < dropCost/10) // where a tenth is dropped, fewer may be better
	case s.trying:
		s.compare(l)
	default:
		s.watch(l)
	}
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
		to = max(to, s.best+1)
	}
	to = min(max(to, 1), s.most)
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
