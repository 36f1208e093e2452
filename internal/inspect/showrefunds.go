package inspect

import (
	"fmt"

	"duly/internal/cli"
	"duly/internal/payment"
	"duly/internal/query/details"
	"duly/internal/refunds"
	"duly/internal/text"
)

// refundLines writes refunds for people, a line each, newest first.
func refundLines(screen *cli.Screen, list []details.Refund, days cli.Calendar) {
	behind := map[[2]uint64]uint64{} // refunds in review that may have been executed, by what they are of
	for _, r := range list {
		if r.Status == string(refunds.Review) && r.SentAt != nil {
			behind[subjectOf(r)] = r.ID
		}
	}
	for _, r := range list {
		parts := []string{refundWord(r.Status)}
		if r.Amount != nil && r.Currency != nil {
			parts[0] += " " + payment.Money{Amount: *r.Amount, Currency: *r.Currency}.String()
		} else if r.Amount == nil && r.SettledAt == nil {
			parts[0] += " all that is left"
		}
		parts = append(parts, fmt.Sprintf("requested by %s %s (%q)", text.Line(r.RequestedBy), days.At(r.CreatedAt), text.Line(r.Reason)))
		if r.Detail != nil {
			parts = append(parts, text.Line(*r.Detail))
		}
		if r.NextTryAt != nil && r.SettledAt == nil && r.Status != string(refunds.Review) {
			parts = append(parts, "next try "+days.At(*r.NextTryAt))
		}
		if r.Status == string(refunds.Review) {
			as := payment.AsRefunded
			if r.SentAt == nil { // no request of it may have been executed
				as = payment.AsNotExecuted
			}
			parts = append(parts, fmt.Sprintf(`duly resolve refund %d --as %s --reason "…"`, r.ID, as))
		}
		if first := behind[subjectOf(r)]; first != 0 && r.Status == string(refunds.Requested) {
			parts = append(parts, fmt.Sprintf("waits for refund %d, which is in review", first))
		}
		label := fmt.Sprintf("Refund %d ", r.ID)
		screen.Item(label, max(statusColumn, len(label)), parts...)
	}
}

// subjectOf is the invoice or the payment that a refund is of.
func subjectOf(r details.Refund) (of [2]uint64) {
	if r.InvoiceID != nil {
		of[0] = *r.InvoiceID
	}
	if r.PaymentID != nil {
		of[1] = *r.PaymentID
	}
	return of
}
