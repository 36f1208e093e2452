package core

import (
	"iter"
	"slices"
	"time"

	"duly/internal/gateway/simulator/plan"
)

// Books are the payments, for a dialect that the core calls with the simulator locked. They must not be kept.
type Books struct {
	s   *Simulator
	now time.Time
}

// books opens the books, for those who hold mu.
func (s *Simulator) books() Books { return Books{s, s.clock()} }

// Now is the time that the API tells.
func (b Books) Now() time.Time { return b.now.Add(b.s.cfg.ClockSkew) }

// Again is p as it stands now.
func (b Books) Again(p Payment) Payment { return b.s.view(p.at) }

// At is the payment at a position.
func (b Books) At(p Position) Payment {
	b.s.book.tick(p.at, b.now)
	return b.s.view(p.at)
}

// Of is the payment that a handle stands for: what took money before what did not, else the newest.
func (b Books) Of(handle string) (Payment, bool) {
	keyAt, ok := b.s.book.find(handle)
	if !ok {
		return Payment{}, false
	}
	at, ok := b.s.book.ofKey(keyAt)
	if !ok {
		return Payment{}, false
	}
	return b.s.view(at), true
}

// ByID is the payment of a provider's own id.
func (b Books) ByID(id string) (Payment, bool) {
	at, ok := b.s.book.byID(id)
	if !ok {
		return Payment{}, false
	}
	return b.s.view(at), true
}

// OfMethod walks the payments of a method, newest first. It needs [Rules].ByMethod.
func (b Books) OfMethod(method string) iter.Seq[Payment] {
	return func(yield func(Payment) bool) {
		for _, at := range slices.Backward(b.s.book.byMethod[method]) {
			if b.s.book.tick(at, b.now); !yield(b.s.view(at)) {
				return
			}
		}
	}
}

// Position is where p stands in the order of creation.
func (b Books) Position(p Payment) Position { return Position{b.s.book.created(p.at), p.at} }

// WillBeDecided reports whether the pending payment p will be decided by itself.
func (b Books) WillBeDecided(p Payment) bool {
	_, ok := b.s.book.undecided[p.at]
	return ok
}

// Remember makes extra the Payment.Extra of p.
func (b Books) Remember(p Payment, extra any) { b.s.book.extras[p.at] = extra }

// Start is the first position of a time that the API tells.
func (b Books) Start(t time.Time) Position {
	return Position{created: ceilMicro(t.Add(-b.s.cfg.ClockSkew))}
}

// Between walks the payments from one position, inclusive, to another, exclusive, in the order of creation. What is younger
// than Config.ListLag is not shown.
func (b Books) Between(from, to Position) iter.Seq[Position] {
	return func(yield func(Position) bool) {
		youngest := b.now.Add(-b.s.cfg.ListLag).UnixMicro()
		for p := range b.s.book.from(from) {
			if p.compare(to) >= 0 {
				return
			}
			if b.s.cfg.ListLag > 0 && p.created > youngest {
				continue
			}
			if !yield(p) {
				return
			}
		}
	}
}

// Refunded walks the payments that have refunds, done or not, in no order.
func (b Books) Refunded() iter.Seq[Position] {
	return func(yield func(Position) bool) {
		for at := range b.s.book.refunded {
			if !yield(Position{b.s.book.created(at), at}) {
				return
			}
		}
	}
}

// Cancel cancels the pending payment p, and returns it as it stands then.
func (b Books) Cancel(p Payment) Payment {
	b.s.book.cancel(p.at)
	return b.s.view(p.at)
}

// GiveBack refunds an amount of p at once, and returns p as it stands then.
func (b Books) GiveBack(p Payment, amount int64, reason string) Payment {
	b.s.book.giveBack(p.at, amount, reason, b.now)
	return b.s.view(p.at)
}

// Refund refunds an amount of p as its outcome has it: at once, later or not at all. It returns p as it stands
// then; the last of its parts is the refund.
func (b Books) Refund(p Payment, amount int64, reason string) Payment {
	return b.RefundPart(p, Part{Amount: amount, Reason: reason})
}

// RefundPart is Refund for a part of which amount, reason and extra are given.
func (b Books) RefundPart(p Payment, part Part) Payment {
	part.At = b.now
	switch p.Outcome {
	case plan.OutcomeRefundLater:
		part.State = PartRequested
		b.s.book.note(p.at, part)
	case plan.OutcomeRefundNever:
		part.State = PartFailed
		b.s.book.note(p.at, part)
	default:
		b.s.book.giveBackPart(p.at, part)
	}
	return b.s.view(p.at)
}

// Refundable is what of p can still be refunded, in minor units: 0 of what did not succeed.
func (b Books) Refundable(p Payment) int64 {
	if b.s.book.payments.at(p.at).status != succeeded {
		return 0
	}
	left := p.Amount - b.s.book.refunded[p.at].amount
	for _, part := range b.s.book.refunded[p.at].parts {
		if part.State == PartRequested {
			left -= part.Amount
		}
	}
	return left
}

// DeleteMethod makes every further charge of a payment method refused as DeletedMethod.
func (b Books) DeleteMethod(method string) { b.s.book.deleted[method] = true }

// Deleted reports whether a payment method was deleted; ok is false for one that does not exist.
func (b Books) Deleted(method string) (deleted, ok bool) {
	v, _ := b.s.cfg.BehaviourOf(method)
	name := v.First.Result().Name
	return b.s.book.deleted[method] || name == plan.OutcomeDeletedMethod, name != plan.OutcomeUnknownMethod
}
