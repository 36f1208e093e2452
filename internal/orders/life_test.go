package orders_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/orders"
	"duly/internal/payment"
)

// charge is what really becomes of a payment at its gateway.
type charge struct {
	guarantees orders.Guarantees
	never      bool          // it never arrives
	arrives    time.Duration // after the payment was begun
	decides    time.Duration // after it arrived
	ends       payment.Status
	ended      bool // cancelled by us
}

// status is the charge's at that age of its payment; empty: the gateway does not know it.
func (c *charge) status(age time.Duration, byID bool) payment.Status {
	switch {
	case c.never || age < c.arrives, !c.guarantees.LookupOutlivesKey && !byID && age > c.arrives+c.guarantees.KeyLife:
		return ""
	case c.ended:
		return payment.Canceled
	case age < c.arrives+c.decides:
		return payment.Pending
	}
	return c.ends
}

// took reports whether the gateway holds money for the payment in the end.
func (c *charge) took() bool { return !c.never && !c.ended && c.ends == payment.Succeeded }

// life is an order with what becomes of its charges, and the worker that checks it.
type life struct {
	t       *rapid.T
	order   orders.Order
	rows    []orders.Payment
	charges []*charge
	now     time.Time
	taken   int // how often stock was taken
	frozen  string
}

func drawLife(t *rapid.T) *life {
	l := &life{t: t, order: order(draw(t, "order", orderStatuses()...)), now: noon()}
	for i := range rapid.IntRange(0, 3).Draw(t, "payments") {
		k := lasting()
		k.LookupOutlivesKey = draw(t, "lasts", true, true, false)
		k.FindByKey = draw(t, "by key", true, true, true, false)
		k.Known = draw(t, "known", true, true, true, true, false)
		c := &charge{guarantees: k, never: draw(t, "never", false, false, true), ends: draw(t, "ends", payment.Succeeded, payment.Succeeded, payment.Declined)}
		c.arrives = time.Duration(draw(t, "arrives", 0, 1, 60, 120, 3600, 12*3600, 24*3600, 24*3600+120)) * time.Second
		c.decides = time.Duration(draw(t, "decides", 0, 0, 60, 3600, 30*3600, 100*3600)) * time.Second
		p := row(uint64(i+1), draw(t, "row", orders.PaymentPending, orders.PaymentPending, orders.PaymentFailed, orders.PaymentSucceeded))
		p.CreatedAt = noon().Add(time.Duration(i) * time.Second)
		switch {
		case p.Status == orders.PaymentFailed && !k.LookupOutlivesKey:
			// A charge that the shop gave up itself may be forgotten before anybody asks.
			p.Status = orders.PaymentPending
		case p.Status == orders.PaymentSucceeded && (l.order.Status == orders.OrderCompleted || !l.order.Status.Open() && l.order.Status != orders.OrderFailed && l.order.Status != orders.OrderCancelled):
			p.Status = orders.PaymentPending // it would be the shop's word
		}
		if draw(t, "no key", false, false, false, true) {
			p.Key = ""
		}
		if c.arrives == 0 && !c.never && rapid.Bool().Draw(t, "id") {
			p.TransactionKey = record(p, "").ID
		}
		l.rows, l.charges = append(l.rows, p), append(l.charges, c)
	}
	return l
}

// look is what the gateway of the ith payment says now.
func (l *life) look(i int) orders.Checked {
	p, c := l.rows[i], l.charges[i]
	out := orders.Checked{Payment: p, Guarantees: c.guarantees}
	if !orders.MustAsk(l.order, p) {
		return out
	}
	out.Asked = true
	byID := p.TransactionKey != ""
	switch {
	case !c.guarantees.Known, !byID && (p.Key == "" || !c.guarantees.FindByKey):
		out.Sight.Unaskable = true
		return out
	case c.guarantees.LookupOutlivesKey && !draw(l.t, "answers", true, true, true, false):
		// A gateway that forgets must not be out of reach for long.
		out.Sight.Reason = "timeout"
		return out
	}
	status := c.status(l.now.Sub(p.CreatedAt), byID)
	if status == "" {
		out.Sight.Absent, out.Vetting = true, borneOut()
		return out
	}
	out.Sight.Payment = record(p, status)
	if orders.MustCancel(l.order, out, policy(), l.now) && rapid.Bool().Draw(l.t, "cancel works") {
		c.ended, out.Cancelled = true, true
	}
	return out
}

// check is one check; next is how long until the following one.
func (l *life) check(n int) (next time.Duration) {
	var list []orders.Checked
	for i := range l.rows {
		list = append(list, l.look(i))
	}
	d := orders.Decide(l.order, list, draw(l.t, "enough", true, true, false), policy(), n, l.now)
	if d.Order != "" {
		require.True(l.t, l.order.Status.Open(), "an order that had ended changed")
		l.order.Status = d.Order
	}
	if d.TakeStock {
		l.taken++
	}
	for _, c := range d.Payments {
		i := slices.IndexFunc(l.rows, func(p orders.Payment) bool { return p.ID == c.ID })
		p := &l.rows[i]
		p.Status = c.To
		if c.TransactionKey != "" {
			p.TransactionKey = c.TransactionKey
		}
		if c.To == orders.PaymentFailed || c.To == orders.PaymentCancelled {
			p.FailureCode = c.FailureCode
		}
	}
	l.frozen = d.Review
	return d.Next
}

// I9 and I10 over the life of an order: whenever its charges arrive and whatever cannot be asked, checking it until
// there is nothing left to ask leaves every payment that was taken kept for a completed order, due to be refunded,
// or with an operator; one payment is kept at the most, and stock was taken once if the order was completed by duly.
func TestLifeOfAnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLife(t)
		begun := l.order.Status
		l.now = l.now.Add(10 * time.Minute)
		for n := 1; ; n++ {
			require.Less(t, n, 300, "it is checked for ever: %+v", l)
			next := l.check(n)
			if next == 0 {
				break
			}
			// Runs are late at times.
			l.now = l.now.Add(next + time.Duration(rapid.IntRange(0, 3600).Draw(t, "late"))*time.Second)
		}
		story := fmt.Sprintf("%s, frozen %q, at %s: %+v", l.order.Status, l.frozen, l.now, l.rows)
		kept := 0
		for i, p := range l.rows {
			status := p.Status
			if status == orders.PaymentSucceeded {
				kept++
			}
			if !l.charges[i].took() || l.frozen != "" {
				continue
			}
			switch l.order.Status {
			case orders.OrderCompleted, "shipped":
				require.Contains(t, []orders.PaymentStatus{orders.PaymentSucceeded, orders.PaymentRefundDue}, status, story)
			default:
				require.Equal(t, orders.PaymentRefundDue, status, story)
			}
		}
		if l.frozen == "" {
			require.LessOrEqual(t, kept, 1, story)
			require.False(t, l.order.Status.Open(), story)
			require.NotContains(t, statuses(l.rows), orders.PaymentPending, story)
		}
		if begun.Open() && l.order.Status == orders.OrderCompleted {
			require.Equal(t, 1, l.taken, story)
		} else {
			require.Zero(t, l.taken, story)
		}
	})
}

func statuses(rows []orders.Payment) []orders.PaymentStatus {
	out := make([]orders.PaymentStatus, 0, len(rows))
	for _, p := range rows {
		out = append(out, p.Status)
	}
	return out
}
