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
			parts = append(parts, fmt.Sprintf(`duly resolve refund %d --as refunded --reason "…"`, r.ID))
		}
		screen.Item(fmt.Sprintf("Refund %d", r.ID), statusColumn, parts...)
	}
}
