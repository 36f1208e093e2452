package gateway

import "context"

// waiting derives the context that every wait of one call happens under. It ends when the gateway is left
// alone or the guard of ctx wants to stop; a request under way does not, it goes by ctx.
func (p *Paced) waiting(ctx context.Context) (context.Context, context.CancelCauseFunc) {
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
	paced    *Paced
	epoch    int // of the circuit
	recorded *bool
}

// admit waits for the circuit, for the rate and for a slot. The circuit's permit comes first, so that nobody
// spends a rate permit or holds a slot while the gateway is down, and is taken anew if the circuit changed
// meanwhile. A slot comes last, so that none is held by a wait.
func (p *Paced) admit(waiting context.Context) (permit, error) {
	for {
		if waiting.Err() != nil {
			return permit{}, context.Cause(waiting)
		}
		epoch, err := p.circuit.acquire(waiting)
		if err != nil {
			return permit{}, err
		}
		if p.rate != nil && p.rate.AcquirePermit(waiting) != nil || !p.takeSlot(waiting) {
			p.circuit.release(epoch)
			return permit{}, context.Cause(waiting)
		}
		if p.circuit.current(epoch) {
			return permit{paced: p, epoch: epoch, recorded: new(bool)}, nil
		}
		p.giveSlot()
	}
}

// takeSlot waits for a slot, if they are limited; false: waiting ended.
func (p *Paced) takeSlot(waiting context.Context) bool {
	if p.limits.Slots == nil {
		return true
	}
	select {
	case p.limits.Slots <- struct{}{}:
		return true
	case <-waiting.Done():
		return false
	}
}

func (p *Paced) giveSlot() {
	if p.limits.Slots != nil {
		<-p.limits.Slots
	}
}

// record takes the result of the permit's request.
func (l permit) record(failed bool) {
	*l.recorded = true
	l.paced.circuit.record(l.epoch, failed)
}

// end gives the slot back and, if there was no result, the circuit's permit.
func (l permit) end() {
	l.paced.giveSlot()
	if !*l.recorded {
		l.paced.circuit.release(l.epoch)
	}
}
