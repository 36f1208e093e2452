package explain

import (
	"fmt"
	"strings"
	"time"

	"duly/internal/billing"
	"duly/internal/billing/advance"
	"duly/internal/billing/dunning"
	"duly/internal/billing/guard"
	"duly/internal/billing/network"
	"duly/internal/payment"
)

// Why is the reason why a subscription or an invoice stands as it does.
type Why string

// The reasons. Programs may rely on them, people read the text beside.
const (
	WhyNotDue        Why = "not_due"
	WhyDue           Why = "due"              // the next run charges it
	WhyAgain         Why = "try_again"        // nothing was decided; the next run tries again
	WhyIssuedToday   Why = "issued_today"     // one invoice a day
	WhyStage         Why = "waits_for_stage"  // declined, and not the next stage's date yet
	WhyNotice        Why = "waits_for_notice" // its policy requires a delivered notice
	WhyNetwork       Why = "network_rule"     // a card network's rule puts it off
	WhyNewMethod     Why = "new_method"       // declined, and the next run charges the method that was changed since
	WhyBarred        Why = "method_declined"  // declined for good, and the method is still the same
	WhyInFlight      Why = "in_flight"
	WhyInDoubt       Why = "in_doubt"
	WhyReview        Why = "in_review"
	WhyAmount        Why = "amount_held" // its amount is beyond a guard: the next run sends it to review, or that of its day
	WhyHeldBack      Why = "held_back"   // an operator paused the job or the gateway
	WhyPaused        Why = "paused"
	WhyCancelled     Why = "cancelled"
	WhyPaid          Why = "paid"
	WhyUncollectible Why = "uncollectible"
	WhyVoid          Why = "void"
	WhyTrialing      Why = "trialing"
	WhyUnknownStatus Why = "unknown_status"
	WhyElsewhere     Why = "not_configured_here" // its gateway is another host's
)

// Explanation answers "why was it not charged?".
type Explanation struct {
	Why  Why    `json:"why"`
	Text string `json:"text"` // one sentence; never holds a payment method
	Next string `json:"next"` // what happens next, or what somebody has to do
}

// Standing is what is known of a subscription when somebody asks. The invoice is its newest one, or the one
// that was asked about.
type Standing struct {
	Subscription billing.Subscription
	Gone         bool // the subscription's row is not there
	CancelReason string
	// Stuck is why a planned change cannot be applied; empty: none is in the way. Resumes is the day of a planned resumption; zero: none is planned.
	Stuck    string
	Resumes  payment.Date
	Invoice  *InvoiceStanding // nil: none
	Invoiced func(payment.Date) bool
	// JobPaused and GatewayPaused are the words of the operator who paused them; "" for not paused.
	JobPaused, GatewayPaused string

	// Amount is what the guards say of the amount of the unpaid invoice, or of the next one if there is none.
	Amount guard.Verdict

	Policy billing.Policy
	Issue  billing.IssuePolicy
}

// InvoiceStanding is an invoice and what became of its attempts.
type InvoiceStanding struct {
	billing.Invoice

	Status       billing.InvoiceStatus
	Issued       payment.Date
	StageDate    payment.Date // when the stage's charge is due
	HoldRule     string       // the card network's rule that moved it; empty: none did
	Unannounced  string       // that its charge waits for a notice, and what to type; empty: it does not
	ReviewReason string
	PaidAt       time.Time
	Past         []billing.PastAttempt // oldest first
	Advanced     payment.Date          // the effective date on which a changed method was last charged; zero: none was
	Replaced     [][32]byte            // see [advance.Invoice]
	Since        dunning.Since         // of one whose dunning has ended
	// Of the last attempt.
	Message   string
	Warning   string // what the card network says of the card; empty: nothing
	NextCheck time.Time
	Patience  payment.Patience
	Run       uint64
	RunLives  bool
	// Refunded: all that an attempt took was refunded. Resolved is the last word of an operator about an attempt; nil: none.
	Refunded bool
	Resolved *Resolved
}

// Resolved is what an operator said became of an attempt, or of the invoice.
type Resolved struct {
	As          payment.Resolution
	Who, Reason string
	// PaymentID is the gateway's payment that the attempt has; empty: none is known.
	PaymentID string
}

// Subscription says why the subscription is charged or not. What keeps its newest invoice from being paid keeps
// the next one from being issued.
func Subscription(s Standing) Explanation {
	sub := s.Subscription
	if inv := s.Invoice; inv != nil && inv.Status.Unpaid() {
		e := Invoice(s)
		e.Text = fmt.Sprintf("invoice %d (due %s) is unpaid: %s", inv.ID, inv.Due, e.Text)
		if sub.Next <= s.Issue.Business && (sub.Status == billing.Active || sub.Status == billing.PastDue) {
			e.Next += s.waitsForUnpaid()
		}
		return e
	}
	switch sub.Status {
	case billing.Cancelled:
		return Explanation{WhyCancelled, sentence("it was cancelled", s.CancelReason), "nothing more is charged"}
	case billing.Paused:
		return s.paused()
	case billing.Trialing:
		return s.trial()
	case billing.Active, billing.PastDue:
	default:
		return Explanation{
			WhyUnknownStatus, sub.Status.Strange() + ": it is never billed while it has that one",
			"set its status to one of them; one that is to be billed no more is cancelled",
		}
	}
	return s.explainIssue()
}

// waitsForUnpaid says what becomes of the period that is due behind an unpaid invoice.
func (s Standing) waitsForUnpaid() string {
	if s.skips() {
		return "; no period is invoiced before that, and then the newest that has begun"
	}
	return fmt.Sprintf("; the period that began on %s waits for it", s.Subscription.Next)
}

// paused is the explanation of a subscription that the shop paused.
func (s Standing) paused() Explanation {
	e := Explanation{Why: WhyPaused, Text: "the shop paused it", Next: "periods that begin while it is paused are never charged; it goes on when its status is active again"}
	if inv := s.Invoice; inv != nil && inv.Dunning.Paused && !inv.Status.Unpaid() {
		switch own, doubt := billing.EndedBy(inv.Invoice, s.Subscription, s.CancelReason, inv.Past, inv.Since); {
		case own:
			e.Text = sentence(fmt.Sprintf("its invoice %d stayed unpaid after the last retry, and its dunning policy paused it", inv.ID), inv.Message)
		case doubt != "":
			e.Text = fmt.Sprintf("its dunning policy paused it, when invoice %d stayed unpaid after the last retry, or the shop did since: %s", inv.ID, doubt)
		}
	}
	switch {
	case s.Stuck != "":
		e = s.heldUp()
	case !s.Resumes.IsZero():
		e.Next = fmt.Sprintf("periods that begin while it is paused are never charged; it goes on with the first from %s on, as planned", s.Resumes)
	}
	return e
}

// heldUp is the explanation of a subscription that a planned change holds up.
func (s Standing) heldUp() Explanation {
	return Explanation{Why: WhyReview, Text: "it cannot be invoiced: " + s.Stuck, Next: "fix the row; the next run looks at it again"}
}

// trial is the explanation of a subscription whose trial is not over.
func (s Standing) trial() Explanation {
	e := Explanation{Why: WhyTrialing, Text: fmt.Sprintf("its trial ends on %s", s.Subscription.Next), Next: "it is billed once the shop has made it active"}
	switch {
	case s.Stuck != "":
		return s.heldUp()
	case billing.DateProblem(s.Subscription.Next) != "":
		e.Text = "it is a trial, and nothing says when that ends: " + billing.DateProblem(s.Subscription.Next)
		e.Next = "give it a next_billing_date, or make it active or cancelled; it is not billed before"
	case s.Subscription.Next < s.Issue.Business:
		e.Text = fmt.Sprintf("its trial ended on %s, and it is still trialing", s.Subscription.Next)
		e.Next = "make it active or cancelled; it is not billed before"
	}
	if !s.Resumes.IsZero() {
		e.Next = fmt.Sprintf("it is billed with the first period from %s on, as planned", s.Resumes)
	}
	return e
}

// explainIssue is the explanation of a subscription whose invoices are all settled.
func (s Standing) explainIssue() Explanation {
	sub := s.Subscription
	newest := billing.Newest{}
	if s.Invoice != nil {
		newest = billing.Newest{Exists: true, Status: s.Invoice.Status, Due: s.Invoice.Due, Issued: s.Invoice.Issued}
	}
	if s.Stuck != "" {
		return s.heldUp()
	}
	issue := billing.DecideIssue(sub, newest, s.Invoiced, s.Issue)
	switch {
	case issue.Review != "":
		return Explanation{WhyReview, "it cannot be invoiced: " + issue.Review, "fix the row; the next run looks at it again"}
	case issue.Elsewhere:
		return Explanation{WhyElsewhere, fmt.Sprintf("it is due since %s, and gateway %s is not configured here", sub.Next, sub.Gateway), s.elsewhere()}
	case sub.Next > s.Issue.Business && s.Amount.Held():
		return Explanation{
			WhyAmount, fmt.Sprintf("its next period begins on %s, and is not charged as it stands: %s", sub.Next, s.Amount.Words),
			"fix the subscription's amount before that day, on which the invoice otherwise goes to review, where an operator can approve it",
		}
	case sub.Next > s.Issue.Business:
		return Explanation{WhyNotDue, fmt.Sprintf("its next period begins on %s", sub.Next), "it is invoiced by the first run on or after that day"}
	case s.held() != "":
		return s.heldBack()
	case issue.Settled:
		return Explanation{WhyDue, fmt.Sprintf("it is due since %s, and its amount is 0", issue.Due), "the next run marks the period as paid, without a charge"}
	case s.Amount.Held() && !issue.Due.IsZero():
		return Explanation{
			WhyAmount, fmt.Sprintf("it is due since %s, and is not charged as it stands: %s", issue.Due, s.Amount.Words),
			"fix the subscription's amount before the next run, which otherwise sends the invoice to review, where an operator can approve it",
		}
	case !issue.Due.IsZero():
		return Explanation{WhyDue, fmt.Sprintf("it is due since %s and no run has invoiced it yet", sub.Next), "the next run invoices and charges it: duly run billing --subscription " + fmt.Sprint(sub.ID)}
	case !issue.Next.IsZero():
		return Explanation{WhyDue, fmt.Sprintf("the period of %s is invoiced already", sub.Next), fmt.Sprintf("the next run moves its date on to %s", issue.Next)}
	}
	return s.issuedToday()
}

// issuedToday is the explanation of a subscription that is held up by an invoice of the same day.
func (s Standing) issuedToday() Explanation {
	e := Explanation{
		WhyIssuedToday, fmt.Sprintf("an invoice was issued on %s, and one a day is the most", s.Invoice.Issued),
		fmt.Sprintf("the period that began on %s is invoiced by a run on a later day", s.Subscription.Next),
	}
	if s.skips() {
		e.Next = "a run on a later day invoices the newest period that has begun by then, and skips the ones before it"
	}
	return e
}

// Invoice says why the invoice of s is paid or not.
func Invoice(s Standing) Explanation {
	inv := s.Invoice
	switch inv.Status {
	case billing.Paid:
		if inv.Money.Amount == 0 {
			return Explanation{WhyPaid, "its amount is 0: nothing was to be charged", "nothing"}
		}
		e := Explanation{WhyPaid, "it was paid at " + instant(inv.PaidAt) + inv.booked(), "nothing"}
		if status := s.Subscription.Status; !inv.FirstDeclined.IsZero() && !s.Gone && (status == billing.Paused || status == billing.Cancelled) {
			e.Next = s.goesOn()
		}
		return e
	case billing.Uncollectible:
		if text := inv.closed(payment.AsUncollectible, "closed it as uncollectible"); text != "" {
			return Explanation{WhyUncollectible, text, "nothing more is charged for this period; " + s.goesOn()}
		}
		return Explanation{WhyUncollectible, sentence("it stayed unpaid after the last retry", inv.Message), "nothing more is charged for this period; " + s.goesOn()}
	case billing.Void:
		return s.void()
	case billing.Review:
		return Explanation{WhyReview, sentence("it is in review", inv.ReviewReason), s.decides() + "; until then it is not charged, and no new invoice is issued"}
	case billing.Charging:
		return inv.charging()
	case billing.Open:
		return s.open()
	}
	return Explanation{WhyReview, fmt.Sprintf("its status %q is none of duly's", inv.Status), "fix the row"}
}

// decides says what an operator types about an invoice in review.
func (s Standing) decides() string {
	inv := s.Invoice
	if last := len(inv.Past) - 1; last >= 0 && (inv.Past[last].Status == billing.AttemptReview || inv.Past[last].Status == billing.AttemptRejected) {
		return fmt.Sprintf("an operator decides: duly resolve attempt %d --as not_executed --reason … (or paid GATEWAY_ID, refunded, ignored)", inv.Past[last].ID)
	}
	if s.Gone {
		return "an operator closes it: " + billing.CloseCommand(inv.ID)
	}
	if inv.AmountCheck.Holds() && s.Subscription.Status == billing.Cancelled {
		return "the subscription is cancelled, and an operator closes it: " + billing.CloseCommand(inv.ID)
	}
	if inv.AmountCheck.Holds() {
		return fmt.Sprintf("an operator decides: duly resolve invoice %d --as approved --reason … if the amount is right (else void)", inv.ID)
	}
	return fmt.Sprintf("fix what it says, then: duly requeue invoice %d", inv.ID)
}

// closed says who closed the invoice in that way; empty: nobody did.
func (inv *InvoiceStanding) closed(as payment.Resolution, what string) string {
	r := inv.Resolved
	if r == nil || r.As != as {
		return ""
	}
	return sentence(r.Who+" "+what, r.Reason)
}

// booked says by whose word an invoice is paid, where it is not the gateway's own.
func (inv *InvoiceStanding) booked() string {
	if text := inv.closed(payment.AsPaidOutside, "says: outside the gateways"); text != "" {
		return ", as " + text
	}
	r := inv.Resolved
	if r == nil || r.As != payment.AsPaid {
		return ""
	}
	return sentence(fmt.Sprintf(", by payment %s, which %s named", r.PaymentID, r.Who), r.Reason)
}

// void is the explanation of an invoice that is charged no more.
func (s Standing) void() Explanation {
	switch r := s.Invoice.Resolved; {
	case r != nil && r.As == payment.AsIgnored:
		text := sentence(fmt.Sprintf("%s closed it as ignored", r.Who), r.Reason) + "; the gateway was not asked, and may have kept its money"
		if r.PaymentID != "" {
			text += " as " + r.PaymentID
		}
		return Explanation{WhyVoid, text, "nothing more is charged for this period; " + s.goesOn()}
	case s.Invoice.closed(payment.AsVoid, "") != "":
		return Explanation{WhyVoid, s.Invoice.closed(payment.AsVoid, "closed it as void"), "nothing more is charged for this period; " + s.goesOn()}
	case s.Invoice.Refunded:
		return Explanation{WhyVoid, sentence("its money was refunded", s.Invoice.Message), "nothing more is charged for this period; " + s.goesOn()}
	}
	return Explanation{WhyVoid, "the subscription was cancelled when it was to be charged", "nothing"}
}

// goesOn says how the subscription stands.
func (s Standing) goesOn() string {
	switch {
	case s.Gone:
		return "the subscription's row is gone"
	case s.Subscription.Status == billing.Cancelled:
		return "the subscription has ended"
	}
	return fmt.Sprintf("the subscription is %s", s.Subscription.Status)
}

// charging is the explanation of an invoice with an unsettled attempt.
func (inv *InvoiceStanding) charging() Explanation {
	if last := len(inv.Past) - 1; last >= 0 && inv.Past[last].Status == billing.AttemptInDoubt {
		e := Explanation{WhyInDoubt, sentence(fmt.Sprintf("nobody knows yet whether attempt %d was executed", inv.Past[last].ID), inv.Message), "the gateway is asked again at " + instant(inv.NextCheck) + ", or by the first run after it"}
		if counted := inv.Patience.String(); counted != "" {
			e.Text += "; " + counted
			e.Next += "; " + inv.Patience.Limit()
		}
		return e
	}
	if last := len(inv.Past) - 1; last >= 0 && inv.Past[last].Status == billing.AttemptSucceeded {
		return Explanation{WhyInFlight, fmt.Sprintf("attempt %d succeeded, and the invoice could not be written with it", inv.Past[last].ID), "the next run marks it as paid"}
	}
	if inv.RunLives {
		return Explanation{WhyInFlight, fmt.Sprintf("run %d is charging it now", inv.Run), "the run settles it"}
	}
	return Explanation{WhyInFlight, fmt.Sprintf("run %d ended while it charged it", inv.Run), "the next run finds out what became of the charge"}
}

// open is the explanation of an invoice that waits for a charge.
func (s Standing) open() Explanation {
	inv := s.Invoice
	if inv.StageDate > s.Issue.Business {
		return s.waiting()
	}
	if s.Gone {
		return Explanation{WhyReview, "the subscription's row is gone", "the next run sends it to review, from where it is ended: " + billing.CloseCommand(inv.ID)}
	}
	claim := billing.DecideClaim(inv.Invoice, s.Subscription, inv.Past, s.Policy, s.Issue.Effective, s.Issue.KnownGateway)
	switch claim.Action {
	case billing.ReviewInvoice:
		return Explanation{WhyReview, "it cannot be charged: " + claim.Reason, "the next run sends it to review, unless that is fixed before"}
	case billing.VoidInvoice:
		return Explanation{WhyCancelled, sentence("the subscription was cancelled", s.CancelReason), "the next run voids it"}
	case billing.UseStage:
		return Explanation{WhyBarred, "the payment method was declined for good, and is still the same", fmt.Sprintf("stage %d passes without a charge, the next one is on %s; another method is charged then", inv.Stage, claim.Next)}
	case billing.EndInvoice:
		return Explanation{WhyBarred, "the payment method was declined for good, and is still the same", "this is the last stage: the next run ends " + s.ending()}
	case billing.LeaveInvoice:
		if claim.Reason != "" {
			return Explanation{WhyReview, "it is not charged, and no stage passes: " + claim.Reason, "fix the row; the next run charges it then"}
		}
		return Explanation{WhyElsewhere, fmt.Sprintf("it is due, and gateway %s is not configured here", s.Subscription.Gateway), s.elsewhere()}
	case billing.Charge, billing.HoldInvoice:
	}
	switch {
	case s.held() != "":
		return s.heldBack()
	case s.Amount.Held():
		return Explanation{
			WhyAmount, fmt.Sprintf("it is due since %s, and is not charged as it stands: %s", inv.StageDate, s.Amount.Words),
			"the next run sends it to review, where an operator approves its amount or closes it",
		}
	case inv.Unannounced != "":
		text, next, _ := strings.Cut(inv.Unannounced, ": ")
		return Explanation{WhyNotice, fmt.Sprintf("it is due since %s; %s", inv.StageDate, text), next + "; the next run of billing charges it then"}
	case len(inv.Past) > 0 && inv.Past[len(inv.Past)-1].Status == billing.AttemptReleased:
		return Explanation{WhyAgain, sentence(fmt.Sprintf("attempt %d was not executed", inv.Past[len(inv.Past)-1].ID), inv.Message), "the next run sends it again under the same key"}
	case len(inv.Past) > 0 && !inv.TryLaterSince.IsZero():
		return Explanation{WhyAgain, sentence("the gateway asked to try later", inv.Message), "the next run charges it under the next key"}
	}
	since := "it is due since %s and no run has charged it yet"
	if len(inv.Past) > 0 {
		since = "it is due again since %s"
	}
	return Explanation{WhyDue, fmt.Sprintf(since, inv.StageDate), fmt.Sprintf("the next run charges it: duly run billing --subscription %d", inv.SubscriptionID)}
}

// waiting is the explanation of an open invoice whose date is yet to come.
func (s Standing) waiting() Explanation {
	if e, ends := s.ends(); ends {
		return e
	}
	e := s.waits()
	changed := advance.Invoice{Invoice: s.Invoice.Invoice, Next: s.Invoice.StageDate, Advanced: s.Invoice.Advanced, Subscription: s.Subscription, Past: s.Invoice.Past, Replaced: s.Invoice.Replaced}
	today := s.Issue.Effective
	ahead := advance.OnNewMethod(changed, s.Policy, max(today, changed.Advanced+1), s.Issue.KnownGateway)
	switch {
	case s.Subscription.MethodProblem != "":
		e.Next += "; it is not charged until this is fixed: " + s.Subscription.MethodProblem
	case s.Amount.Held():
		when := fmt.Sprintf("the first run on or after %s", s.Invoice.StageDate)
		if ahead && changed.Advanced < today {
			when = "the next run"
		}
		e.Why, e.Text = WhyAmount, e.Text+"; and is not charged as it stands: "+s.Amount.Words
		e.Next = when + " sends it to review, where an operator approves its amount or closes it"
	case !ahead:
	case changed.Advanced >= today:
		e.Next = "the payment method was changed since, and one a day is charged: it is charged by a run on a later day; " + e.Next
	default:
		e.Why, e.Next = WhyNewMethod, fmt.Sprintf("the payment method was changed since, and the next run charges it: duly run billing --subscription %d; %s", s.Invoice.SubscriptionID, e.Next)
	}
	return e
}

// ends says what keeps an open invoice from being charged on its date, whatever was declined: its subscription is gone or cancelled, or as it stands
// cannot be charged. The run of that day finds it.
func (s Standing) ends() (e Explanation, ends bool) {
	inv, run := s.Invoice.Invoice, fmt.Sprintf("the first run on or after %s ", s.Invoice.StageDate)
	if s.Gone {
		return Explanation{WhyReview, "the subscription's row is gone", run + "sends it to review, from where it is ended: " + billing.CloseCommand(inv.ID)}, true
	}
	inv.AheadOf = 0
	claim := billing.DecideClaim(inv, s.Subscription, s.Invoice.Past, s.Policy, max(s.Issue.Effective, s.Invoice.StageDate), s.Issue.KnownGateway)
	switch claim.Action {
	case billing.VoidInvoice:
		return Explanation{WhyCancelled, sentence("the subscription was cancelled", s.CancelReason), run + "voids it"}, true
	case billing.ReviewInvoice:
		return Explanation{WhyReview, "it cannot be charged: " + claim.Reason, run + "sends it to review, unless that is fixed before"}, true
	case billing.LeaveInvoice:
		if claim.Reason == "" {
			return Explanation{WhyElsewhere, fmt.Sprintf("it is due on %s, and gateway %s is not configured here", s.Invoice.StageDate, s.Subscription.Gateway), s.elsewhere()}, true
		}
	case billing.Charge, billing.UseStage, billing.EndInvoice, billing.HoldInvoice:
	}
	return Explanation{}, false
}

// waits is the explanation of such an invoice, whatever its payment method.
func (s Standing) waits() Explanation {
	inv := s.Invoice
	if inv.HoldRule != "" {
		return s.putOff()
	}
	if inv.Stage == 0 {
		return Explanation{WhyNotDue, fmt.Sprintf("it is due on %s", inv.StageDate), "it is charged by the first run on or after that day"}
	}
	said := sentence("it was declined", inv.Message)
	if inv.Warning != "" {
		said += "; the card is " + inv.Warning
	}
	e := Explanation{WhyStage, said, fmt.Sprintf("retry %d of %d is on %s", inv.Stage, max(inv.Stage, s.Retries()), inv.StageDate)}
	for _, a := range inv.Past {
		if a.Status == billing.AttemptDeclined && a.Bars(s.Subscription) {
			e.Why, e.Next = WhyBarred, e.Next+", and passes without a charge unless the customer changes the payment method before"
			break
		}
	}
	return e
}

// putOff is the explanation of an open invoice that a rule about its card has moved to a later day.
func (s Standing) putOff() Explanation {
	inv := s.Invoice
	e := Explanation{WhyNetwork, network.Whose(inv.HoldRule) + " puts it off: " + network.Explain(inv.HoldRule, s.Policy.Network), ""}
	if len(inv.Past) > 0 {
		e.Text = sentence("it was declined", inv.Message) + "; " + e.Text
	}
	if inv.Warning != "" {
		e.Text += "; the card is " + inv.Warning
	}
	e.Next = fmt.Sprintf("it is charged by the first run on or after %s", inv.StageDate)
	if inv.Stage > 0 {
		e.Next = fmt.Sprintf("retry %d of %d is on %s", inv.Stage, max(inv.Stage, s.Retries()), inv.StageDate)
	} else if s.Policy.RetryOnNewMethod {
		e.Next += "; another payment method is charged by the next run, if its own declines allow that"
	}
	return e
}

// Retries is how many retries the invoice has; 0 if there is no invoice.
func (s Standing) Retries() int {
	if s.Invoice == nil {
		return 0
	}
	return len(s.Dunning().RetryDays)
}

// skips reports whether missed periods are passed over.
func (s Standing) skips() bool {
	p, _ := s.Issue.Of(s.Subscription)
	return billing.Skips(p.CatchUp, s.Subscription.Interval)
}

// ending is what ends with the last stage.
func (s Standing) ending() string {
	switch s.Dunning().AfterLast {
	case dunning.PauseAfterLast:
		return "the invoice, and pauses the subscription"
	case dunning.KeepAfterLast:
		return "the invoice, and keeps the subscription"
	case dunning.CancelAfterLast:
	}
	return "invoice and subscription"
}

// Dunning is the policy that the invoice is being dunned by, or would be.
func (s Standing) Dunning() billing.Policy {
	p := s.Policy.Of(s.Subscription.DunningPolicy)
	if s.Invoice != nil {
		p = p.For(s.Invoice.Invoice)
	}
	return p
}

// elsewhere says who bills what is at a gateway that is not configured here.
func (s Standing) elsewhere() string {
	return fmt.Sprintf("a run on a host with gateways.%s bills it; if there is none, put the subscription's gateway right", s.Subscription.Gateway)
}

func (s Standing) held() string { return s.JobPaused + s.GatewayPaused }

func (s Standing) heldBack() Explanation {
	e := Explanation{Why: WhyHeldBack, Next: "it is charged once that is resumed"}
	switch {
	case s.JobPaused != "":
		e.Text = "it is due, and the billing job is paused: " + s.JobPaused
	default:
		e.Text = fmt.Sprintf("it is due, and gateway %s is paused: %s", s.Subscription.Gateway, s.GatewayPaused)
	}
	return e
}

// sentence is what happened and, if it is known, why.
func sentence(what, why string) string {
	if why = strings.TrimSpace(why); why == "" {
		return what
	}
	return what + ": " + why
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
