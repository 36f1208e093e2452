package audit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/audit"
	"duly/internal/billing"
	"duly/internal/orders"
	"duly/internal/payment"
)

var won = payment.Money{Amount: 1000, Currency: "KRW"}

// records are the ways in which a gateway can have a payment, in the order of the columns below.
func records() []payment.Payment {
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	record := func(status payment.Status, refunded int64) payment.Payment {
		return payment.Payment{ID: "pay_1", Key: "k", Reference: "ord_7", Status: status, Money: won, Refunded: refunded, CreatedAt: at}
	}
	return []payment.Payment{
		record(payment.Succeeded, 0), record(payment.Succeeded, 400), record(payment.Succeeded, 1000),
		record(payment.Pending, 0), record(payment.Declined, 0), record(payment.Canceled, 0),
	}
}

// ours is a payment of an order, or an attempt if status is one of an attempt's alone.
func ours(status string, refunded int64) audit.Ours {
	o := audit.Ours{
		Row: audit.Row{Table: audit.Payments, ID: 12}, Group: 7, Gateway: "main", Key: "k", Reference: "ord_7", Status: status,
		Money: won, Refunded: refunded, Order: audit.Order{Status: orders.OrderCompleted, Amount: 1000, Checked: true},
	}
	o.Standing = audit.OfPayment(orders.PaymentStatus(status), "declined", o.Order)
	if status == "declined" || status == "released" || status == "rejected" || status == "in_flight" || status == "in_doubt" {
		o.Row.Table, o.Standing = audit.Attempts, audit.OfAttempt(billing.AttemptStatus(status))
	}
	return o
}

// A record without a customer is somebody else's where the gateway keeps customers, and ours where it keeps none.
func TestARecordWithoutACustomer(t *testing.T) {
	o, p := ours("succeeded", 0), records()[0]
	o.CustomerID = "customer-7"
	found, differs := audit.Compare(o, p)
	require.True(t, differs)
	require.Contains(t, found.Detail.Text, "customer_id customer-7 here, none there")
	p.CustomerUnknown = true
	_, differs = audit.Compare(o, p)
	require.False(t, differs)
}

// Every status of ours against everything that a gateway can say: S is a difference of status, A of amount.
func TestEveryStatusAgainstEveryRecord(t *testing.T) {
	for _, c := range []struct {
		status   string
		refunded int64
		//       paid part all pending declined canceled
		want string
	}{
		{"succeeded", 0, ". A S S S S"},
		{"succeeded", 400, "A . S S S S"},
		{"succeeded", 1000, "A A . S S S"}, // refunded in full, and still called succeeded
		{"refunded", 1000, "S A . S S ."},
		{"refunded", 400, "S . A S S ."},
		{"refunded", 0, "S A . S S ."}, // the shop keeps no account of the amount
		{"failed", 0, "S S . S . ."},
		{"cancelled", 0, "S S . S . ."},
		{"declined", 0, "S S . S . ."},
		{"released", 0, "S S . S . ."},
		{"rejected", 0, "S S . S . ."},
		{"in_flight", 0, ". . . . . ."},
		{"in_doubt", 0, ". . . . . ."},
		{"pending", 0, ". . . . . ."},
		{"refund_due", 0, ". . . . . ."},
		{"review", 0, ". . . . . ."},
		{"of-the-shop", 0, ". . . . . ."},
	} {
		got := ""
		for i, p := range records() {
			if i > 0 {
				got += " "
			}
			f, found := audit.Compare(ours(c.status, c.refunded), p)
			switch {
			case !found:
				got += "."
			case f.Kind == audit.StatusDiffers:
				got += "S"
			case f.Kind == audit.AmountDiffers:
				got += "A"
			}
			if found {
				require.Equal(t, []string{"ord_7", "pay_1", c.status, string(p.Status)}, []string{f.Reference, f.GatewayPaymentID, f.Detail.Here, f.Detail.There})
				require.NotEmpty(t, f.Detail.Text)
			}
		}
		require.Equal(t, c.want, got, "%s %d", c.status, c.refunded)
	}
}

func TestAmountsAndCurrencies(t *testing.T) {
	p := records()[0]
	p.Money.Currency = "JPY"
	f, found := audit.Compare(ours("succeeded", 0), p)
	require.True(t, found)
	require.Equal(t, audit.AmountDiffers, f.Kind)
	require.Equal(t, "1,000 KRW here, 1,000 JPY there", f.Detail.Text)
	p.Money = payment.Money{Amount: 999, Currency: "KRW"}
	f, _ = audit.Compare(ours("succeeded", 0), p)
	require.Equal(t, "1,000 KRW here, 999 KRW there", f.Detail.Text)
	_, found = audit.Compare(ours("failed", 0), records()[4])
	require.False(t, found, "what was never taken has no amount")
}

// Another payment under the same key: the row knows its own by the id.
func TestAKeyThatWasUsedTwice(t *testing.T) {
	twin := func(status string, p payment.Payment) audit.Kind {
		o := ours(status, 0)
		o.GatewayID = "pay_0"
		f, _ := audit.Compare(o, p)
		return f.Kind
	}
	require.Equal(t, audit.ChargedTwice, twin("succeeded", records()[0]))
	require.Equal(t, audit.StatusDiffers, twin("succeeded", records()[3]))
	require.Equal(t, audit.StatusDiffers, twin("refunded", records()[0]))
	require.Equal(t, audit.StatusDiffers, twin("declined", records()[0]))
	require.Empty(t, twin("succeeded", records()[2]), "refunded")
	require.Empty(t, twin("succeeded", records()[4]), "declined")
	require.Empty(t, twin("refunded", records()[4]), "declined")
	require.Empty(t, twin("in_doubt", records()[0]), "recovery will see")
}

func TestWhatNobodyHereKnows(t *testing.T) {
	paid := []audit.Ours{ours("succeeded", 0)}
	got := ""
	for _, p := range records() {
		f, _ := audit.Unknown("main", p, nil)
		g, _ := audit.Unknown("main", p, paid)
		got += fmt.Sprintf("%s/%s ", f.Kind, g.Kind)
	}
	require.Equal(t, "unknown_here/charged_twice unknown_here/charged_twice / unknown_here/unknown_here / / ", got)
}

func TestWhatTheGatewayDoesNotKnow(t *testing.T) {
	for status, want := range map[string]bool{
		"succeeded": true, "refunded": true, "failed": false, "declined": false, "released": false, "in_doubt": false, "pending": false, "review": false,
	} {
		_, found := audit.Absent(ours(status, 0))
		require.Equal(t, want, found, status)
	}
}

func TestAPaymentWithoutTheGatewaysWord(t *testing.T) {
	for _, c := range []struct {
		code  string
		order audit.Order
		want  audit.Standing
	}{
		{"", audit.Order{}, audit.Unsettled},
		{"request_failed", audit.Order{Checked: true, Scheduled: true}, audit.Unsettled},
		{"request_failed", audit.Order{Checked: true}, audit.NotPaid},
		{"", audit.Order{Checked: true}, audit.NotPaid},
		{"stolen_card", audit.Order{}, audit.NotPaid},
		{"stolen_card", audit.Order{Checked: true, Scheduled: true}, audit.NotPaid},
	} {
		require.Equal(t, c.want, audit.OfPayment(orders.PaymentFailed, c.code, c.order), "%v", c)
	}
}

func TestMoneyThatIsKeptForNothing(t *testing.T) {
	for _, c := range []struct {
		order audit.Order
		found bool
	}{
		{audit.Order{Status: orders.OrderCompleted}, false},
		{audit.Order{Status: orders.OrderPending}, true},
		{audit.Order{Status: orders.OrderInProgress}, true},
		{audit.Order{Status: orders.OrderInProgress, Scheduled: true}, false},
		{audit.Order{Status: orders.OrderFailed}, true},
		{audit.Order{Status: orders.OrderFailed, Frozen: true}, false},
		{audit.Order{Status: orders.OrderCancelled}, true},
		{audit.Order{Status: "shipped"}, false},
		{audit.Order{}, true},
	} {
		o := ours("succeeded", 0)
		o.Order = c.order
		f, found := audit.Unsettle(o)
		require.Equal(t, c.found, found, "%v", c.order)
		if found {
			require.Equal(t, audit.OrderUnsettled, f.Kind)
		}
		for _, status := range []string{"refund_due", "refunded", "review", "failed", "pending"} {
			o := ours(status, 0)
			o.Order = c.order
			_, found := audit.Unsettle(o)
			require.False(t, found, "%s %v", status, c.order)
		}
	}
	given := ours("succeeded", 1000)
	given.Order.Status = orders.OrderFailed
	_, found := audit.Unsettle(given)
	require.False(t, found, "refunded, whatever it is called")
}

func TestTwoOfOursUnderOneReference(t *testing.T) {
	part := func(amount int64) audit.Ours {
		o := ours("succeeded", 0)
		o.Money.Amount = amount
		return o
	}
	for name, c := range map[string]struct {
		all   []audit.Ours
		found bool
	}{
		"twice":                 {[]audit.Ours{part(1000), part(1000)}, true},
		"one of them":           {[]audit.Ours{part(1000)}, false},
		"one refunded":          {[]audit.Ours{part(1000), ours("refunded", 1000), ours("succeeded", 1000)}, false},
		"paid in parts":         {[]audit.Ours{part(400), part(600)}, false},
		"parts, and too much":   {[]audit.Ours{part(400), part(700)}, true},
		"an invoice in parts":   {[]audit.Ours{{Standing: audit.Paid, Money: won}, {Standing: audit.Paid, Money: won}}, true},
		"an order that is gone": {[]audit.Ours{{Row: audit.Row{Table: audit.Payments}, Standing: audit.Paid, Money: won}, {Row: audit.Row{Table: audit.Payments, ID: 2}, Standing: audit.Paid, Money: won}}, true},
	} {
		f, found := audit.Doubled(c.all)
		require.Equal(t, c.found, found, name)
		if found {
			require.Equal(t, audit.ChargedTwice, f.Kind, name)
		}
	}
}

func TestReferences(t *testing.T) {
	for reference, want := range map[string]audit.Subject{
		"ord_7":           {Order: 7},
		"sub_42_20260131": {Subscription: 42, Due: payment.NewDate(2026, time.January, 31)},
	} {
		got, ok := audit.SubjectOf(reference)
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	for _, other := range []string{"", "ord_", "ord_0", "ord_07", "ord_x", "sub_42", "sub_42_2026", "sub_x_20260131", "sub_42_20260231", "sub_0_20260131", "Ord_7", "other"} {
		_, ok := audit.SubjectOf(other)
		require.False(t, ok, other)
	}
}
