package orders

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// NeedsStock reports whether the decision on the order depends on its stock: there is a success that may
// complete it.
func NeedsStock(o Order, checked []Checked) bool {
	if !o.Status.Open() {
		return false
	}
	// Neither the policy nor the time decides what a success is.
	all := standings(o, checked, Policy{}, time.Time{})
	return !slices.ContainsFunc(all, is(differs)) && slices.ContainsFunc(all, is(paid))
}

// Decide says what becomes of a checked order: the first line of the table that holds. enough says whether the
// stock suffices for all its items; it is read only if NeedsStock. checks counts the checks, this one included.
//
// The line says what becomes of the order and of its successes. Beside it, but for LineDiffers, what is definite
// about each other payment is written down, and what is not is asked about again or left to an operator.
func Decide(o Order, checked []Checked, enough bool, p Policy, checks int, now time.Time) Decision {
	all := standings(o, checked, p, now)
	if slices.ContainsFunc(all, is(differs)) {
		d := Decision{Line: LineDiffers}
		d.leaveToOperator(o, all, differs)
		return d
	}
	d := decideOrder(o, all, enough)
	for _, s := range all {
		if s.change.To == "" {
			continue
		}
		d.Payments = append(d.Payments, s.change)
		if s.change.To == PaymentRefunded {
			d.Events = append(d.Events, RefundCompleted(o, s.payment.atGateway(), s.change.Refunded, "refunded at the gateway"))
		}
	}
	d.leaveToOperator(o, all, stuck)
	if d.Review == "" {
		d.Next = next(all, checks)
	}
	slices.SortFunc(d.Payments, func(a, b Change) int { return cmp.Compare(a.ID, b.ID) })
	return d
}

// standings judges the payments of an order, the oldest first.
func standings(o Order, checked []Checked, p Policy, now time.Time) []judgement {
	all := make([]judgement, 0, len(checked))
	for _, c := range checked {
		s := stand(o, c, p, now)
		if c.Taken != "" && s.tookMoney() {
			s = s.others(fmt.Sprintf("is %s at the gateway, which is booked for %s", c.there(), c.Taken))
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b judgement) int {
		return cmp.Or(a.payment.CreatedAt.Compare(b.payment.CreatedAt), cmp.Compare(a.payment.ID, b.payment.ID))
	})
	once(all)
	return all
}

func is(f fate) func(judgement) bool { return func(s judgement) bool { return s.fate == f } }

// decideOrder is the line that holds where no success differs, with what it makes of order and successes.
func decideOrder(o Order, all []judgement, enough bool) Decision {
	switch {
	case slices.ContainsFunc(all, is(paid)):
		return decidePaid(o, all, enough)
	case slices.ContainsFunc(all, is(undecided)), slices.ContainsFunc(all, is(stuck)):
		return Decision{Line: LineLater}
	}
	d := Decision{Line: LineNotPaid}
	if o.Status.Open() {
		d.fail(o, all, whyNotPaid(all))
	}
	return d
}

// decidePaid is the line that holds where there is a success, and none that differs.
func decidePaid(o Order, all []judgement, enough bool) Decision {
	var d Decision
	switch {
	case o.Status == OrderCompleted:
		d.Line = LineCompleted
		d.keepOne(all)
	case o.Status.Open() && enough:
		d.Line, d.Order, d.TakeStock = LineComplete, OrderCompleted, true
		kept := d.keepOne(all)
		d.doubtRecorded(all)
		d.Events = append(d.Events, completedEvent(o, kept.payment.atGateway()))
	case o.Status.Open():
		d.Line = LineOutOfStock
		d.giveBack(all)
		d.fail(o, all, outOfStock)
	case o.Status == OrderFailed || o.Status == OrderCancelled:
		d.Line = LineLate
		d.giveBack(all)
	default:
		d.Line = LineShops
		d.leaveToShop(o, all)
	}
	return d
}

// outOfStock is why an order that was paid failed.
const outOfStock = "out of stock"

// keepOne keeps the success that is recorded, or else the oldest, and gives the others back.
func (d *Decision) keepOne(all []judgement) judgement {
	successes := slices.DeleteFunc(slices.Clone(all), func(s judgement) bool { return s.fate != paid })
	at := max(0, slices.IndexFunc(successes, func(s judgement) bool { return s.recorded }))
	for i, s := range successes {
		switch {
		case i == at:
			d.change(s, PaymentSucceeded)
		case !s.recorded:
			d.change(s, PaymentRefundDue)
		}
	}
	return successes[at]
}

// doubtRecorded keeps asking about payments that are recorded as succeeded, beside the one that completed the order,
// and that the gateway has not confirmed: what is recorded beside a completed order is not asked about.
func (d *Decision) doubtRecorded(all []judgement) {
	for _, s := range all {
		if s.fate == undecided && s.payment.Status == PaymentSucceeded {
			d.change(s, PaymentPending)
		}
	}
}

// giveBack gives every success back.
func (d *Decision) giveBack(all []judgement) {
	for _, s := range all {
		if s.fate == paid {
			d.change(s, PaymentRefundDue)
		}
	}
}

// leaveToShop records the successes of an order whose status is the shop's own. What was recorded before is
// known to the shop; anything new is for an operator.
func (d *Decision) leaveToShop(o Order, all []judgement) {
	var found []string
	for _, s := range all {
		if s.fate == paid && !s.recorded {
			d.change(s, PaymentSucceeded)
			found = append(found, s.label()+" succeeded while the order was "+string(o.Status))
		}
	}
	if len(found) > 0 {
		d.freeze(o, all, found)
	}
}

func (d *Decision) change(s judgement, to PaymentStatus) {
	if c, ok := s.to(to); ok {
		d.Payments = append(d.Payments, c)
	}
}

// fail ends an open order.
func (d *Decision) fail(o Order, all []judgement, reason string) {
	d.Order, d.FailureReason = OrderFailed, reason
	var newest *Payment
	if len(all) > 0 {
		p := all[len(all)-1].payment.atGateway()
		newest = &p
	}
	d.Events = append(d.Events, failedEvent(o, newest, reason))
}

// whyNotPaid says why an order was not paid: what became of its newest payment.
func whyNotPaid(all []judgement) string {
	if len(all) == 0 {
		return "not paid: no payment was begun"
	}
	last := all[len(all)-1]
	to, code, reason := last.payment.Status, last.payment.FailureCode, ""
	if last.change.To != "" {
		to, code, reason = last.change.To, last.change.FailureCode, last.change.FailureReason
	}
	if to == PaymentRefundDue || to == PaymentRefunded {
		return "not paid: the money was refunded"
	}
	text := "not paid: payment " + string(to)
	if code != "" {
		text += ", " + code
	}
	if reason != "" {
		text += ": " + reason
	}
	return cut(text)
}

// leaveToOperator leaves the payments of that fate, and with them the order, to an operator.
func (d *Decision) leaveToOperator(o Order, all []judgement, f fate) {
	var found []string
	for _, s := range all {
		if s.fate != f {
			continue
		}
		found = append(found, s.label()+" "+s.why)
		if s.ours() && !s.asIs {
			d.change(s, PaymentReview)
		}
	}
	if len(found) > 0 {
		d.freeze(o, all, found)
	}
}

// ours reports whether the payment's status is one that duly may change.
func (s judgement) ours() bool {
	switch s.payment.Status {
	case PaymentPending, PaymentSucceeded, PaymentFailed, PaymentCancelled:
		return true
	case PaymentRefundDue, PaymentRefunded, PaymentReview:
	}
	return false
}

// freeze leaves the order to an operator, for these reasons and those it is frozen for already.
func (d *Decision) freeze(o Order, all []judgement, reasons []string) {
	if d.Review != "" {
		reasons = append([]string{d.Review}, reasons...)
		d.Events = slices.DeleteFunc(d.Events, isReview)
	}
	d.Review = cut(strings.Join(reasons, "; "))
	payments := make([]Payment, len(all))
	for i, s := range all {
		payments[i] = s.payment.atGateway()
	}
	d.Events = append(d.Events, reviewEvent(o, d.Review, payments))
}

// next is when the order is checked again; 0: there is nothing left to find out.
func next(all []judgement, checks int) time.Duration {
	var wait time.Duration
	sooner := func(d time.Duration) {
		if wait == 0 || d < wait {
			wait = d
		}
	}
	for _, s := range all {
		switch {
		case s.fate == undecided:
			sooner(Later(checks))
		case s.again > 0:
			sooner(s.again)
		}
	}
	return wait
}
