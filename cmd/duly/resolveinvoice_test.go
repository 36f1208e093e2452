package main

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/decide"
	"duly/internal/inspect"
	"duly/internal/payment"
	"duly/internal/session"
	"duly/internal/test/golden"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// `duly resolve invoice` against each status of an invoice, with each kind of attempt on it, in every way there is. What is closed so
// is never charged again, whatever runs; what is refused changes nothing, and says in a line what is right.
func TestResolveInvoicesOfEachStatus(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	var text strings.Builder
	closed := map[uint64]string{}
	for _, c := range []struct {
		attempt, invoice string
		there            payment.Status
	}{
		{"", "open", ""},
		{"released", "open", ""},
		{"declined", "open", payment.Declined},
		{"in_flight", "charging", payment.Succeeded},
		{"in_doubt", "charging", ""},
		{"succeeded", "paid", payment.Succeeded},
		{"declined", "uncollectible", payment.Declined},
		{"declined", "void", payment.Declined},
		{"", "review", ""},
		{"released", "review", ""},
		{"declined", "review", payment.Declined},
		{"rejected", "review", ""},
		{"review", "review", payment.Succeeded},
		{"in_doubt", "review", payment.Succeeded},
	} {
		for _, as := range payment.Resolutions() {
			attempt := c.attempt
			if attempt == "" {
				attempt = "released"
			}
			id, _ := s.attempt(t, attempt, c.invoice, c.there)
			if c.attempt == "" {
				s.exec(t, "DELETE FROM payment_attempts WHERE id = ?", id)
			}
			s.exec(t, "UPDATE subscriptions SET status = 'past_due' WHERE id = ?", id)
			before := s.tables(t)
			got := s.duly(t, "resolve", "invoice", fmt.Sprint(id), "--as", string(as), "--reason", "why")
			fmt.Fprintf(&text, "%s, %s: %s: ", c.invoice, otherwise(c.attempt, "no attempt"), as)
			if got.code == batch.ExitDone {
				closed[id] = map[payment.Resolution]string{payment.AsPaidOutside: "active paid", payment.AsVoid: "past_due void", payment.AsUncollectible: "past_due uncollectible"}[as]
				require.NotEmpty(t, closed[id], "%s %s as %s", c.attempt, c.invoice, as)
				fmt.Fprintf(&text, "%s\n", strings.TrimSpace(got.out[strings.Index(got.out, ": ")+2:]))
				s.refuses(t, fmt.Sprintf("resolve invoice %d --as %s --reason why", id, as))
				continue
			}
			require.Equal(t, batch.ExitUsage, got.code, got.err)
			require.Equal(t, 1, strings.Count(got.err, "\n"), got.err)
			require.Equal(t, before, s.tables(t))
			text.WriteString("refused: " + strings.NewReplacer(fmt.Sprintf(" %d ", id), " N ", fmt.Sprintf(" %d\n", id), " N\n", fmt.Sprintf(" %d:", id), " N:", fmt.Sprintf(" %d,", id), " N,").Replace(strings.TrimPrefix(got.err, "duly: ")))
		}
	}
	golden.Equal(t, "resolve-invoices.golden", text.String())
	s.after(t, "billing")
	for id, want := range closed {
		var is string
		require.NoError(t, s.db.GetContext(t.Context(), &is, "SELECT CONCAT_WS(' ', s.status, i.status) FROM invoices i JOIN subscriptions s ON s.id = i.subscription_id WHERE i.id = ?", id))
		require.Equal(t, want, is, "invoice %d", id)
		require.LessOrEqual(t, s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE invoice_id = ?", id), int64(1))
		for _, e := range s.sim.Ledger() {
			require.False(t, e.TookMoney() && strings.HasPrefix(e.Reference, fmt.Sprintf("sub_%d_", id)), "invoice %d was closed, and charged: %+v", id, e)
		}
	}
	require.Equal(t, int64(len(closed)), s.number(t, "SELECT COUNT(*) FROM operator_actions WHERE action = 'resolve' AND subject LIKE 'invoice:%' AND reason = 'why'"))
	worktest.NewSchemas(t).Events(t, s.db)
}

// The words of an invoice are refused of everything else, by a line that says what is right there.
func TestWordsOfAnInvoiceElsewhere(t *testing.T) {
	t.Parallel()
	s := backlog(t)
	for _, as := range []payment.Resolution{payment.AsPaidOutside, payment.AsVoid, payment.AsUncollectible} {
		for line, want := range map[string]string{
			"resolve attempt 1": fmt.Sprintf("of its invoice type duly resolve invoice 1 --as %s --reason …", as), "resolve payment 1": "payment 1 is",
			"resolve order 1": "order 1 is", "resolve order 2": "order 2 is", "resolve finding 1": "finding 1 is a difference",
		} {
			s.refuses(t, line+" --as "+string(as)+" --reason why")
			require.Contains(t, s.duly(t, words(line+" --as "+string(as)+" --reason why")...).err, want, line)
		}
	}
}

// An invoice whose subscription's row is gone has a way out, in each of the three ways.
func TestResolveInvoicesWithoutASubscription(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for range 3 {
		s.enrol(t, "ok", 100)
	}
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing", "--step", "issue").code)
	s.exec(t, "DELETE FROM subscriptions")
	require.Equal(t, batch.ExitReview, s.duly(t, "run", "billing").code)
	for i, row := range document[inspect.ListView](t, s.duly(t, "list", "review", "--json")).Rows {
		got := s.duly(t, "requeue", "invoice", fmt.Sprint(row.ID))
		require.Equal(t, batch.ExitUsage, got.code)
		require.Contains(t, got.err, fmt.Sprintf("is gone, so that nobody can be charged: duly resolve invoice %d --as void --reason …", row.ID))
		require.Equal(t, fmt.Sprintf(`duly resolve invoice %d --as void --reason "…"`, row.ID), row.Next[0].Command)
		require.Contains(t, s.duly(t, "show", "invoice", fmt.Sprint(row.ID)).out, fmt.Sprintf("duly resolve invoice %d --as void --reason …", row.ID))
		s.does(t, fmt.Sprintf("resolve invoice %d --as %s --reason gone", row.ID, []string{"void", "uncollectible", "paid_outside"}[i]))
		require.Contains(t, s.duly(t, "show", "invoice", fmt.Sprint(row.ID)).out, session.OperatorName())
	}
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Empty(t, s.sim.Ledger())
	require.Contains(t, s.duly(t, "list", "review").out, "nothing is in review")
}

// Several invoices are settled by one command, as they are requeued and reopened; one that is refused holds up no other.
func TestResolveSeveralInvoices(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for range 3 {
		s.enrol(t, "soft", 100)
	}
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	got := s.duly(t, strings.Fields("resolve invoice 1 9 3 --as void --reason gone")...)
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.out, "invoice 1 resolved as void: it is void, and never charged again\ninvoice 3 resolved as void")
	require.Contains(t, got.err, "no invoice 9")
	rows := document[[]decide.Resolved](t, s.duly(t, strings.Fields("resolve invoice 1 2 --as uncollectible --reason gone --json")...))
	require.Equal(t, []bool{false, true}, []bool{rows[0].Done, rows[1].Done})
	require.Equal(t, "invoice", document[decide.Resolved](t, s.duly(t, strings.Fields("resolve invoice 2 --as paid_outside --reason bank --json")...)).What, "one is one document")
	for line, want := range map[string]string{
		"resolve invoice 2 --as void --reason gone":                "paid outside the gateways",
		"resolve attempt 1 pay_1 --as not_executed --reason gone":  `"pay_1": a payment is named with --as paid alone`,
		"resolve attempt 1 pay_1 2 --as paid --reason gone":        `"2" is one argument too many`,
		"resolve attempt 1 pay_1 x_2 --as not_executed --reason x": `"x_2": a payment is named with --as paid alone`,
	} {
		got := s.duly(t, strings.Fields(line)...)
		require.Equal(t, batch.ExitUsage, got.code, line)
		require.Contains(t, got.err, want, line)
	}
}

// Money that came by bank transfer pays the invoice, and no audit finds fault with it. The next period is charged as ever.
func TestPaidOutside(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id := s.enrol(t, "soft", 100)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Equal(t, []string{"past_due open 1 1"}, s.states(t))
	got := s.duly(t, "resolve", "invoice", "1", "--as", "paid_outside", "--reason", "bank transfer of 3 May", "--json")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Equal(t, decide.Resolved{What: "invoice", ID: 1, As: "paid_outside", Done: true, Detail: "it is paid, and never charged again"}, document[decide.Resolved](t, got))
	require.Equal(t, []string{"active paid 1 1"}, s.states(t))
	require.Contains(t, s.duly(t, "show", "invoice", "1").out, "as "+session.OperatorName()+" says: outside the gateways: bank transfer of 3 May")
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM events WHERE type = 'invoice.paid' AND JSON_VALUE(payload, '$.gateway') = ''"))

	s.exec(t, "UPDATE invoices SET next_attempt_date = UTC_DATE() - INTERVAL 9 DAY, issued_date = UTC_DATE() - INTERVAL 9 DAY, first_declined_date = UTC_DATE() - INTERVAL 9 DAY")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Len(t, s.sim.Ledger(), 1, "it is not charged again")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "audit").code)
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM audit_findings"))
	require.Equal(t, batch.ExitUsage, s.duly(t, "reopen", "--run", "1", "--gateway", "main", "--class", "soft", "--reason", "no").code)

	s.exec(t, "UPDATE subscriptions SET payment_method = 'pm_ok:2', next_billing_date = UTC_DATE() WHERE id = ?", id)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing", "--date", payment.DateOf(s.today(t)).String()).code)
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE status = 'succeeded'"))
}

// Of two operators at once exactly one closes an invoice, and a run that charges it at the same time keeps both out or is kept out.
func TestTwoOperatorsCloseAnInvoice(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const invoices = 6
	for range invoices {
		s.enrol(t, "ok", 100)
	}
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing", "--step", "issue").code)
	var wait sync.WaitGroup
	codes := make([][2]int, invoices)
	for i := range invoices {
		for who, as := range []string{"void", "paid_outside"} {
			wait.Go(func() {
				codes[i][who] = s.duly(t, "resolve", "invoice", fmt.Sprint(i+1), "--as", as, "--reason", "why").code
			})
		}
	}
	wait.Go(func() { s.duly(t, "run", "billing") })
	wait.Wait()
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	took := map[string]int{}
	for _, e := range s.sim.Ledger() {
		took[e.Reference]++
	}
	for i, code := range codes {
		done := 0
		for _, c := range code {
			require.Contains(t, []int{batch.ExitDone, batch.ExitUsage}, c)
			if c == batch.ExitDone {
				done++
			}
		}
		var is, reference string
		require.NoError(t, s.db.GetContext(t.Context(), &is, "SELECT status FROM invoices WHERE id = ?", i+1))
		require.NoError(t, s.db.GetContext(t.Context(), &reference, "SELECT CONCAT('sub_', subscription_id, '_', DATE_FORMAT(due_date, '%Y%m%d')) FROM invoices WHERE id = ?", i+1))
		require.Equal(t, 1, done+took[reference], "invoice %d is %s: closed or charged, once", i+1, is)
	}
}

// today is now by the database's clock.
func (s *shop) today(t *testing.T) (now time.Time) {
	t.Helper()
	require.NoError(t, s.db.GetContext(t.Context(), &now, "SELECT UTC_TIMESTAMP(6)"))
	return now
}

// If the answer to its COMMIT is lost, a command says what to type: itself, which says that it is done; of a refund, what was requested.
func TestALostAnswerToAnOperator(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][2]string{
		"resolve invoice 1 --as void --reason x": {"type the command again: what was done is not done twice", "invoice 1 is void"},
		"requeue invoice 1":                      {"type the command again: what was done is not done twice", "invoice 1 is open already"},
		"refund invoice 2 --reason x":            {"duly show invoice 2 says whether the refund was requested", ""},
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.enrol(t, "soft", 100)
			s.enrol(t, "ok", 100)
			require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
			s.exec(t, "UPDATE invoices SET status = 'review', review_reason = 'by hand' WHERE id = 1")
			proxy := testdb.NewProxy(t, s.db.DSN)
			lost := proxy.LoseCommitAnswer()
			var out, errs bytes.Buffer
			app := newApp(append(s.env, "DULY_DATABASE_DSN="+proxy.DSN), &out, &errs)
			require.Equal(t, batch.ExitUnfinished, execute(t.Context(), app, strings.Fields(line)), errs.String())
			<-lost
			require.Contains(t, errs.String(), want[0])
			if want[1] == "" {
				require.Contains(t, s.duly(t, "show", "invoice", "2").out, "Refund 1")
				return
			}
			got := s.duly(t, strings.Fields(line)...)
			require.Equal(t, batch.ExitUsage, got.code, got.out)
			require.Contains(t, got.err, want[1])
		})
	}
}
