package gateway

import "context"

// waiting derives the context that every wait of one call happens under. It ends when the gateway is left
// alone or the guard of ctx wants to stop; a request under way does not, it goes by ctx.
func (p *Limited) waiting(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	waiting, cancel := context.WithCancelCause(ctx)
	stop := stopped(ctx)
	select {
	case <-p.gone:
		cancel(errGone)
		return waiting, cancel
	case <-stop:
		cancel(errStopped)
		return waiting, cancel
	default:
	}
	go func() {
		select {
		case <-p.gone:
			cancel(errGone)
		case <-stop:
			cancel(errStopped)
		case <-waiting.Done():
		}
	}()
	return waiting, cancel
}

// permit is the leave to send one request.
type permit struct {
	paced    *Limited
	epoch    int // of the circuit
	recorded bool
}

// admit waits for a place of its own, where duly finds out how many there should be, for the circuit, for a place of the throttle, for the
// rate and for a slot. The circuit's permit comes before the rate and the throttle, so that nobody spends a rate permit or holds a place
// while the gateway is down, and is taken anew if the circuit changed meanwhile. The throttle comes before the rate, so that nobody with a rate permit is held back to
// leave together with others. A slot comes last, so that no other gateway waits for this one's rate.
// again: a request of the same call was sent before.
func (p *Limited) admit(waiting context.Context, again bool) (leave permit, err error) {
	if waiting.Err() != nil || !p.auto.take(waiting, again) {
		return permit{}, context.Cause(waiting)
	}
	defer func() {
		if err != nil {
			p.auto.give()
		}
	}()
	for {
		if waiting.Err() != nil {
			return permit{}, context.Cause(waiting)
		}
		epoch, err := p.acquire(waiting)
		if err != nil {
			return permit{}, err
		}
		if !p.takePlaces(waiting) {
			p.circuit.release(epoch)
			return permit{}, context.Cause(waiting)
		}
		if p.circuit.current(epoch) {
			p.meter.enter(inRequest)
			return permit{paced: p, epoch: epoch}, nil
		}
		p.givePlaces()
	}
}

// admitNow gives leave to send a request if nothing has to be waited for. If not, or if something ends the call, [Limited.admit] has
// the word. Nobody who waits is overtaken.
func (p *Limited) admitNow(ctx context.Context) (permit, bool) {
	if ctx.Err() != nil || isClosed(p.gone) || isClosed(stopped(ctx)) || p.rate.most() > 0 {
		return permit{}, false
	}
	if !p.auto.takeNow() {
		return permit{}, false
	}
	epoch, ok := p.circuit.acquireNow()
	if !ok || !p.takePlacesNow() {
		p.auto.give()
		return permit{}, false
	}
	p.meter.enter(inRequest)
	return permit{paced: p, epoch: epoch}, true
}

// isClosed reports whether c is closed; nil is not.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (p *Limited) acquire(waiting context.Context) (int, error) {
	p.meter.enter(inCircuit)
	defer p.meter.leave(inCircuit)
	return p.circuit.acquire(waiting)
}

// takePlaces waits for all but the circuit; false: waiting ended, and nothing is held.
func (p *Limited) takePlaces(waiting context.Context) bool {
	if !p.during(waiting, inThrottle, p.bound.Take) {
		return false
	}
	if p.during(waiting, inRate, p.auto.turn) && p.during(waiting, inRate, p.rate.wait) && (p.limits.Slots == nil || p.during(waiting, inSlots, p.limits.Slots.Take)) {
		return true
	}
	p.bound.Give()
	return false
}

// takePlacesNow takes a place of the throttle and a slot, if both are there.
func (p *Limited) takePlacesNow() bool {
	if !p.bound.TakeNow() {
		return false
	}
	if p.limits.Slots == nil || p.limits.Slots.TakeNow() {
		return true
	}
	p.bound.Give()
	return false
}

// during counts the time of a wait.
func (p *Limited) during(waiting context.Context, what phase, wait func(context.Context) bool) bool {
	p.meter.enter(what)
	defer p.meter.leave(what)
	return wait(waiting)
}

func (p *Limited) givePlaces() {
	if p.limits.Slots != nil {
		p.limits.Slots.Give()
	}
	p.bound.Give()
}

// record takes the result of the permit's request.
func (l *permit) record(failed bool) {
	l.recorded = true
	l.paced.circuit.record(l.epoch, failed)
}

// trip opens the circuit, unless it has changed since the permit was given.
func (l *permit) trip() { l.paced.circuit.trip(l.epoch) }

// end gives the places back and, if there was no result, the circuit's permit.
func (l *permit) end() {
	l.paced.meter.leave(inRequest)
	l.paced.givePlaces()
	if !l.recorded {
		l.paced.circuit.release(l.epoch)
	}
	l.paced.auto.give()
}
