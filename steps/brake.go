package steps

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/brake"
	"duly/internal/payment"
)

// Brake counts the bad answers that each gateway gives in this run, between two judgements by what is stored. It holds
// requests back as soon as there have been enough of them to stop the gateway, until it is judged again: at most as many
// customers as have a request on its way are charged after the answer that stops it. It is safe for concurrent use.
//
// The nil Brake, and a gateway that [Brake.Judged] was not called for, hold nothing back.
type Brake struct {
	mu    sync.Mutex
	lanes map[string]*brakeLane
}

// brakeLane are the bad answers of one gateway.
type brakeLane struct {
	room      int // bad answers that it takes to stop the gateway
	unread    int // bad answers that the last judgement does not know
	unsettled int // of those, bad answers that are not stored
	judged    chan struct{}
}

// recheckBrake is how often a request that is held back looks whether the run ends.
const recheckBrake = 20 * time.Millisecond

func (b *Brake) lane(gateway string) *brakeLane {
	if b.lanes == nil {
		b.lanes = map[string]*brakeLane{}
	}
	l := b.lanes[gateway]
	if l == nil {
		l = &brakeLane{room: math.MaxInt32, judged: make(chan struct{})}
		b.lanes[gateway] = l
	}
	return l
}

// Watch counts an answer that is yet to be stored.
func (b *Brake) Watch(gateway string, o payment.Outcome) {
	if b == nil || !brake.Alarming(o) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lane(gateway)
	l.unread++
	l.unsettled++
}

// Stored is called when answers are stored or given up, and returns the gateways that should be judged now.
func (b *Brake) Stored(results []billing.Result) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for _, r := range results {
		if !brake.Alarming(r.Answer.Outcome) {
			continue
		}
		l := b.lane(r.Claimed.Gateway)
		l.unsettled = max(0, l.unsettled-1)
	}
	for name, l := range b.lanes {
		// At half the way, so that few requests are ever held back.
		if l.unread > l.unsettled && 2*l.unread >= l.room {
			names = append(names, name)
		}
	}
	return names
}

// Judged is called when a gateway was judged by what is stored, and not stopped: so many further bad answers stop it.
func (b *Brake) Judged(gateway string, room int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lane(gateway)
	l.room, l.unread = room, l.unsettled
	close(l.judged)
	l.judged = make(chan struct{})
}

// Stopped is called when a gateway was stopped: nothing waits for it any more.
func (b *Brake) Stopped(gateway string) { b.Judged(gateway, math.MaxInt32) }

// held is the judgement that requests to a gateway wait for; nil: none.
func (b *Brake) held(gateway string) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.lane(gateway); l.unread >= l.room {
		return l.judged
	}
	return nil
}

// await waits until a request may be sent to a gateway, as far as the brake goes. The error says that the run ends, or that no
// judgement came for as long as a lease lasts.
func (b *Brake) await(ctx context.Context, gateway string) error {
	if b == nil {
		return nil
	}
	x, long := batch.Execution(ctx), (<-chan time.Time)(nil)
	for {
		judged := b.held(gateway)
		if judged == nil {
			return nil
		}
		if long == nil {
			long = time.After(x.Run.Lease)
		}
		select {
		case <-judged:
		case <-x.Stopping():
			return batch.ErrStopped
		case <-ctx.Done():
			return batch.ErrStopped
		case <-long:
			return errors.New("not sent: the gateway's last answers could not be judged")
		case <-time.After(recheckBrake):
			if x.Halted() != nil || x.Lease.Left() <= 0 {
				return errors.New("the run ends")
			}
		}
	}
}
