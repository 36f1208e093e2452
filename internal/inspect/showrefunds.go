package inspect

import (
	"fmt"
	"strconv"
	"strings"

	"duly/internal/cli"
	"duly/internal/payment"
	"duly/internal/query/details"
	"duly/internal/refunds"
	"duly/internal/text"
	"duly/internal/view"
)

// refundLines writes refunds for people, a line each, newest first.
func refundLines(screen *cli.Screen, list []details.Refund, days cli.Calendar) {
	behind := holding(list)
	for _, r := range list {
		parts := []string{refundWord(r.Status)}
		if r.Amount != nil && r.Currency != nil {
			parts[0] += " " + payment.Money{Amount: *r.Amount, Currency: *r.Currency}.String()
		} else if r.Amount == nil && r.SettledAt == nil {
			parts[0] += " all that is left"
		}
		parts = append(parts, fmt.Sprintf("requested by %s %s (%s)", text.Line(r.RequestedBy), days.At(r.CreatedAt), reasonOf(r)))
		if r.Detail != nil {
			parts = append(parts, text.Line(*r.Detail))
		}
		if r.NextTryAt != nil && r.SettledAt == nil && r.Status != string(refunds.Review) {
			parts = append(parts, "next try "+days.At(*r.NextTryAt))
		}
		if first := behind[subjectOf(r)]; first != 0 && r.Status == string(refunds.Requested) {
			parts = append(parts, fmt.Sprintf("waits for refund %d, which is in review", first))
		}
		label := fmt.Sprintf("Refund %d ", r.ID)
		screen.Item(label, max(statusColumn, len(label)), parts...)
		if r.Status == string(refunds.Review) {
			for _, way := range view.WaysOfHeld(heldOf(r)) {
				screen.Command("  %s", way)
			}
		}
	}
}

// holding are the refunds in review that others wait for, by what they are of.
func holding(list []details.Refund) map[[2]uint64]uint64 {
	out := map[[2]uint64]uint64{}
	for _, r := range list {
		if r.Status == string(refunds.Review) && r.Unsettled {
			out[subjectOf(r)] = r.ID
		}
	}
	return out
}

// heldOf is a refund in review for the words about it.
func heldOf(r details.Refund) refunds.Held {
	return refunds.Held{ID: r.ID, Sent: r.SentAt != nil, Executed: r.SentAt != nil && !r.Unsettled, Shown: r.SentAt == nil && r.Before != nil && *r.Before > 0}
}

// reasonOf is why a refund is requested, in quotes: once, also where text.Line has put it into some.
func reasonOf(r details.Refund) string {
	line := text.Line(r.Reason)
	if line != r.Reason && strings.HasPrefix(line, `"`) {
		return line
	}
	return strconv.Quote(line)
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
