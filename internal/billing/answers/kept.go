// Package answers defines the stored form of definite gateway answers, which are kept until they settle their attempts.
package answers

import "duly/internal/payment"

// Kept is a definite answer of a gateway in gateway_answers: the charge and its outcome.
type Kept struct {
	Reference  string
	CustomerID string
	Money      payment.Money
	Outcome    payment.Outcome
}

// Settles reports whether k is a complete and definite answer about a charge under its key, of which the payment is known so far by that id; empty: by
// none. The key alone proves nothing: keys come back after a restore.
func (k Kept) Settles(c payment.Charge, paymentID string) bool {
	o := k.Outcome
	if k.Reference != c.Reference || k.CustomerID != c.CustomerID || k.Money != c.Money {
		return false
	}
	if paymentID != "" && o.PaymentID != "" && o.PaymentID != paymentID {
		return false
	}
	switch o.Kind {
	case payment.Paid:
		return o.PaymentID != "" && o.Decline == (payment.Decline{})
	case payment.Refused:
		return o.Decline.Class == payment.Soft || o.Decline.Class == payment.Hard || o.Decline.Class == payment.Action
	case payment.TryLater:
		return o.Decline.Class == ""
	case payment.Differs:
		return true
	case payment.InDoubt, payment.NotExecuted, payment.Rejected, payment.Misconfigured:
	}
	return false
}
