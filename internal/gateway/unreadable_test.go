package gateway_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// Five charges in a row that are answered with what nobody can read, and the gateway is left alone. A readable answer between them
// ends the row, what says nothing does not, and several requests for one charge are one of it.
func TestAnswersThatNobodyCanRead(t *testing.T) {
	strange := payment.Outcome{Unreadable: true, Reason: `200 with a body that cannot be read: field "amount" is missing`}
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
		"four":                             {many(4, strange), false, false},
		"five":                             {many(5, strange), false, true},
		"a success between":                {row(many(4, strange), many(1, paid), many(4, strange)), false, false},
		"a rejection between":              {row(many(4, strange), many(1, rejected), many(4, strange)), false, false},
		"a pending one between":            {row(many(4, strange), many(1, payment.Outcome{LookUpOnly: true}), many(4, strange)), false, false},
		"a payment of another status":      {row(many(4, strange), many(1, payment.Outcome{PaymentID: "pay_1"}), many(4, strange)), false, false},
		"time-outs and overloads between":  {row(many(3, strange), many(2, timeOut), many(1, strange), many(2, tooMany), many(1, strange)), false, true},
		"a success before":                 {row(many(9, paid), many(5, strange)), false, true},
		"one charge again and again":       {many(9, strange), true, false},
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

// Five charges in a row that are answered by a web page, and the circuit opens: a maintenance page. Each stays in doubt, no charge
// follows them until a probe gets through, and the gateway is not left alone. A readable answer ends the row.
func TestPagesOpenTheCircuit(t *testing.T) {
	page := payment.Outcome{Failure: true, Page: true, Reason: "200 with an HTML page"}
	for name, c := range map[string]struct {
		answers []payment.Outcome
		one     bool // charge
		open    bool
	}{
		"four":                         {[]payment.Outcome{page, page, page, page}, false, false},
		"five":                         {[]payment.Outcome{page, page, page, page, page}, false, true},
		"five after many that went on": {[]payment.Outcome{paid, paid, paid, paid, page, page, page, page, page}, false, true},
		"a success between":            {[]payment.Outcome{page, page, page, page, paid, page}, false, false},
		"a time-out between":           {[]payment.Outcome{page, page, timeOut, page, page, page}, false, true},
		"one charge again and again":   {[]payment.Outcome{page, page, page, page, page}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &fake{charge: func(n int) payment.Outcome {
					if n > len(c.answers) {
						return paid
					}
					return c.answers[n-1]
				}}
				p := pace(t, g, once)
				for i, want := range c.answers {
					key := fmt.Sprintf("k-%d", i)
					if c.one {
						key = "k"
					}
					require.False(t, p.Open(), "after %d answers", i)
					got, doubted := p.Charge(t.Context(), payment.Charge{Key: key}, false)
					require.Equal(t, want.Kind, got.Kind)
					require.Equal(t, want.Kind == payment.InDoubt, doubted, "a page is no word about the charge")
				}
				require.Equal(t, c.open, p.Open())
				require.False(t, p.Illegible())
				_, closed := p.Closed()
				require.False(t, closed)
				began := time.Now()
				send(t, p, 20)
				require.Equal(t, c.open, time.Since(began) >= gateway.Defaults().Circuit.OpenFor, "they wait while the page is there")
				require.False(t, p.Open(), "and go on after it")
			})
		})
	}
}

// A page that stays is an outage.
func TestAPageThatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := payment.Outcome{Failure: true, Page: true, Reason: "200 with an HTML page"}
		g := &fake{charge: in(page)}
		p := pace(t, g, once, func(l *gateway.Limits) { l.MaxOutage = 5 * time.Minute })
		for i := range 1000 {
			if _, closed := p.Closed(); closed {
				break
			}
			p.Charge(t.Context(), payment.Charge{Key: fmt.Sprintf("k-%d", i)}, false)
		}
		reason, closed := p.Closed()
		require.True(t, closed)
		require.Equal(t, "gateway down for 5m: 200 with an HTML page", reason)
		require.False(t, p.Illegible(), "later runs go on")
		require.LessOrEqual(t, g.requests(), 5+10*30, "probes alone are sent")
	})
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
