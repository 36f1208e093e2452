package orders_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/orders"
	"duly/internal/payment"
)

// vettings are what controls can say without proving an absence.
func vettings() map[string]payment.Vetting {
	const unknown, none, passed, failed = payment.ControlUnknown, payment.ControlNone, payment.ControlPassed, payment.ControlFailed
	return map[string]payment.Vetting{
		"not asked":         {},
		"nothing":           {Earlier: none, Later: none},
		"nothing before":    {Earlier: none, Later: passed},
		"nothing after":     {Earlier: passed, Later: none},
		"no answer":         {Earlier: passed, Later: unknown},
		"denied":            {Earlier: failed, Later: unknown},
		"denied, and after": {Earlier: passed, Later: failed},
	}
}

// An order is given up by an absence only beside payments that the gateway shows, from before and after it. What nothing
// controls is asked about on schedule, and then listed with the commands that free it.
func TestAnUnprovenAbsence(t *testing.T) {
	for name, v := range vettings() {
		t.Run(name, func(t *testing.T) {
			in := checked(row(1, "pending"), payment.LookupResult{Absent: true})
			in.Vetting = v
			d := decide(order("pending"), in)
			require.Equal(t, orders.LineLater, d.Line)
			require.Empty(t, d.Payments)
			require.Empty(t, d.Order)
			require.Equal(t, 10*time.Minute, d.Next)

			in.CreatedAt = noon().Add(-policy().GiveUpAfter - time.Minute)
			d = decide(order("pending"), in)
			require.Empty(t, d.Payments, "it can be checked again")
			require.Empty(t, d.Order)
			if v.Missing() == "" || v.Unknown() {
				require.Empty(t, d.Review, "it may yet be known")
				require.Equal(t, 10*time.Minute, d.Next)
				return
			}
			require.Zero(t, d.Next)
			require.Equal(t, "payment 1 cannot be decided: gateway main does not know it and shows no payment from "+v.Missing()+
				". Look at the provider's page, then duly doctor --control main PAYMENT_ID, duly requeue order 7; or duly resolve payment 1 --as not_executed --reason …", d.Review)
			require.NoError(t, orders.Requeue(order("pending"), []orders.Payment{in.Payment}, orders.Check{Reason: d.Review}))
		})
	}
}

// The last look at what was given up says nothing by itself either: money that arrived late would be kept for ever.
func TestAnUnprovenLastLook(t *testing.T) {
	for name, v := range vettings() {
		in := checked(row(1, "failed"), payment.LookupResult{Absent: true})
		in.CreatedAt, in.Vetting = noon().Add(-25*time.Hour), v
		d := decide(order("failed"), in)
		require.NotEqual(t, orders.LineNotPaid, d.Line, name)
		require.Equal(t, 10*time.Minute, d.Next, name)
	}
}

// A refund is never taken for needless because a gateway does not know the payment that nothing shows it would know.
func TestARefundAndAnUnprovenAbsence(t *testing.T) {
	for name, v := range vettings() {
		in := checked(row(1, "refund_due"), payment.LookupResult{Absent: true})
		in.CreatedAt, in.UpdatedAt, in.Vetting = noon().Add(-25*time.Hour), noon().Add(-time.Hour), v
		end := orders.DecideRefund(order("failed"), in, noon())
		require.Equal(t, orders.RefundLater, end.Step, name)
		require.NotEmpty(t, end.Reason, name)
		in.UpdatedAt = noon().Add(-25 * time.Hour)
		end = orders.DecideRefund(order("failed"), in, noon())
		require.NotEqual(t, orders.RefundNone, end.Step, name)
	}
}

// What would end a payment without money needs a control; a success, or no answer, does not.
func TestNeedsControl(t *testing.T) {
	young := checked(row(1, "pending"), payment.LookupResult{Absent: true})
	young.CreatedAt = noon().Add(-time.Minute)
	cancelled := found(row(1, "pending"), payment.Pending)
	cancelled.Cancelled = true
	unasked := checked(row(1, "pending"), payment.LookupResult{Absent: true})
	unasked.Asked = false
	for name, c := range map[string]struct {
		checked orders.Checked
		want    bool
	}{
		"absent":            {checked(row(1, "pending"), payment.LookupResult{Absent: true}), true},
		"absent, given up":  {checked(row(1, "failed"), payment.LookupResult{Absent: true}), true},
		"it may yet arrive": {young, false},
		"not asked":         {unasked, false},
		"no answer":         {checked(row(1, "pending"), payment.LookupResult{Reason: "timeout"}), false},
		"declined":          {found(row(1, "pending"), payment.Declined), true},
		"cancelled":         {found(row(1, "pending"), payment.Canceled), true},
		"cancelled by us":   {cancelled, true},
		"pending":           {found(row(1, "pending"), payment.Pending), false},
		"paid":              {found(row(1, "pending"), payment.Succeeded), false},
		"paid and refunded": {found(row(1, "pending"), payment.Succeeded, func(p *payment.Payment) { p.Refunded = 1 }), true},
	} {
		require.Equal(t, c.want, orders.NeedsControl(c.checked, noon()), name)
	}
}
