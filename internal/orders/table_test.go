package orders_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/orders"
	"duly/internal/payment"
)

// answer is what a gateway may say of a payment. What it means is written down twice: in sight for the rules, and
// in combo.fate for the test.
type answer uint8

const (
	unasked answer = iota
	unanswered
	unaskable
	absent
	pending
	pendingOther // somebody else's charge under our id
	success
	otherKey
	otherReference
	otherCustomer
	otherAmount
	otherCurrency
	split // all as recorded, and not the order's whole amount
	refundedPart
	refundedWhole
	declined
	declinedOther
	canceled
	canceledByUs
	unknown // a status that the contract does not have
	answers
)

// mattersAge reports whether the answer means another thing of an older payment.
func (a answer) mattersAge() bool {
	return slices.Contains([]answer{unaskable, absent, pending, unknown}, a)
}

// combo is one payment of the table.
type combo struct {
	status  orders.PaymentStatus
	code    string
	key, id bool
	answer  answer
	age     time.Duration
}

func (c combo) String() string {
	return fmt.Sprintf("%s %q key=%t id=%t answer=%d age=%s", c.status, c.code, c.key, c.id, c.answer, c.age)
}

const (
	beforeR  = time.Minute
	beforeLR = time.Hour
	afterLR  = 25 * time.Hour
	givenUp  = 49 * time.Hour
)

// checked is the combination as a claim and a check would bring it.
func (c combo) checked(id uint64) orders.Checked {
	p := row(id, c.status)
	p.FailureCode = c.code
	p.CreatedAt = noon().Add(-c.age)
	p.UpdatedAt = p.CreatedAt
	if !c.key {
		p.Key = ""
	}
	if c.id {
		p.TransactionKey = "pay_" + string(rune('0'+id))
	}
	if c.answer == split {
		p.Money = won(6000)
	}
	out := orders.Checked{Payment: p, Guarantees: lasting(), Vetting: borneOut(), Asked: c.answer != unasked, Cancelled: c.answer == canceledByUs}
	if out.Sight = c.sight(p); c.age == givenUp {
		out.Patience = askedEnough()
	}
	return out
}

func (c combo) sight(p orders.Payment) payment.LookupResult {
	r := record(p, payment.Succeeded)
	if !c.key {
		r.Key = "somebody's"
	}
	switch c.answer {
	case unasked:
		return payment.LookupResult{}
	case unanswered, answers:
		return payment.LookupResult{Reason: "timeout", Failure: true}
	case unaskable:
		return payment.LookupResult{Unaskable: true}
	case absent:
		return payment.LookupResult{Absent: true}
	case pending, canceledByUs:
		r.Status = payment.Pending
	case pendingOther:
		r.Status, r.Reference = payment.Pending, "ord_8"
	case success:
	case otherKey:
		r.Key = "ord_8-1"
	case otherReference:
		r.Reference = "ord_8"
	case otherCustomer:
		r.CustomerID = "cus_8"
	case otherAmount:
		r.Money.Amount--
	case otherCurrency:
		r.Money.Currency = "USD"
	case split:
		r.Money = p.Money
	case refundedPart:
		r.Refunded = 1
	case refundedWhole:
		r.Refunded = r.Money.Amount
	case declined:
		r.Status, r.Decline = payment.Declined, payment.Decline{Code: "insufficient_funds", Message: "no money"}
	case declinedOther:
		r.Status, r.CustomerID = payment.Declined, "cus_8"
	case canceled:
		r.Status = payment.Canceled
	case unknown:
		r.Status = "disputed"
	}
	return payment.LookupResult{Payment: r}
}

// taken reports whether the gateway holds money for the payment, as far as this check can know.
func (c combo) taken() bool {
	return c.answer >= success && c.answer <= refundedPart
}

// asks reports whether a check asks about the payment.
func (c combo) asks(o orders.OrderStatus) bool {
	switch c.status {
	case "pending":
		return true
	case "succeeded":
		return o == "pending" || o == "payment_in_progress" || o == "failed" || o == "cancelled"
	case "failed", "cancelled":
		return c.code == "" || c.code == "request_failed"
	}
	return false
}

// meaning is what the test holds of a payment: its fate and, if it is not paid, what is written down.
type meaning struct {
	fate     string // paid, differs, no, later, stuck
	recorded bool
	to       orders.PaymentStatus
	again    bool // asked about once more after L + R
}

// means is the second writing of the rules of one payment.
func (c combo) means(o orders.OrderStatus) meaning {
	switch {
	case c.status == "review" || c.status == "authorized":
		return meaning{fate: "stuck"}
	case c.status == "succeeded" && !c.asks(o):
		return meaning{fate: "paid", recorded: true}
	case !c.asks(o):
		return meaning{fate: "no"}
	}
	no := func(to orders.PaymentStatus) meaning {
		if c.status == "cancelled" && to != "refunded" {
			to = "cancelled"
		}
		return meaning{fate: "no", to: to}
	}
	late := c.age > 48*time.Hour
	switch c.answer {
	case success:
		return meaning{fate: "paid"}
	case otherKey, otherReference, otherCustomer, otherAmount, otherCurrency, split, refundedPart:
		return meaning{fate: "differs"}
	case refundedWhole:
		return no("refunded")
	case declined:
		return no("failed")
	case canceled, canceledByUs:
		return no("cancelled")
	case pendingOther, declinedOther:
		return meaning{fate: "stuck"}
	case absent:
		switch {
		case c.age <= 2*time.Minute:
			return meaning{fate: "later"}
		case c.id || c.status == "succeeded":
			return meaning{fate: "stuck"}
		}
		m := no("failed")
		m.again = c.age <= 24*time.Hour+2*time.Minute
		if c.code == "request_failed" {
			m.to = "" // as it is
		}
		return m
	case pending:
		if late {
			return meaning{fate: "stuck"}
		}
		if c.status != "succeeded" && (c.status != "pending" || !c.id) {
			return meaning{fate: "later", to: "pending"}
		}
	case unaskable, unknown:
		if late {
			return meaning{fate: "stuck"}
		}
	}
	return meaning{fate: "later"}
}

// combos are the payments of the table that a check can bring.
func combos() []combo {
	var all []combo
	asked := []combo{
		{status: "pending"},
		{status: "succeeded"},
		{status: "failed"},
		{status: "failed", code: "request_failed"},
		{status: "cancelled"},
		{status: "cancelled", code: "request_failed"},
	}
	for _, c := range asked {
		for _, ids := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
			c.key, c.id = ids[0], ids[1]
			for c.answer = unasked; c.answer < answers; c.answer++ {
				switch {
				case !c.key && !c.id && c.answer > unaskable, !c.key && c.answer == otherKey:
					continue // nobody can have asked, nothing is compared
				}
				for _, c.age = range []time.Duration{beforeR, beforeLR, afterLR, givenUp} {
					if c.answer.mattersAge() || c.age == beforeLR {
						all = append(all, c)
					}
				}
			}
		}
	}
	for _, c := range []combo{
		{status: "refund_due"},
		{status: "refunded"},
		{status: "review"},
		{status: "authorized"},
		{status: "failed", code: "stolen_card"},
		{status: "cancelled", code: "given_up"},
	} {
		for _, ids := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
			c.key, c.id, c.age = ids[0], ids[1], beforeLR
			all = append(all, c)
		}
	}
	return all
}

// lines are the lines of the table, written down a second time, each with all that it takes to hold.
func lines(o orders.OrderStatus, enough bool, all []meaning) []orders.Line {
	any := func(fate string) bool {
		return slices.ContainsFunc(all, func(m meaning) bool { return m.fate == fate })
	}
	open := o == "pending" || o == "payment_in_progress"
	success := any("paid") && !any("differs")
	var hold []orders.Line
	for _, l := range []struct {
		line  orders.Line
		holds bool
	}{
		{orders.LineDiffers, any("differs")},
		{orders.LineCompleted, success && o == "completed"},
		{orders.LineComplete, success && open && enough},
		{orders.LineOutOfStock, success && open && !enough},
		{orders.LineLate, success && (o == "failed" || o == "cancelled")},
		{orders.LineShops, success && o == "shipped"},
		{orders.LineLater, !any("differs") && !any("paid") && (any("later") || any("stuck"))},
		{orders.LineNotPaid, !any("differs") && !any("paid") && !any("later") && !any("stuck")},
	} {
		if l.holds {
			hold = append(hold, l.line)
		}
	}
	return hold
}

// wants is what the test holds that a decision is. It is compared more than a million times.
type wants struct {
	order      orders.OrderStatus
	payments   [3]orders.PaymentStatus // that change, by id
	review     bool
	next       bool
	events     events
	takesStock bool
}

// events counts events by type.
type events struct{ review, refunded, completed, failed, others int }

func (e *events) add(kind string) {
	switch kind {
	case "review.needed":
		e.review++
	case "refund.completed":
		e.refunded++
	case "order.completed":
		e.completed++
	case "order.failed":
		e.failed++
	default:
		e.others++
	}
}

// made is a combination with what both sides of the test make of it, which takes longer than to compare them.
type made struct {
	combo
	checked [2]orders.Checked // as the first and as the second payment of an order
	means   meaning
}

func makeAll(o orders.OrderStatus) []*made {
	var all []*made
	for _, c := range combos() {
		if c.answer == unasked || c.asks(o) {
			all = append(all, &made{combo: c, checked: [2]orders.Checked{c.checked(1), c.checked(2)}, means: c.means(o)})
		}
	}
	return all
}

// want writes the right-hand side of the table down a second time. The first of the list is the older.
func want(o orders.OrderStatus, line orders.Line, list []*made, all []meaning) wants {
	var w wants
	put := func(i int, to orders.PaymentStatus) { w.payments[i+1] = to }
	freeze := func() {
		w.review = true
		w.events.review = 1
	}
	if line == orders.LineDiffers {
		freeze()
		for i, m := range all {
			if m.fate == "differs" {
				put(i, "review")
			}
		}
		return w
	}
	kept := slices.IndexFunc(all, func(m meaning) bool { return m.recorded })
	if kept < 0 {
		kept = slices.IndexFunc(all, func(m meaning) bool { return m.fate == "paid" })
	}
	for i, m := range all {
		switch m.fate {
		case "paid":
			to := orders.PaymentStatus("refund_due")
			switch {
			case line == orders.LineShops && !m.recorded:
				to = "succeeded"
				freeze()
			case m.recorded, i == kept && (line == orders.LineComplete || line == orders.LineCompleted):
				to = "succeeded"
			}
			if list[i].status != to || !list[i].id && !m.recorded {
				put(i, to)
			}
		case "no":
			if m.to != "" {
				put(i, m.to)
			}
			if m.to == "refunded" {
				w.events.refunded++
			}
			w.next = w.next || m.again
		case "later":
			w.next = true
			if m.to != "" || line == orders.LineComplete && list[i].status == "succeeded" {
				put(i, "pending")
			}
		case "stuck":
			if list[i].status != "review" && list[i].status != "authorized" {
				put(i, "review")
			}
			freeze()
		}
	}
	open := o == "pending" || o == "payment_in_progress"
	switch {
	case line == orders.LineComplete:
		w.order, w.takesStock = "completed", true
		w.events.completed = 1
	case line == orders.LineOutOfStock, line == orders.LineNotPaid && open:
		w.order = "failed"
		w.events.failed = 1
	}
	w.next = w.next && !w.review
	return w
}

// wrong compares a decision with what the test holds of it, and says in which way it is wrong. It is called more than
// a million times, so that it asserts nothing.
func wrong(o orders.OrderStatus, list []*made, enough bool) string {
	in := make([]orders.Checked, 0, 2)
	all := make([]meaning, 0, 2)
	for i, c := range list {
		in, all = append(in, c.checked[i]), append(all, c.means)
	}
	ord := order(o)
	d := orders.Decide(ord, in, enough, policy(), 1, noon())
	hold := lines(o, enough, all)
	if len(hold) != 1 || hold[0] != d.Line {
		return fmt.Sprintf("line %d is taken, %v hold", d.Line, hold)
	}
	w := want(o, d.Line, list, all)
	got := wants{order: d.Order, review: d.Review != "", next: d.Next > 0, takesStock: d.TakeStock}
	for _, c := range d.Payments {
		if got.payments[c.ID] != "" {
			return "a payment changes twice"
		}
		got.payments[c.ID] = c.To
	}
	for _, e := range d.Events {
		got.events.add(e.Type)
	}
	switch {
	case got != w:
		return fmt.Sprintf("line %d wants %+v, and got %+v", d.Line, w, got)
	case (d.FailureReason != "") != (d.Order == "failed"):
		return "a failure has no reason"
	case orders.NeedsStock(ord, in) != (d.Line == orders.LineComplete || d.Line == orders.LineOutOfStock):
		return "stock was not asked for, or in vain"
	}
	return unsafe(o, list, in, d)
}

// unsafe says what is wrong with a decision by the promises alone: I9 and I10, and that a row of the shop's own stays.
func unsafe(o orders.OrderStatus, list []*made, in []orders.Checked, d orders.Decision) string {
	after := o
	if d.Order != "" {
		after = d.Order
	}
	kept := 0
	for i, c := range list {
		status := c.status
		for k := range d.Payments {
			change := &d.Payments[k]
			if change.ID != in[i].ID {
				continue
			}
			if status = change.To; c.status == "authorized" || c.status == "review" || c.status == "refunded" || c.status == "refund_due" {
				return "a row changed that is not duly's to change"
			}
		}
		if again := d.Next > 0 && c.asks(after); status == "succeeded" && !again {
			kept++
		}
		if c.taken() && c.asks(o) && status != "refund_due" && status != "review" && (status != "succeeded" || after != "completed") && d.Review == "" {
			return "money is kept for an order that is not completed"
		}
		if c.taken() && c.asks(o) && (status == "failed" || status == "cancelled" || status == "refunded") && c.status != status {
			return "money that was taken is booked as not taken"
		}
	}
	recorded := 0
	for _, c := range list {
		if c.status == "succeeded" && !c.asks(o) {
			recorded++
		}
	}
	switch {
	case kept > max(1, recorded) && d.Review == "":
		return "more than one payment is kept"
	case d.TakeStock != (d.Order == "completed"):
		return "stock is taken by an order that is not completed, or not taken by one that is"
	case d.Order != "" && o != "pending" && o != "payment_in_progress":
		return "an order changed that is not open"
	}
	return ""
}

// kind is what payments have in common that the test holds to be alike beside another one.
type kind struct {
	status orders.PaymentStatus
	code   string
	id     bool
	means  meaning
}

// partners are the payments that each one is paired with: all behind it, where all pairs are asked for, or one of each
// kind, the next of the kind for each payment.
func partners(all []*made) func(i int) []*made {
	if os.Getenv("DULY_TEST_POINTS") == "all" {
		return func(i int) []*made { return all[i:] }
	}
	var kinds []kind
	members := map[kind][]*made{}
	for _, m := range all {
		k := kind{m.status, m.code, m.id, m.means}
		if members[k] == nil {
			kinds = append(kinds, k)
		}
		members[k] = append(members[k], m)
	}
	return func(i int) []*made {
		list := make([]*made, len(kinds))
		for j, k := range kinds {
			list[j] = members[k][i%len(members[k])]
		}
		return list
	}
}

func orderStatuses() []orders.OrderStatus {
	return []orders.OrderStatus{"pending", "payment_in_progress", "completed", "failed", "cancelled", "shipped"}
}

// Every order status with no payment, every payment, and every payment with one of each kind, or, by `make points`, with
// every other one: exactly one line of the table holds, and the decision is that line's.
func TestEveryCombination(t *testing.T) {
	for _, o := range orderStatuses() {
		t.Run(string(o), func(t *testing.T) {
			t.Parallel()
			all := makeAll(o)
			with := partners(all)
			verify := func(enough bool, list ...*made) {
				if why := wrong(o, list, enough); why != "" {
					require.Fail(t, why, "%s %v enough=%t", o, list, enough)
				}
			}
			both := func(list ...*made) {
				verify(true, list...)
				verify(false, list...)
			}
			both()
			for i, a := range all {
				both(a)
				for _, b := range with(i) {
					if o.Open() && (a.means.fate == "paid" || b.means.fate == "paid") {
						both(a, b)
					} else {
						verify(true, a, b)
					}
				}
			}
		})
	}
}
