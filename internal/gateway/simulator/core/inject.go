package core

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"duly/internal/gateway/simulator/plan"
	"duly/internal/payment"
)

// Inject puts a payment into the books, as if it had been charged, and returns its id: for tests and demos that
// need one that nobody asked for. Key, reference, customer, method, amount and currency are as e says; an empty
// status is succeeded, a zero CreatedAt is now, and any other time is taken as it is. A pending payment stays so
// until Amend or a cancellation decides it. DeclineCode is one of those that Outcomes stand for, or empty. ID and
// Refunds are not read. The error says what no payment can be.
func (s *Simulator) Inject(e Entry) (id string, err error) {
	if e.Status == "" {
		e.Status = payment.Succeeded
	}
	o, err := e.outcome()
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	if e.CreatedAt.IsZero() {
		e.CreatedAt = now
	}
	b, us := s.book, e.CreatedAt.UnixMicro()
	inOrder := us >= b.latest && !e.CreatedAt.After(now)
	entered := time.UnixMicro(b.latest)
	if inOrder {
		entered = e.CreatedAt
	}
	keyAt := b.touch(s.dialect.Handle(e.Key))
	b.name(keyAt, e.Key)
	at := b.add(keyAt, Charge{
		Reference: e.Reference, CustomerID: e.CustomerID, Method: e.Method, Currency: e.Currency, Amount: e.Amount,
		GatewayCustomer: e.GatewayCustomer,
	}, o, entered)
	if !inOrder {
		b.date(at, us)
	}
	if e.Refunded > 0 {
		b.giveBack(at, e.Refunded, "", e.CreatedAt)
	}
	return b.id(at), nil
}

// Amend changes a payment by hand, as somebody at the provider's desk would: its status, decline code, amount,
// currency and what of it was refunded. The error says what cannot be; nothing is changed then.
func (s *Simulator) Amend(id string, change func(*Entry)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.book.byID(id)
	if !ok {
		return fmt.Errorf("payment %s is not known", id)
	}
	s.book.tick(at, s.clock())
	was := s.book.entry(at)
	is := was
	change(&is)
	fixed := was
	fixed.Status, fixed.DeclineCode, fixed.Amount, fixed.Currency, fixed.Refunded = is.Status, is.DeclineCode, is.Amount, is.Currency, is.Refunded
	if is != fixed {
		return errors.New("only status, decline code, amount, currency and refunded can be changed")
	}
	o, err := is.outcome()
	if err != nil {
		return err
	}
	s.book.amend(at, is, o, s.clock())
	return nil
}

// amend makes payment at what e says.
func (b *book) amend(at uint32, e Entry, o plan.Outcome, now time.Time) {
	rec := b.payments.at(at)
	if status := statusOf(e.Status); status != rec.status || status == declinedStatus {
		rec.status, rec.outcome = status, o
		delete(b.undecided, at)
	}
	rec.amount = e.Amount
	copy(rec.currency[:], e.Currency)
	if given := b.refunded[at]; given.amount != e.Refunded {
		var parts []Part
		if e.Refunded > 0 {
			parts = []Part{{Amount: e.Refunded, At: now}}
		}
		b.refunded[at] = refunds{amount: e.Refunded, times: given.times + 1, parts: parts}
	}
}

// outcome is the outcome of a payment that stands as e does, or an error that says why none can.
func (e Entry) outcome() (plan.Outcome, error) {
	switch {
	case !slices.Contains([]payment.Status{payment.Pending, payment.Succeeded, payment.Declined, payment.Canceled}, e.Status):
		return 0, fmt.Errorf("status %q is not known", e.Status)
	case e.Amount < 1:
		return 0, errors.New("the amount must be at least 1")
	case !plan.ValidCurrency(e.Currency):
		return 0, errors.New("the currency must be three capital letters")
	case e.Refunded < 0 || e.Refunded > e.Amount:
		return 0, errors.New("refunded must lie between 0 and the amount")
	case e.Refunded > 0 && e.Status != payment.Succeeded:
		return 0, errors.New("only what succeeded can be refunded")
	case len(e.Reference) > math.MaxUint16 || len(e.CustomerID) > math.MaxUint16:
		return 0, errors.New("reference or customer are too long")
	case e.DeclineCode != "" && e.Status != payment.Declined:
		return 0, errors.New("only what was declined has a decline code")
	}
	o, ok := plan.OutcomeOf(e.Status, e.DeclineCode)
	if !ok {
		return 0, fmt.Errorf("decline code %q is not known", e.DeclineCode)
	}
	return o, nil
}
