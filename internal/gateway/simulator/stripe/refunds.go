package stripe

import (
	"fmt"
	"net/http"
	"slices"

	"duly/internal/gateway/simulator/core"
	"duly/internal/payment"
)

// wireRefund is the Refund of the API.
type wireRefund struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"`
	Amount        int64             `json:"amount"`
	Charge        string            `json:"charge"`
	Created       int64             `json:"created"`
	Currency      string            `json:"currency"`
	FailureReason *string           `json:"failure_reason,omitempty"`
	Metadata      map[string]string `json:"metadata"`
	PaymentIntent string            `json:"payment_intent"`
	Reason        *string           `json:"reason"`
	Status        string            `json:"status"`
}

// refund is the i-th refund of p.
func refund(p core.Payment, i int) wireRefund {
	part := p.Parts[i]
	meta, _ := part.Extra.(map[string]string)
	if meta == nil {
		meta = map[string]string{}
	}
	w := wireRefund{
		ID: fmt.Sprintf("re_%010d_%d", p.Serial, i+1), Object: "refund", Amount: part.Amount, Charge: chargeID(p), Created: part.At.Unix(), Currency: lower(p.Currency),
		Metadata: meta, PaymentIntent: p.ID, Reason: filled(part.Reason), Status: "succeeded",
	}
	switch part.State {
	case core.PartRequested:
		w.Status = pendingRefund
	case core.PartFailed:
		w.Status, w.FailureReason = "failed", filled("expired_or_canceled_card")
	case core.PartDone:
	}
	return w
}

const pendingRefund = "pending"

func (a api) createRefund(w http.ResponseWriter, r *http.Request) {
	p, key, sum, err := a.form(r)
	amount, given, amountErr := p.whole("amount")
	err = first(err, p.only("payment_intent", "amount", "reason", anyMetadata), p.need("payment_intent"), amountErr,
		p.among("reason", "duplicate", "fraudulent", "requested_by_customer"))
	if err == nil && given && amount < 1 {
		err = wrong("parameter_invalid_integer", "amount", "Invalid positive integer")
	}
	meta := p.metadata()
	part := core.Part{Amount: amount, Reason: p.Get("reason"), Extra: meta}
	a.s.Change(w, r, core.Change{
		Operation: core.OpRefund, Key: or(meta[metaKey], key), Scope: key, ID: p.Get("payment_intent"), Sum: sum, Refusal: invalid(err),
		Do: func(b core.Books, p core.Payment) core.Answer { return refundPart(b, p, part, given) },
	})
}

// refundPart does a refund; without an amount, of all that is left.
func refundPart(b core.Books, p core.Payment, part core.Part, given bool) core.Answer {
	left := b.Refundable(p)
	switch {
	case p.Status != payment.Succeeded:
		return failed(http.StatusBadRequest, wireError{Type: invalidRequest, Code: "charge_not_refundable", Message: "This PaymentIntent has no successful charge to refund."})
	case left == 0:
		return failed(http.StatusBadRequest, wireError{Type: invalidRequest, Code: "charge_already_refunded", Message: "Charge " + chargeID(p) + " has already been refunded."})
	case !given:
		part.Amount = left
	case part.Amount > left:
		return failed(http.StatusBadRequest, wireError{
			Type: invalidRequest, Param: "amount", Message: fmt.Sprintf("Refund amount (%d) is greater than the unrefunded amount on the charge (%d)", part.Amount, left),
		})
	}
	p = b.RefundPart(p, part)
	done := refund(p, len(p.Parts)-1)
	if done.Status == "failed" { // it is found out later
		done.Status, done.FailureReason = pendingRefund, nil
	}
	return core.JSON(http.StatusOK, done)
}

func (a api) listRefunds(w http.ResponseWriter, r *http.Request) {
	q, err := query(r)
	limit, limitErr := q.limit()
	err = first(err, q.only("payment_intent", "limit", "starting_after"), q.need("payment_intent"), limitErr)
	look := core.Look{Operation: core.OpGet, Subject: q.Get("payment_intent"), Refusal: invalid(err)}
	a.s.Look(w, r, look, func(_ core.Books, p core.Payment) core.Answer {
		all := make([]wireRefund, len(p.Parts))
		for i := range p.Parts {
			all[len(all)-1-i] = refund(p, i)
		}
		if after := q.Get("starting_after"); after != "" {
			i := slices.IndexFunc(all, func(r wireRefund) bool { return r.ID == after })
			if i < 0 {
				return failed(http.StatusBadRequest, wireError{Type: invalidRequest, Code: "resource_missing", Param: "starting_after", Message: "No such refund"})
			}
			all = all[i+1:]
		}
		return core.JSON(http.StatusOK, page{Object: "list", URL: "/v1/refunds", HasMore: len(all) > limit, Data: all[:min(limit, len(all))]})
	})
}
