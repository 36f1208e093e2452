package gateway

import (
	"cmp"
	"context"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
)

// reading is what the answer to one request means for its pacing.
type reading struct {
	failure       bool // it counts against the circuit
	down          bool // the circuit opens, whatever it counts
	misconfigured bool // our credentials were refused
	reason        string
	// again: the same request once more may do better, and can do no harm.
	again   bool
	wish    time.Duration // how long the gateway asked us to wait
	tooMany bool          // it is sent too many requests; only noted with [Limits.Auto]
	outcome string        // for the observer
	count   func(*Stats)
}

// ending is what the answer says of how many requests may be open at once.
func (r reading) ending() ending {
	switch {
	case r.tooMany:
		return tooManyAnswered
	case r.misconfigured:
		return saysNothing
	case r.failure || r.again || r.wish > 0:
		return dropped
	}
	return answered
}

// verdict says what follows from one try: whether there is another, and after how long.
type verdict struct {
	again bool
	wait  time.Duration
}

// retries is failsafe's loop around tries that decide by themselves whether and when the next one comes.
func retries() retrypolicy.RetryPolicy[verdict] {
	return retrypolicy.NewBuilder[verdict]().
		WithMaxAttempts(-1).
		HandleIf(func(v verdict, _ error) bool { return v.again }).
		WithDelayFunc(func(e failsafe.ExecutionAttempt[verdict]) time.Duration { return e.LastResult().wait }).
		ReturnLastFailure().
		Build()
}

// requests calls send, which makes one request of that sort, until its reading says that there is nothing to repeat, the
// most tries or MaxElapsed are used up, or waiting for the next try has to end. It returns how many requests
// left, and why the next one was not admitted, if one was wanted.
func (p *Limited) requests(ctx context.Context, most int, what Request, send func(context.Context) reading) (tries int, held string) {
	c := call{paced: p, what: what, most: min(most, p.limits.Tries)}
	if !c.once(ctx, send) {
		c = c.repeat(ctx, send)
	}
	return c.tries, c.held
}

// call is one call of requests.
type call struct {
	paced *Limited
	what  Request
	most  int     // tries that count
	spent int     // of those
	first verdict // of a request that had to wait for nothing, unless repeat has it
	tries int     // requests that were sent
	held  string
	began time.Time // of the first request
	rests bool      // it waits for the next try
}

// once makes the first request if there is nothing to wait for, and reports whether that is all. It nearly always is: most calls are one request.
func (c *call) once(ctx context.Context, send func(context.Context) reading) (all bool) {
	leave, atOnce := c.paced.admitNow(ctx)
	if !atOnce {
		return false
	}
	c.first = c.sendUnder(ctx, leave, send)
	return !c.first.again
}

// repeat makes the requests that are left after once.
func (c call) repeat(ctx context.Context, send func(context.Context) reading) call {
	waiting, cancel := c.paced.waiting(ctx)
	defer cancel(nil)
	defer c.rested()
	// failsafe's own result is lost when waiting ends during a request; send keeps what it was answered.
	_, _ = failsafe.With(c.paced.retries).WithContext(waiting).Get(func() (v verdict, _ error) {
		if v, c.first = c.first, v; v.again {
			return v, nil
		}
		return c.try(ctx, waiting, send), nil
	})
	return c
}

// rest and rested count the time between two tries.
func (c *call) rest() {
	c.rests = true
	c.paced.meter.enter(inBackoff)
}

func (c *call) rested() {
	if c.rests {
		c.rests = false
		c.paced.meter.leave(inBackoff)
	}
}

// try sends one request and says whether there should be another.
func (c *call) try(ctx, waiting context.Context, send func(context.Context) reading) verdict {
	p := c.paced
	c.rested()
	if c.tries > 0 && p.limits.MaxElapsed > 0 {
		left := p.limits.MaxElapsed - p.limits.Now().Sub(c.began)
		limited, cancel := context.WithTimeoutCause(waiting, left, errElapsed)
		defer cancel()
		waiting = limited
	}
	leave, err := p.admit(waiting, c.tries > 0)
	if err != nil {
		c.held = p.why(err)
		return verdict{}
	}
	return c.sendUnder(ctx, leave, send)
}

// sendUnder sends one request under a permit and says whether there should be another.
func (c *call) sendUnder(ctx context.Context, leave permit, send func(context.Context) reading) verdict {
	p := c.paced
	r, refused := c.pass(ctx, leave, send)
	if r.misconfigured {
		p.leave("refused our credentials: " + r.reason)
	}
	if refused || !r.again {
		return verdict{}
	}
	elapsed := p.limits.Now().Sub(c.began)
	// That there are too many requests says nothing of this one.
	if !r.tooMany || elapsed > cmp.Or(p.limits.MaxElapsed, Defaults().MaxElapsed) {
		c.spent++
	}
	wait := p.limits.waitBefore(max(c.spent, 1), r.wish)
	if c.spent >= c.most || p.limits.MaxElapsed > 0 && elapsed+wait > p.limits.MaxElapsed {
		return verdict{}
	}
	c.rest()
	return verdict{again: true, wait: wait}
}

// pass sends a request under a permit, and tells whether the guard kept it from leaving.
func (c *call) pass(ctx context.Context, leave permit, send func(context.Context) reading) (r reading, refused bool) {
	p := c.paced
	defer leave.end() // also when something below panics: a probe's place and a slot must not be kept for ever
	watch := &watched{}
	start := p.limits.Now()
	if c.tries == 0 {
		c.began = start
	}
	how, sample := saysNothing, p.auto.began(start, c.what.Kind, leave.epoch)
	defer func() {
		p.auto.ended(sample, how, r.wish)
		p.refusedLong()
	}()
	r = c.observed(context.WithValue(ctx, watchedKey{}, watch), watch, start, send)
	r.tooMany = p.limits.Auto > 0 && watch.tooMany.Load()
	if watch.refused.Load() {
		return r, true
	}
	how = r.ending()
	c.tries++
	if r.failure {
		p.failed(r.reason)
	}
	leave.record(r.failure)
	if r.down {
		leave.trip()
	}
	p.count(p.limits.Now().Sub(start), c.tries > 1, func(s *Stats) {
		r.count(s)
		if r.misconfigured {
			s.Misconfigured++
		}
	})
	return r, false
}

// refusedLong stops using the gateway once it has answered nothing but 429 for as long as an outage may last.
func (p *Limited) refusedLong() {
	if most := p.limits.MaxOutage; most > 0 && p.auto.refusedFor() >= most {
		p.leave("gateway answers 429 to everything for " + brief(most))
	}
}

// observed sends a request that the observer is told of, also if something below panics.
func (c *call) observed(ctx context.Context, watch *watched, start time.Time, send func(context.Context) reading) (r reading) {
	if c.paced.limits.Observe == nil {
		return send(ctx)
	}
	c.what.Try = c.tries + 1
	ctx, tell := c.paced.observe(ctx, c.what)
	r.outcome = saidNothing
	defer func() {
		tell(Answer{
			Outcome: r.outcome, Reason: r.reason, Failure: r.failure, Unsent: watch.refused.Load(), Took: c.paced.limits.Now().Sub(start),
		})
	}()
	return send(ctx)
}
