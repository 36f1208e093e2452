package steps

import (
	"context"
	"fmt"
	"sync"

	"duly/internal/batch"
	"duly/internal/payment"
)

// brakeWindow is how many answers the brake looks back over.
const brakeWindow = 200

// Brake halts a run in which too many of the last 200 answers say that the row is at fault: a suspended account
// or a wrong URL must not burn a stage for everyone. It is safe for concurrent use.
type Brake struct {
	Percent int // more than this halts

	mu   sync.Mutex
	ring [brakeWindow]bool
	n    int // answers seen
	bad  int // of those in the ring
}

// Watch counts an answer. What says nothing about the row is not one.
func (b *Brake) Watch(ctx context.Context, o payment.Outcome) {
	bad, counts := alarming(o)
	if !counts {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	at := b.n % brakeWindow
	if b.ring[at] {
		b.bad--
	}
	if b.ring[at] = bad; bad {
		b.bad++
	}
	if b.n++; b.n >= brakeWindow && b.bad*100 > b.Percent*brakeWindow {
		batch.Execution(ctx).Halt(fmt.Errorf("brake: %d of the last %d answers are hard declines, rejections or differ"+
			" (billing.brake_percent is %d); check the account and the URL of the gateway", b.bad, brakeWindow, b.Percent))
	}
}

func alarming(o payment.Outcome) (bad, counts bool) {
	switch o.Kind {
	case payment.Paid, payment.TryLater:
		return false, true
	case payment.Refused:
		return o.Decline.Class == payment.Hard, true
	case payment.Differs, payment.Rejected:
		return true, true
	case payment.InDoubt, payment.NotExecuted, payment.Misconfigured:
	}
	return false, false
}
