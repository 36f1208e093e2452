package orders

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/internal/payment"
)

// Take is a gateway's payment that a row of an order takes.
type Take struct {
	Payment   uint64 // the row
	Gateway   string
	PaymentID string
	// Shown: the gateway has just shown it as the row's own, under the row's key.
	Shown bool
}

// Takes lists the payments that the order's rows take: each is booked for its row before the order is decided, so that one
// payment is never counted for two.
func Takes(o Order, checked []Checked) []Take {
	var takes []Take
	// As for NeedsStock, neither the policy nor the time matters.
	for _, s := range standings(o, checked, Policy{}, time.Time{}) {
		if id := s.payment.there(); s.fate == paid && id != "" {
			takes = append(takes, Take{s.payment.ID, s.payment.Gateway, id, s.payment.Asked && s.proven && s.payment.Key != ""})
		}
	}
	return takes
}

// there is the gateway's id of the payment, as the gateway spells it if it was asked; empty: none is known.
func (c Checked) there() string {
	if c.Sight.Payment != nil && c.Sight.Payment.ID != "" {
		return c.Sight.Payment.ID
	}
	return c.TransactionKey
}

// atGateway is the payment with the id that the gateway has for it, where it said one.
func (c Checked) atGateway() Payment {
	p := c.Payment
	p.TransactionKey = c.there()
	return p
}

// samePaymentAtGateway reports whether two rows stand for one payment: under one key, or with one id of one gateway. The shop may have spelled an
// id in another letter case.
func samePaymentAtGateway(a, b Checked) bool {
	if a.Gateway != b.Gateway {
		return false
	}
	ids := func(c Checked) []string {
		return slices.DeleteFunc([]string{c.TransactionKey, c.there()}, func(id string) bool { return id == "" })
	}
	return a.Key != "" && a.Key == b.Key || slices.ContainsFunc(ids(a), func(id string) bool {
		return slices.ContainsFunc(ids(b), func(other string) bool { return strings.EqualFold(id, other) })
	})
}

// tookMoney reports whether the gateway took money for s, whatever became of it.
func (s judgement) tookMoney() bool { return s.fate == paid || s.change.To == PaymentRefunded }

// once leaves the money of each payment to one of the rows that stand for it: one that gives it back or that an operator has, else
// the one that is recorded, else the oldest. The others are for an operator: their money is no other than that one's.
func once(all []judgement) {
	for i, s := range all {
		if !s.tookMoney() {
			continue
		}
		for j, other := range all {
			if i != j && samePaymentAtGateway(s.payment, other.payment) && other.before(s, j < i) {
				all[i] = s.others(fmt.Sprintf("is the same payment at the gateway as %s", other.label()))
				break
			}
		}
	}
}

// others leaves a payment to an operator whose money another row has. The gateway's id is not written to this one.
func (s judgement) others(why string) judgement {
	s.change, s.payment.Sight = Change{}, payment.LookupResult{}
	return s.stuck(why)
}

// before reports whether the money is left to s rather than to other; older: it comes first in age.
func (s judgement) before(other judgement, older bool) bool {
	switch s.payment.Status {
	case PaymentRefundDue, PaymentRefunded, PaymentReview:
		return true
	case PaymentPending, PaymentSucceeded, PaymentFailed, PaymentCancelled:
	}
	if !s.tookMoney() {
		return false
	}
	if kept := s.payment.Status == PaymentSucceeded; kept != (other.payment.Status == PaymentSucceeded) {
		return kept
	}
	return older
}
