package orders_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/orders"
	"duly/internal/payment"
)

func decide(o orders.Order, list ...orders.Checked) orders.Decision {
	return orders.Decide(o, list, true, policy(), 1, noon())
}

func TestDecideCompletes(t *testing.T) {
	p := row(1, "pending")
	d := decide(order("payment_in_progress"), found(p, payment.Succeeded))
	require.Equal(t, []string{"order.completed"}, eventTypes(d.Events))
	require.Equal(t, orders.Decision{
		Line: orders.LineComplete, Order: orders.OrderCompleted, TakeStock: true,
		Payments: []orders.Change{{ID: 1, To: "succeeded", TransactionKey: "pay_1"}},
		Events:   d.Events,
	}, d)
}

// The oldest success is kept, by the time it was begun and then by id, whatever the order they come in.
func TestDecideKeepsTheOldest(t *testing.T) {
	aged := func(id uint64, minutes int) orders.Checked {
		c := found(row(id, "pending"), payment.Succeeded)
		c.CreatedAt = noon().Add(-time.Duration(minutes) * time.Minute)
		return c
	}
	for name, c := range map[string]struct {
		list []orders.Checked
		kept uint64
	}{
		"by time":      {[]orders.Checked{aged(1, 50), aged(2, 60), aged(3, 55)}, 2},
		"by id":        {[]orders.Checked{aged(3, 60), aged(2, 60), aged(4, 60)}, 2},
		"the only one": {[]orders.Checked{aged(9, 60)}, 9},
		"not a decline": {[]orders.Checked{func() orders.Checked {
			c := found(row(1, "pending"), payment.Declined)
			c.CreatedAt = noon().Add(-3 * time.Hour)
			return c
		}(), aged(2, 60)}, 2},
	} {
		for _, status := range []orders.OrderStatus{"pending", "completed"} {
			d := decide(order(status), c.list...)
			for _, change := range d.Payments {
				switch {
				case change.ID == c.kept:
					require.Equal(t, orders.PaymentSucceeded, change.To, "%s, %s", name, status)
				case change.To != orders.PaymentFailed:
					require.Equal(t, orders.PaymentRefundDue, change.To, "%s, %s", name, status)
				}
			}
			require.Len(t, d.Payments, len(c.list))
		}
	}
}

// What is recorded beside a completed order is kept, even if a payment that was begun before it turns up.
func TestDecideKeepsWhatIsRecorded(t *testing.T) {
	recorded := orders.Checked{Payment: row(2, "succeeded"), Guarantees: lasting()}
	early := found(row(1, "failed"), payment.Succeeded)
	early.CreatedAt = noon().Add(-20 * time.Hour)
	d := decide(order("completed"), early, recorded)
	require.Equal(t, []orders.Change{{ID: 1, To: "refund_due", TransactionKey: "pay_1"}}, d.Payments)
	require.Empty(t, d.Events)

	d = decide(order("shipped"), recorded)
	require.Equal(t, orders.Decision{Line: orders.LineShops}, d, "the shop knows of it")
}

func TestDecideDiffers(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*payment.Payment)
		why    string
	}{
		"key":                {func(p *payment.Payment) { p.Key = "ord_8-1" }, "payment 1 succeeded at the gateway and differs: idempotency_key of payment pay_1 is not ours"},
		"reference":          {func(p *payment.Payment) { p.Reference = "ord_70" }, "payment 1 succeeded at the gateway and differs: reference of payment pay_1 is not ours"},
		"channel":            {func(p *payment.Payment) { p.Key, p.Reference, p.ForeignChannel = "ord_7-1", "", "channel-key-2" }, "payment 1 succeeded at the gateway and differs: test channel channel-key-2 of payment pay_1 is not ours"},
		"customer":           {func(p *payment.Payment) { p.CustomerID = "cus_8" }, "payment 1 succeeded at the gateway and differs: customer_id of payment pay_1 is not ours"},
		"amount":             {func(p *payment.Payment) { p.Money.Amount = 12901 }, "payment 1 succeeded at the gateway and differs: 12,901 KRW were taken, 12,900 KRW are recorded"},
		"currency":           {func(p *payment.Payment) { p.Money.Currency = "JPY" }, "payment 1 succeeded at the gateway and differs: 12,900 JPY were taken, 12,900 KRW are recorded"},
		"refunded in excess": {func(p *payment.Payment) { p.Refunded = 12901 }, "payment 1 succeeded at the gateway and differs: the gateway shows 12,901 KRW of 12,900 KRW refunded, which cannot be: more than was paid"},
		"refunded below 0":   {func(p *payment.Payment) { p.Refunded = -1 }, "payment 1 succeeded at the gateway and differs: the gateway shows -1 KRW of 12,900 KRW refunded, which cannot be"},
		"of nothing":         {func(p *payment.Payment) { p.Money.Amount = 0 }, "payment 1 succeeded at the gateway and differs: the gateway shows an amount of 0 KRW, which cannot be"},
		"refunded":           {func(p *payment.Payment) { p.Refunded = 900 }, "payment 1 succeeded at the gateway and differs: 900 KRW of 12,900 KRW were refunded"},
	} {
		d := decide(order("pending"), found(row(1, "pending"), payment.Succeeded, c.change), found(row(2, "pending"), payment.Succeeded))
		require.Equal(t, c.why, d.Review, name)
		require.Equal(t, []string{"review.needed"}, eventTypes(d.Events), name)
		id := "pay_1"
		if name == "key" || name == "reference" || name == "customer" || name == "channel" {
			id = "" // it is not proven to be this payment's
		}
		require.Equal(t, []orders.Change{{ID: 1, To: "review", TransactionKey: id}}, d.Payments, name)
		require.Zero(t, d.Next, name)
		require.Empty(t, d.Order, name)
	}
	half := row(1, "pending")
	half.Money = won(6450)
	mine := func(p *payment.Payment) { p.Money = won(6450) }
	other := half
	other.ID, other.Key = 2, "ord_7-2"
	d := decide(order("pending"), found(half, payment.Succeeded, mine), found(other, payment.Succeeded, mine))
	require.Equal(t, orders.LineDiffers, d.Line, "split tender")
	require.Len(t, d.Payments, 2)
	require.Contains(t, d.Review, "6,450 KRW were taken, the order is 12,900 KRW; payment 2")

	keyless := row(1, "pending")
	keyless.Key = ""
	d = decide(order("pending"), found(keyless, payment.Succeeded, func(p *payment.Payment) { p.Key = "whatever" }))
	require.Equal(t, orders.LineComplete, d.Line, "a missing key is not compared")
}

func TestDecideOutOfStock(t *testing.T) {
	d := orders.Decide(order("pending"), []orders.Checked{found(row(1, "pending"), payment.Succeeded), found(row(2, "pending"), payment.Succeeded)}, false, policy(), 1, noon())
	require.Equal(t, orders.Decision{
		Line: orders.LineOutOfStock, Order: orders.OrderFailed, FailureReason: "out of stock",
		Payments: []orders.Change{{ID: 1, To: "refund_due", TransactionKey: "pay_1"}, {ID: 2, To: "refund_due", TransactionKey: "pay_2"}},
		Events:   d.Events,
	}, d)
	require.Equal(t, []string{"order.failed"}, eventTypes(d.Events))
}

func TestDecideShops(t *testing.T) {
	d := decide(order("shipped"), found(row(1, "failed"), payment.Succeeded))
	require.Equal(t, "payment 1 succeeded while the order was shipped", d.Review)
	require.Equal(t, []orders.Change{{ID: 1, To: "succeeded", TransactionKey: "pay_1"}}, d.Payments)
	require.Empty(t, d.Order)

	// Two reasons at once are one.
	d = decide(order("shipped"), found(row(1, "failed"), payment.Succeeded), orders.Checked{Payment: row(2, "review")})
	require.Equal(t, "payment 1 succeeded while the order was shipped; payment 2 is in review", d.Review)
	require.Equal(t, []string{"review.needed"}, eventTypes(d.Events))
}

func TestDecideNotPaid(t *testing.T) {
	declined := found(row(1, "pending"), payment.Declined, func(p *payment.Payment) {
		p.Decline = payment.Decline{Code: "stolen_card", Message: "the card was stolen"}
	})
	given := orders.Checked{Payment: row(1, "refunded")}
	settled := row(1, "failed")
	settled.FailureCode = "stolen_card"
	absent := checked(row(1, "pending"), payment.LookupResult{Absent: true})
	for name, c := range map[string]struct {
		checked []orders.Checked
		reason  string
		change  []orders.Change
	}{
		"no payment": {nil, "not paid: no payment was begun", nil},
		"declined": {
			[]orders.Checked{declined},
			"not paid: payment failed, stolen_card: the card was stolen",
			[]orders.Change{{ID: 1, To: "failed", TransactionKey: "pay_1", FailureCode: "stolen_card", FailureReason: "the card was stolen"}},
		},
		"declined without a code": {
			[]orders.Checked{found(row(1, "pending"), payment.Declined)},
			"not paid: payment failed, declined",
			[]orders.Change{{ID: 1, To: "failed", TransactionKey: "pay_1", FailureCode: "declined"}},
		},
		"cancelled there": {
			[]orders.Checked{found(row(1, "pending"), payment.Canceled)},
			"not paid: payment cancelled, canceled: it was cancelled at the gateway",
			[]orders.Change{{ID: 1, To: "cancelled", TransactionKey: "pay_1", FailureCode: "canceled", FailureReason: "it was cancelled at the gateway"}},
		},
		"never arrived": {
			[]orders.Checked{absent},
			"not paid: payment failed, request_failed: the charge never arrived at the gateway",
			[]orders.Change{{ID: 1, To: "failed", FailureCode: "request_failed", FailureReason: "the charge never arrived at the gateway"}},
		},
		"failed before": {[]orders.Checked{{Payment: settled}}, "not paid: payment failed, stolen_card", nil},
		"refunded":      {[]orders.Checked{given}, "not paid: the money was refunded", nil},
		"refunded by hand": {
			[]orders.Checked{found(row(1, "pending"), payment.Succeeded, func(p *payment.Payment) { p.Refunded = 12900 })},
			"not paid: the money was refunded",
			[]orders.Change{{ID: 1, To: "refunded", TransactionKey: "pay_1", Refunded: 12900}},
		},
	} {
		d := decide(order("pending"), c.checked...)
		require.Equal(t, orders.LineNotPaid, d.Line, name)
		require.Equal(t, orders.OrderFailed, d.Order, name)
		require.Equal(t, c.reason, d.FailureReason, name)
		require.Equal(t, c.change, d.Payments, name)
	}
}

// Before R nothing is known, after it the order is given up, and after L + R nobody asks again.
func TestDecideAbsent(t *testing.T) {
	const ns, l, r = time.Nanosecond, 24 * time.Hour, 2 * time.Minute
	fading := lasting()
	fading.LookupOutlivesKey = false
	byID := lasting()
	byID.FindByKey = false
	keyless := lasting()
	keyless.KeyLife = 0
	gone := orders.Guarantees{}
	for _, c := range []struct {
		name       string
		guarantees orders.Guarantees
		status     orders.PaymentStatus
		age        time.Duration
		line       orders.Line
		next       time.Duration
		review     string
	}{
		{"may still arrive", lasting(), "pending", r, orders.LineLater, 10 * time.Minute, ""},
		{"never arrived", lasting(), "pending", r + ns, orders.LineNotPaid, l - ns + time.Second, ""},
		{"never arrived, an hour", lasting(), "pending", time.Hour, orders.LineNotPaid, l + r - time.Hour + time.Second, ""},
		{"the last moment", lasting(), "failed", l + r, orders.LineNotPaid, time.Second, ""},
		{"the last word", lasting(), "failed", l + r + ns, orders.LineNotPaid, 0, ""},
		{"found late", lasting(), "pending", l + r + ns, orders.LineNotPaid, 0, ""},
		{"no keys", keyless, "pending", r + ns, orders.LineNotPaid, 0, ""},
		{"forgets, known still", fading, "pending", time.Hour, orders.LineNotPaid, l/2 + time.Second, ""},
		{"forgets, asked again", fading, "failed", l - time.Hour, orders.LineNotPaid, time.Hour + r + time.Second, ""},
		{"forgets, last asked", fading, "failed", l + r + ns, orders.LineNotPaid, 0, ""},
		{"forgets, at the end", fading, "pending", l, orders.LineNotPaid, r + time.Second, ""},
		{"has forgotten", fading, "pending", l + ns, orders.LineLater, 10 * time.Minute, ""},
		{"has forgotten, given up", fading, "pending", 48*time.Hour + ns, orders.LineLater, 0, "payment 1 cannot be decided: its gateway may have forgotten it"},
		{"not by key", byID, "pending", time.Hour, orders.LineLater, 10 * time.Minute, ""},
		{"not by key, given up", byID, "failed", 48*time.Hour + ns, orders.LineLater, 0, "payment 1 cannot be decided: its gateway cannot be asked about it"},
		{"unknown gateway", gone, "pending", 48 * time.Hour, orders.LineLater, 10 * time.Minute, ""},
		{"unknown gateway, given up", gone, "pending", 48*time.Hour + ns, orders.LineLater, 0, "payment 1 cannot be decided: its gateway cannot be asked about it"},
	} {
		for _, status := range []orders.OrderStatus{"pending", "failed"} {
			in := checked(row(1, c.status), payment.LookupResult{Absent: true})
			in.CreatedAt, in.Guarantees = noon().Add(-c.age), c.guarantees
			d := decide(order(status), in)
			require.Equal(t, c.line, d.Line, c.name)
			require.Equal(t, c.next, d.Next, c.name)
			require.Equal(t, c.review, d.Review, c.name)
		}
	}
}

// The sooner of what is waited for counts, and the checks before widen the wait.
func TestDecideNext(t *testing.T) {
	never := checked(row(1, "failed"), payment.LookupResult{Absent: true})
	open := checked(row(2, "pending"), payment.LookupResult{Reason: "timeout"})
	require.Equal(t, 10*time.Minute, decide(order("failed"), never, open).Next)
	require.Equal(t, 6*time.Hour, orders.Decide(order("failed"), []orders.Checked{never, open}, false, policy(), 9, noon()).Next)
	never.CreatedAt = noon().Add(-24 * time.Hour)
	require.Equal(t, 2*time.Minute+time.Second, decide(order("failed"), open, never).Next)
	require.Equal(t, 10*time.Minute, decide(order("pending"), found(row(1, "pending"), payment.Succeeded), open).Next, "also beside a success")
}

// What a gateway says is cut to its columns, and is valid text.
func TestDecideCutsTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := found(row(1, "pending"), draw(t, "status", payment.Succeeded, payment.Declined, payment.Canceled, payment.Status(rapid.String().Draw(t, "other"))), func(p *payment.Payment) {
			long := func(label string) string {
				return strings.Repeat(rapid.String().Draw(t, label)+"\xff", rapid.IntRange(0, 300).Draw(t, "times"))
			}
			p.Decline.Code, p.Decline.Message, p.ID = long("code"), long("message"), long("id")
			p.Money.Currency = draw(t, "currency", "KRW", strings.Repeat("K", 300))
		})
		in.CreatedAt = noon().Add(-100 * time.Hour)
		d := decide(order("pending"), in)
		fits := func(s string, n int) {
			require.True(t, utf8.ValidString(s))
			require.LessOrEqual(t, utf8.RuneCountInString(s), n)
		}
		for _, c := range d.Payments {
			fits(c.FailureCode, 64)
			fits(c.FailureReason, 255)
			fits(c.TransactionKey, 255)
		}
		fits(d.FailureReason, 255)
		fits(d.Review, 255)
	})
}
