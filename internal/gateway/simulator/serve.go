package simulator

import (
	"context"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"duly/internal/gateway/simulator/pace"
)

// call is one request on its way through the gateway.
type call struct {
	operation string
	path      string
	strike    strike
	delay     time.Duration // until it takes effect
	slowBy    time.Duration
	lateBy    time.Duration
	retry     time.Duration
	// refused is the answer, if the request was turned away at the door.
	refused *answer
	// reserve, if set, is called on arrival and may turn the request away.
	reserve func() (answer, bool)
	// effect does what was asked for.
	effect func() answer
	// settle, if set, is told the answer.
	settle  func(answer)
	started time.Time
}

// admit begins a call, for those who hold mu: it counts it and checks what concerns all operations alike.
func (s *Simulator) admit(operation string, r *http.Request) *call {
	s.arrived(operation)
	now := s.clock()
	c := &call{operation: operation, path: r.URL.Path, started: now, strike: strike{effect: true}}
	c.refused = s.turnAway(r, now)
	return c
}

func (s *Simulator) turnAway(r *http.Request, now time.Time) *answer {
	a := answer{}
	switch {
	case s.outage(now):
		switch s.cfg.OutageAnswer {
		case outageDrop:
			a = answer{dropped: true}
		case outageNotExecuted:
			a = notExecutedAnswer()
		default:
			a = plain(http.StatusServiceUnavailable)
		}
	case !s.authorized(r):
		a = refusal(http.StatusUnauthorized, "unauthorized", "the bearer token is missing or wrong")
	case s.cfg.Forbidden:
		a = refusal(http.StatusForbidden, "forbidden", "this account may not do that")
	case s.overLimit(now):
		a = tooManyAnswer(time.Second)
	default:
		return nil
	}
	return &a
}

func (s *Simulator) authorized(r *http.Request) bool {
	if s.cfg.Token == "" {
		return true
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare([]byte(token), []byte(s.cfg.Token)) == 1
}

func (s *Simulator) outage(now time.Time) bool {
	since := now.Sub(s.start)
	for _, w := range s.cfg.Outages {
		if w.contains(since) {
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
func (s *Simulator) meet(c *call, f *Faults, subject string, n uint32, planted strikeRule) {
	if c.refused != nil {
		return
	}
	stretch := pace.Stretch(s.cfg.Knee, s.cfg.Slowdown, c.started.Sub(s.start), s.stats.Requests[opCreate], s.open)
	c.delay = time.Duration(stretch * float64(s.cfg.Latency.draw(s.cfg.Seed, c.operation+" "+subject, n)))
	c.slowBy, c.lateBy, c.retry = f.slowness(), f.lateness(), f.RetryAfter
	if planted.fault != noFault {
		if n <= planted.first {
			c.strike = newStrike(planted.fault, stream(s.cfg.Seed, forFault, subject, n))
			c.strike.effect = planted.effect
		}
	} else {
		to := 0.0
		if c.operation == opCreate {
			to = s.cfg.Rise.share(f, c.started.Sub(s.start), s.stats.Requests[opCreate])
		}
		c.strike = f.draw(s.cfg.Seed, subject, n, to)
	}
	if c.strike.fault != noFault {
		s.stats.Faults[c.strike.fault]++
	}
}

// run takes a call to its answer. What was asked for takes place even if the caller has gone.
func (s *Simulator) run(ctx context.Context, c *call) answer {
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

func (s *Simulator) perform(ctx context.Context, c *call) answer {
	if c.refused != nil {
		return *c.refused
	}
	deaf := context.WithoutCancel(ctx)
	if c.strike.fault == Late {
		if !s.landLater(c) {
			c.land()
		}
		return answer{dropped: true}
	}
	if !c.strike.effect {
		s.wait(deaf, c.delay)
		return c.strike.spoil(answer{}, c.retry, c.path)
	}
	if c.reserve != nil {
		if a, turned := c.reserve(); turned {
			s.wait(ctx, c.delay)
			return a
		}
	}
	if c.strike.fault == Slow {
		a := c.effect()
		s.wait(ctx, c.delay+c.slowBy)
		return a
	}
	s.wait(deaf, c.delay)
	return c.strike.spoil(c.effect(), c.retry, c.path)
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
	s.run(r.Context(), c).write(w)
}
