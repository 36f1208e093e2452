package core

import (
	"context"
	"net/http"
	"time"

	"duly/internal/gateway/simulator/pace"
	"duly/internal/gateway/simulator/plan"
)

// call is one request on its way through the gateway.
type call struct {
	operation string
	path      string
	strike    plan.Strike
	delay     time.Duration // until it takes effect
	slowBy    time.Duration
	lateBy    time.Duration
	retry     time.Duration
	// refused is the answer, if the request was turned away at the door. Inside: it had come so far that the provider may
	// keep this answer under its key.
	refused *Answer
	inside  bool
	// reserve, if set, is called on arrival and may turn the request away.
	reserve func() (Answer, bool)
	// effect does what was asked for.
	effect func() Answer
	// settle, if set, is told the answer.
	settle  func(Answer)
	started time.Time
}

// admit begins a call, for those who hold mu: it counts it and checks what concerns all operations alike.
func (s *Simulator) admit(operation string, r *http.Request) *call {
	s.arrived(operation)
	now := s.clock()
	c := &call{operation: operation, path: r.URL.Path, started: now, strike: plan.Strike{Effect: true}}
	if a, turned, inside := s.turnAway(r, now); turned {
		refused := a
		c.refused, c.inside = &refused, inside
	}
	return c
}

// turnAway answers a request that comes no further than the door; turned is false for one that does. Inside: the account was looked
// at, so the provider may keep the answer under the request's key.
func (s *Simulator) turnAway(r *http.Request, now time.Time) (a Answer, turned, inside bool) {
	switch {
	case s.outage(now):
		switch s.cfg.OutageAnswer {
		case plan.OutageDrop:
			return Answer{dropped: true}, true, false
		case plan.OutageNotExecuted:
			return s.dialect.Refuse(NothingDone, "").broken(), true, false
		}
		return Plain(http.StatusServiceUnavailable), true, false
	case s.cfg.Token != "" && !s.dialect.Authorized(r, s.cfg.Token):
		return s.dialect.Refuse(NoCredentials, ""), true, false
	case s.cfg.Forbidden:
		return s.dialect.Refuse(NoPermission, ""), true, true
	case s.overLimit(now):
		return s.tooMany(time.Second), true, false
	}
	return Answer{}, false, false
}

func (s *Simulator) outage(now time.Time) bool {
	since := now.Sub(s.start)
	for _, w := range s.cfg.Outages {
		if w.Contains(since) {
			return true
		}
	}
	return s.cfg.Outage
}

// overLimit counts the request against its second.
func (s *Simulator) overLimit(now time.Time) bool {
	if second := now.Unix(); second != s.second {
		s.second, s.served = second, 0
	}
	s.served++
	return s.cfg.RateLimit > 0 && s.served > s.cfg.RateLimit
}

// meet decides how long a call takes and what goes wrong with it, for those who hold mu. A call that was
// turned away is answered without delay.
func (s *Simulator) meet(c *call, f *plan.Faults, subject string, n uint32, planted plan.StrikeRule) {
	if c.refused != nil {
		return
	}
	stretch := pace.Stretch(s.cfg.Knee, s.cfg.Slowdown, c.started.Sub(s.start), s.stats.Requests[OpCreate], s.open)
	c.delay = time.Duration(stretch * float64(s.cfg.Latency.Draw(s.cfg.Seed, c.operation+" "+subject, n)))
	c.slowBy, c.lateBy, c.retry = f.Slowness(), f.Lateness(), f.RetryAfter
	if planted.Fault != plan.NoFault {
		if n <= planted.First {
			c.strike = plan.NewStrike(planted.Fault, plan.Stream(s.cfg.Seed, plan.ForFault, subject, n))
			c.strike.Effect = planted.Effect
		}
	} else {
		to := 0.0
		if c.operation == OpCreate {
			to = s.cfg.Rise.Share(f, c.started.Sub(s.start), s.stats.Requests[OpCreate])
		}
		c.strike = f.Draw(s.cfg.Seed, subject, n, to)
	}
	if c.strike.Fault != plan.NoFault {
		s.stats.Faults[c.strike.Fault]++
	}
}

// run takes a call to its answer. What was asked for takes place even if the caller has gone.
func (s *Simulator) run(ctx context.Context, c *call) Answer {
	defer s.track()()
	a := s.perform(ctx, c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.settle != nil {
		c.settle(a)
	}
	s.answered(c.operation, a, s.clock().Sub(c.started))
	return a
}

func (s *Simulator) perform(ctx context.Context, c *call) Answer {
	if c.refused != nil {
		return *c.refused
	}
	deaf := context.WithoutCancel(ctx)
	if c.strike.Fault == plan.Late {
		if !s.landLater(c) {
			c.land()
		}
		return Answer{dropped: true}
	}
	if !c.strike.Effect {
		s.wait(deaf, c.delay)
		return s.spoil(c, Answer{})
	}
	if c.reserve != nil {
		if a, turned := c.reserve(); turned {
			s.wait(ctx, c.delay)
			return a
		}
	}
	if c.strike.Fault == plan.Slow {
		a := c.effect()
		s.wait(ctx, c.delay+c.slowBy)
		return a
	}
	s.wait(deaf, c.delay)
	return s.spoil(c, c.effect())
}

// track makes Close wait until the returned function is called.
func (s *Simulator) track() func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return func() {}
	}
	s.requests.Add(1)
	return s.requests.Done
}

// reply is run, with the answer written.
func (s *Simulator) reply(w http.ResponseWriter, r *http.Request, c *call) {
	a := s.run(r.Context(), c)
	testify(r.Context(), a)
	a.write(w)
}
