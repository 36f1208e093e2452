package orders_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/orders"
	"duly/internal/payment"
)

func TestMustAsk(t *testing.T) {
	for _, o := range orderStatuses() {
		for _, c := range []struct {
			status orders.PaymentStatus
			code   string
			want   bool
		}{
			{"pending", "", true},
			{"succeeded", "", o != "completed" && o != "shipped"},
			{"failed", "", true},
			{"failed", "request_failed", true},
			{"failed", "insufficient_funds", false},
			{"cancelled", "", true},
			{"cancelled", "request_failed", true},
			{"cancelled", "given_up", false},
			{"refund_due", "", false},
			{"refunded", "", false},
			{"review", "", false},
			{"authorized", "", false},
		} {
			p := row(1, c.status)
			p.FailureCode = c.code
			require.Equal(t, c.want, orders.MustAsk(order(o), p), "%s beside %s %q", o, c.status, c.code)
		}
	}
}

func TestMustCancel(t *testing.T) {
	old := func(c orders.Checked) orders.Checked {
		c.CreatedAt = noon().Add(-policy().GiveUpAfter - time.Nanosecond)
		return c
	}
	waiting := found(row(1, "pending"), payment.Pending)
	for name, c := range map[string]struct {
		checked orders.Checked
		want    bool
	}{
		"pending for too long":        {old(waiting), true},
		"given up, and pending there": {old(found(row(1, "failed"), payment.Pending)), true},
		"without a key":               {old(found(func() orders.Payment { p := row(1, "pending"); p.Key = ""; return p }(), payment.Pending)), true},
		"young":                       {waiting, false},
		"decided":                     {old(found(row(1, "pending"), payment.Succeeded)), false},
		"another's key":               {old(found(row(1, "pending"), payment.Pending, func(p *payment.Payment) { p.Key = "x" })), false},
		"another's reference":         {old(found(row(1, "pending"), payment.Pending, func(p *payment.Payment) { p.Reference = "ord_70" })), false},
		"recorded as succeeded":       {old(found(row(1, "succeeded"), payment.Pending)), false},
		"no id to cancel by":          {old(found(row(1, "pending"), payment.Pending, func(p *payment.Payment) { p.ID = "" })), false},
		"unanswered":                  {old(checked(row(1, "pending"), payment.LookupResult{})), false},
		"absent":                      {old(checked(row(1, "pending"), payment.LookupResult{Absent: true})), false},
		"not asked":                   {func() orders.Checked { c := old(waiting); c.Asked = false; return c }(), false},
	} {
		require.Equal(t, c.want, orders.MustCancel(order("pending"), c.checked, policy(), noon()), name)
	}
	at := old(waiting)
	at.CreatedAt = noon().Add(-policy().GiveUpAfter)
	require.False(t, orders.MustCancel(order("pending"), at, policy(), noon()), "not before the time is over")
}

func TestNeverArrived(t *testing.T) {
	absent := payment.LookupResult{Absent: true}
	young := checked(row(1, "pending"), absent)
	young.CreatedAt = noon().Add(-2 * time.Minute)
	unasked := checked(row(1, "pending"), absent)
	unasked.Asked = false
	cancelled := checked(row(1, "pending"), payment.LookupResult{})
	cancelled.Cancelled = true
	for name, c := range map[string]struct {
		checked   orders.Checked
		never, ok bool
	}{
		"absent":                    {checked(row(1, "pending"), absent), true, true},
		"recorded, and absent":      {checked(row(1, "succeeded"), absent), true, true},
		"it may still arrive":       {young, false, false},
		"given up, absent again":    {checked(row(1, "failed"), absent), false, false},
		"given up, arrived":         {found(row(1, "failed"), payment.Succeeded), false, true},
		"found":                     {found(row(1, "pending"), payment.Declined), false, true},
		"pending":                   {found(row(1, "pending"), payment.Pending), false, true},
		"cancelled by us":           {cancelled, false, true},
		"unanswered":                {checked(row(1, "pending"), payment.LookupResult{Reason: "timeout"}), false, false},
		"unaskable":                 {checked(row(1, "pending"), payment.LookupResult{Unaskable: true}), false, false},
		"the gateway was not asked": {unasked, false, false},
	} {
		never, ok := orders.NeverArrived(c.checked, noon())
		require.Equal(t, c.never, never, name)
		require.Equal(t, c.ok, ok, name)
	}
}
