package billing

import (
	"fmt"

	"duly/internal/payment"
	"duly/internal/text"
)

// RejectedAnyway is an attempt that the gateway rejected, and has the money of, or may yet get it. A gateway may charge and answer 400.
type RejectedAnyway struct {
	Attempt   uint64
	Key       string
	Reference string // what it was to pay
	Gateway   string
	PaymentID string
	Message   string // what the gateway answered
}

// TakenThoughRejected reports whether the attempt that holds the key of p accounts for it, although it is rejected: its request was
// sent, nothing was said to prove that it did nothing, and p is the record of that very charge. Such money says nothing against the tables, so
// that it holds up its own period alone. An operator's word that it contradicts does.
func TakenThoughRejected(p payment.Payment, held Held) bool {
	unproven := held.Proof == ""
	took := p.Status == payment.Succeeded || p.Status == payment.Pending
	return held.Status == AttemptRejected && unproven && !held.Void && took && p.Reference == held.Reference && p.IsOf(held.CustomerID)
}

// String says it to an operator, with what to type next.
func (r RejectedAnyway) String() string {
	return cut(fmt.Sprintf("attempt %d was rejected here (%s), and gateway %s has the money: duly adopt %s --key %s (payment %s)",
		r.Attempt, cut(r.Message, MaxQuoted), r.Gateway, text.Word(r.Gateway, "NAME"), text.Word(r.Key, "KEY"), r.PaymentID), MaxText)
}

// Review is the event that tells of r, which keeps inv from being charged.
func (r RejectedAnyway) Review(inv Invoice) Event {
	body := aboutInvoice(inv, "", r.Gateway)
	body.AttemptID, body.GatewayPayment = r.Attempt, cut(r.PaymentID, MaxText)
	return reviewNeeded(body, r.Key, r.String())
}
