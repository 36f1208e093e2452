package gateway_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// Five charges in a row that are answered with what nobody can read, and the gateway is left alone. A readable answer between them
// ends the row, what says nothing does not, and several requests for one charge are one of it.
func TestAnswersThatNobodyCanRead(t *testing.T) {
	html := payment.Outcome{Unreadable: true, Reason: "200 with a body that cannot be read"}
	many := func(n int, o payment.Outcome) []payment.Outcome {
		list := make([]payment.Outcome, n)
		for i := range list {
			list[i] = o
		}
		return list
	}
	row := func(parts ...[]payment.Outcome) (all []payment.Outcome) {
		for _, part := range parts {
			all = append(all, part...)
		}
		return all
	}
	rejected := payment.Outcome{Kind: payment.Rejected, Reason: "400"}
	for name, c := range map[string]struct {
		answers []payment.Outcome
		one     bool // charge
		closed  bool
	}{
		"four":                             {many(4, html), false, false},
		"five":                             {many(5, html), false, true},
		"a success between":                {row(many(4, html), many(1, paid), many(4, html)), false, false},
		"a rejection between":              {row(many(4, html), many(1, rejected), many(4, html)), false, false},
		"a pending one between":            {row(many(4, html), many(1, payment.Outcome{LookUpOnly: true}), many(4, html)), false, false},
		"a payment of another status":      {row(many(4, html), many(1, payment.Outcome{PaymentID: "pay_1"}), many(4, html)), false, false},
		"time-outs and overloads between":  {row(many(3, html), many(2, timeOut), many(1, html), many(2, tooMany), many(1, html)), false, true},
		"a success before":                 {row(many(9, paid), many(5, html)), false, true},
		"one charge again and again":       {many(9, html), true, false},
		"unreadable and not to be sent on": {many(5, payment.Outcome{Unreadable: true, LookUpOnly: true}), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := pace(t, &fake{charge: in(c.answers...)}, func(l *gateway.Limits) { l.Tries = 1 })
				for i := range c.answers {
					_, closed := p.Closed()
					require.False(t, closed, "after %d answers", i)
					key := fmt.Sprintf("k-%d", i)
					if c.one {
						key = "k"
					}
					p.Charge(t.Context(), payment.Charge{Key: key}, false)
				}
				reason, closed := p.Closed()
				require.Equal(t, c.closed, closed)
				require.Equal(t, c.closed, p.Illegible())
				if c.closed {
					require.Contains(t, reason, "5 charges in a row were answered with what cannot be read")
				}
			})
		})
	}
}

// A gateway that is paused stays so, also where it was left alone for another reason meanwhile.
func TestPaused(t *testing.T) {
	p := pace(t, &fake{}, func(*gateway.Limits) {})
	require.False(t, p.Paused())
	p.Pause("brake")
	p.LeaveAlone("down")
	reason, closed := p.Closed()
	require.True(t, closed)
	require.Equal(t, "brake", reason)
	require.True(t, p.Paused())

	p = pace(t, &fake{}, func(*gateway.Limits) {})
	p.LeaveAlone("down")
	p.Pause("brake")
	require.False(t, p.Paused(), "it is this run that has left it alone")
}
