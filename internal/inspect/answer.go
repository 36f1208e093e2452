package inspect

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"duly/internal/audit"
	"duly/internal/billing"
	"duly/internal/billing/explain"
	"duly/internal/cli"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/query/details"
)

// chargeAnswer answers in a line whether an invoice was charged, whether it was charged twice, and if not, why.
type chargeAnswer struct {
	cli.Calendar

	subscription *details.Subscription // nil: its row is gone
	invoice      *details.Invoice      // nil: there is none
	why          explain.Explanation
	retries      int // how many retries the invoice has
	// policy is a line about the dunning policy of the invoice; empty: it is the default, with its usual end.
	policy string
	goesOn payment.Date // the day of a planned resumption; zero: none is planned
	// audited is up to when audits have compared payments; findings are theirs about the invoice.
	audited  time.Time
	findings []query.Finding
}

// text is the answer.
func (c chargeAnswer) text() string {
	inv := c.invoice
	if inv != nil {
		switch c.why.Why { //nolint:exhaustive // the others need no more than their texts
		case explain.WhyPaid:
			if c.why.Next != "nothing" {
				return c.paid() + " " + capital(c.why.Next) + "."
			}
			return c.paid()
		case explain.WhyNotDue:
			if inv.Status == string(billing.Paid) {
				return c.paid()
			}
		case explain.WhyStage:
			return fmt.Sprintf("Declined%s; retry %d of %d on %s", coded(inv), inv.Stage, max(inv.Stage, c.retries), c.Day(inv.StageDate))
		case explain.WhyNewMethod:
			return fmt.Sprintf("Declined%s. %s", coded(inv), capital(c.why.Next))
		case explain.WhyBarred:
			return barred(inv)
		case explain.WhyInDoubt:
			return c.inDoubt()
		case explain.WhyReview:
			if inv.Status == string(billing.Review) {
				return c.inReview()
			}
		case explain.WhyInFlight:
			return c.claimed()
		}
	}
	return c.uncharged()
}

// uncharged says why nothing was charged yet, or is charged any more.
func (c chargeAnswer) uncharged() string {
	s, next := c.subscription, c.why.Next
	if next == "nothing" {
		next = ""
	}
	text := capital(c.why.Text) + "." + after(" ", capital(next))
	if c.why.Why == explain.WhyVoid || c.why.Why == explain.WhyUncollectible { // it may begin with a person's name
		text = "Not charged any more: " + c.why.Text + "." + after(" ", capital(next))
	}
	if s == nil || c.invoice != nil && unpaidInvoice(c.invoice.Status) {
		return text
	}
	switch c.why.Why { //nolint:exhaustive // the others need no more than their texts
	case explain.WhyNotDue:
		return "Not due until " + c.Day(s.Next)
	case explain.WhyDue:
		return fmt.Sprintf("Due since %s, not charged yet. %s", c.Day(s.Next), capital(next))
	case explain.WhyElsewhere:
		return fmt.Sprintf("Due since %s: gateway %s is not configured here. %s", c.Day(s.Next), s.Gateway, capital(next))
	case explain.WhyReview:
		return fmt.Sprintf("In review: %s. Fix the row; the next run clears it.", strings.TrimPrefix(c.why.Text, "it cannot be invoiced: "))
	case explain.WhyUnknownStatus:
		return fmt.Sprintf("Not billed: status %q is unknown. Set it to active, past_due, paused, cancelled or trialing.", s.Status)
	case explain.WhyCancelled:
		return "Cancelled" + after(": ", cli.OrBlank(s.CancelReason)) + ". Nothing more is charged."
	case explain.WhyPaused:
		if strings.HasPrefix(c.why.Text, "the shop") {
			return "Paused by the shop. Periods that begin meanwhile are never charged." + after(" It goes on with the first period from ", c.planned())
		}
		return "Paused: " + c.why.Text + ". Periods that begin meanwhile are never charged." + after(" It goes on with the first period from ", c.planned())
	}
	return text
}

// planned is the end of a sentence about the day of a planned resumption; empty: none is planned.
func (c chargeAnswer) planned() string {
	if c.goesOn.IsZero() {
		return ""
	}
	return c.Day(c.goesOn) + " on, as planned."
}

// unpaidInvoice reports whether an invoice of that status keeps the next from being issued.
func unpaidInvoice(status string) bool {
	switch billing.InvoiceStatus(status) {
	case billing.Open, billing.Charging, billing.Review:
		return true
	case billing.Paid, billing.Void, billing.Uncollectible:
	}
	return false
}

// after is text behind something; nothing for none.
func after(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

// capital begins a text with an upper-case letter, but for a name such as gateway_customer, and for a command.
func capital(s string) string {
	first, _, _ := strings.Cut(s, " ")
	if first == "" || first == "duly" || strings.Contains(first, "_") {
		return s
	}
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[size:]
}

// paid says how often an invoice took money, and what audits say of it.
func (c chargeAnswer) paid() string {
	inv, took := c.invoice, 0
	for _, t := range inv.Attempts {
		if t.Status == string(billing.AttemptSucceeded) {
			took++
		}
	}
	day := c.Day(inv.Due)
	switch {
	case inv.Amount == 0:
		return fmt.Sprintf("Nothing to charge for %s: the amount is 0.", day)
	case took == 0:
		return fmt.Sprintf("Not charged for %s: %s.", day, c.why.Text)
	}
	times := map[int]string{1: "once", 2: "twice"}[took]
	if times == "" {
		times = fmt.Sprintf("%d times", took)
	}
	said := ""
	if r := inv.Resolved; r != nil {
		said = fmt.Sprintf(" %s resolved it as %s%s.", r.Who, r.As, because(r.Reason))
	}
	return fmt.Sprintf("Charged %s for %s: %s, %d took money. %s%s", times, day, cli.Things(int64(len(inv.Attempts)), "attempt"), took, c.audits(), said)
}

// audits says what audits found about a paid invoice.
func (c chargeAnswer) audits() string {
	for _, f := range c.findings {
		if f.Resolved == nil && (f.Kind == string(audit.ChargedTwice) || f.Kind == string(audit.UnknownHere)) {
			return fmt.Sprintf("Audits: finding %d, %s.", f.ID, f.Text())
		}
	}
	if paid := c.invoice.PaidAt; paid == nil || !c.audited.After(*paid) {
		return "Not audited yet."
	}
	return "Audits: no second payment."
}

// lastAttempt is the newest attempt of an invoice; nil for none.
func lastAttempt(inv *details.Invoice) *details.Attempt {
	if len(inv.Attempts) == 0 {
		return nil
	}
	return &inv.Attempts[len(inv.Attempts)-1]
}

// coded is the code of the last decline in brackets; nothing for none.
func coded(inv *details.Invoice) string {
	if t := lastAttempt(inv); t != nil && cli.OrBlank(t.DeclineCode) != "" {
		return " (" + *t.DeclineCode + ")"
	}
	return ""
}

// barred says that a payment method was declined for good.
func barred(inv *details.Invoice) string {
	what := map[string]string{"lost_card": "Card lost", "stolen_card": "Card stolen", "expired_card": "Card expired"}
	code := strings.Trim(coded(inv), " ()")
	if words, ok := what[code]; ok {
		return words + ": needs a new card"
	}
	return "Declined" + coded(inv) + ": needs a new payment method"
}

// inDoubt says why it is not known whether an attempt took money.
func (c chargeAnswer) inDoubt() string {
	t := lastAttempt(c.invoice)
	cause := "no answer from " + t.Gateway
	switch message := cli.OrBlank(t.Message); {
	case strings.Contains(message, "timed out"):
		cause = t.Gateway + " timed out"
	case message != "":
		cause = message
	}
	next := ""
	if t.NextCheckAt != nil {
		next = ". Asked again at " + c.At(*t.NextCheckAt)
		if p := t.Patience; p != nil {
			next += after("; ", p.String()) + after("; ", p.Limit())
		}
	}
	return "In doubt: " + cause + "; not charged until known" + next
}

// inReview says why an invoice is in review, in numbers where there are some.
func (c chargeAnswer) inReview() string {
	reason, t := cli.OrBlank(c.invoice.ReviewReason), lastAttempt(c.invoice)
	if t != nil && cli.OrBlank(t.PaymentID) != "" && strings.HasPrefix(reason, "gateway booked ") {
		reason = strings.Replace(reason, ", invoice is ", " ("+*t.PaymentID+"), invoice is ", 1)
	}
	if reason == "" {
		reason = "in review"
	}
	return capital(strings.TrimRight(reason, ".")) + ". Not charged again."
}

// claimed says whose a charge is that has begun.
func (c chargeAnswer) claimed() string {
	t := lastAttempt(c.invoice)
	switch {
	case t == nil || t.Status != string(billing.AttemptInFlight):
		return capital(c.why.Text) + ". " + capital(c.why.Next)
	case t.RunLives:
		return fmt.Sprintf("Claimed: run %d is charging it now", t.Run)
	}
	return fmt.Sprintf("Claimed by run %d, which died; the next run asks %s before it charges", t.Run, t.Gateway)
}
