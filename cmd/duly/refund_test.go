package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/decide"
	"duly/internal/gateway/simulator"
	"duly/internal/inspect"
	"duly/internal/preview"
	"duly/internal/refunds"
	"duly/internal/registry"
	"duly/internal/test/golden"
)

// billed is a shop with a paid invoice of 12,900 won.
func billed(t *testing.T) *shop {
	t.Helper()
	s := newShop(t)
	s.enrol(t, "ok", 12900)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	return s
}

// `duly refund` asks for a part and then for the rest; every screen says what is asked for, what was done, and what to type next.
func TestRefundCommand(t *testing.T) {
	t.Parallel()
	s := billed(t)
	var text strings.Builder
	typed := func(args ...string) ended {
		got := s.duly(t, args...)
		fmt.Fprintf(&text, "=== duly %s (%d)\n%s%s", strings.Join(args, " "), got.code, got.out, got.err)
		return got
	}
	before := s.tables(t)
	typed("refund", "invoice", "1", "--amount", "5000", "--reason", "half of it", "--dry-run")
	typed("refund", "invoice", "1", "--amount", "12901", "--reason", "too much")
	typed("refund", "invoice", "9", "--reason", "none")
	typed("refund", "order", "9", "--reason", "none")
	typed("refund", "invoice", "1", "--amount", "5000", "--give-period-back", "--reason", "a part of a period")
	typed("refund", "invoice", "1")
	typed("list", "refunds")
	require.Equal(t, before, s.tables(t), "nothing was asked for")

	typed("refund", "invoice", "1", "--amount", "5000", "--reason", "half of it")
	typed("list", "refunds")
	require.Contains(t, s.duly(t, "status").out, "Refunds")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "reconcile", "--step", "refund").code)
	typed("refund", "invoice", "1", "--end-subscription", "--reason", "the rest")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "reconcile").code)
	typed("list", "refunds")
	typed("refund", "invoice", "1", "--reason", "once more")
	golden.Equal(t, "refund.golden", steady(text.String()))

	require.Equal(t, int64(12900), s.sim.Ledger()[0].Refunded)
	require.Equal(t, 2, s.sim.Ledger()[0].Refunds)
	w := document[inspect.SubscriptionView](t, s.duly(t, "show", "invoice", "1", "--json"))
	require.Equal(t, int64(12900), w.Invoices[0].Refunded)
	require.Equal(t, "paid", w.Invoices[0].Status)
	require.Len(t, w.Refunds, 2)
	require.Equal(t, "cancelled", w.Subscription.Status)
	require.Contains(t, s.duly(t, "show", "invoice", "1").out, "Refund 2")
	require.Equal(t, int64(2), s.number(t, `SELECT COUNT(*) FROM operator_actions WHERE action = 'refund' AND subject = 'invoice:1' AND reason IN ('half of it', 'the rest') AND who <> ''`))
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM events WHERE type = 'subscription.cancelled'`))
}

// A refund of the whole gives a period back, if that is asked for: its invoice counts as not paid.
func TestRefundGivesThePeriodBack(t *testing.T) {
	t.Parallel()
	s := billed(t)
	require.Equal(t, batch.ExitDone, s.duly(t, "refund", "invoice", "1", "--give-period-back", "--reason", "not used").code)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "reconcile").code)
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM invoices WHERE status = 'void' AND refunded_amount = amount`))
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM subscriptions WHERE status = 'active'`))
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Len(t, s.sim.Ledger(), 1, "it is not charged again")
	got := s.duly(t, "show", "invoice", "1")
	require.Contains(t, got.out, "its money was refunded")
	require.NotContains(t, got.out, "cancelled")
}

// The order's items are back in the stock with the last of its money, once.
func TestRefundRestocks(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.order(t, "payment_in_progress", "succeeded")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "reconcile").code)
	stock := s.number(t, "SELECT stock FROM products WHERE id = 1")
	taken := s.number(t, "SELECT SUM(quantity) FROM order_items WHERE product_id = 1")
	amount := s.number(t, "SELECT amount FROM payments")
	for _, args := range [][]string{{"--amount", "1", "--restock"}, {"--restock"}} {
		require.Equal(t, batch.ExitDone, s.duly(t, append([]string{"refund", "order", "1", "--reason", "returned"}, args...)...).code)
		require.Equal(t, stock, s.number(t, "SELECT stock FROM products WHERE id = 1"), "not yet")
		require.Equal(t, batch.ExitDone, s.duly(t, "run", "reconcile").code)
	}
	require.Equal(t, stock+taken, s.number(t, "SELECT stock FROM products WHERE id = 1"))
	require.Equal(t, amount, s.number(t, "SELECT refunded_amount FROM payments WHERE status = 'refunded'"))
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM events WHERE type = 'refund.completed'"))
}

// The shop, an operator and somebody at the provider's page ask for money at once, more than there is in all, and two workers execute what is
// asked for: never more than was paid goes back, and the tables say what did.
func TestThreeAskAtOnce(t *testing.T) {
	t.Parallel()
	s := billed(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			_, err := s.db.ExecContext(t.Context(), `INSERT INTO refunds (invoice_id, amount, reason) VALUES (1, 3000, 'the shop')`)
			assert.NoError(t, err)
		})
		all.Go(func() {
			assert.Contains(t, []int{batch.ExitDone, batch.ExitUsage}, s.duly(t, "refund", "invoice", "1", "--amount", "2000", "--reason", "an operator").code)
		})
		all.Go(func() {
			assert.NoError(t, s.sim.Amend(s.sim.Ledger()[0].ID, func(e *simulator.Entry) { e.Refunded = min(e.Refunded+500, e.Amount) }))
		})
		for range 2 {
			all.Go(func() {
				assert.Contains(t, []int{batch.ExitDone, batch.ExitUnfinished}, s.duly(t, "run", "reconcile", "--step", "refund").code)
			})
		}
	}
	all.Wait()
	for range 10 {
		s.exec(t, `UPDATE refunds SET next_try_at = NULL`)
		if s.duly(t, "run", "reconcile", "--step", "refund").code == batch.ExitDone {
			break
		}
	}
	for range 20 { // what may have been refunded by one of these on the provider's page: it was not
		s.exec(t, `UPDATE refunds SET next_try_at = NULL`)
		s.duly(t, "run", "reconcile", "--step", "refund")
		s.exec(t, `UPDATE refunds SET next_try_at = UTC_TIMESTAMP(6) - INTERVAL 1 HOUR WHERE status = 'review'`)
		var held []uint64
		require.NoError(t, s.db.SelectContext(t.Context(), &held, `SELECT id FROM refunds WHERE status = 'review' AND sent_at IS NULL`))
		for _, id := range held {
			require.Equal(t, batch.ExitDone, s.duly(t, "resolve", "refund", strconv.FormatUint(id, 10), "--as", "not_executed", "--reason", "somebody else's").code)
		}
	}
	there := s.sim.Ledger()[0]
	require.LessOrEqual(t, there.Refunded, there.Amount)
	require.Zero(t, s.number(t, `SELECT COUNT(*) FROM refunds WHERE status NOT IN ('refunded', 'refused')`))
	given := s.number(t, `SELECT COALESCE(SUM(amount), 0) FROM refunds WHERE status = 'refunded' AND origin = 'request'`)
	require.Equal(t, there.Refunded, given+4*500, "each of them once")
	require.Equal(t, s.number(t, `SELECT COUNT(*) FROM refunds WHERE origin = 'request'`), s.number(t, `SELECT COUNT(*) FROM events WHERE type IN ('refund.succeeded', 'refund.refused')`))
}

// A refund in review is settled by what the gateway shows, and by an operator's word where that says nothing.
func TestResolveRefund(t *testing.T) {
	t.Parallel()
	s := billed(t)
	inReview := func() {
		s.exec(t, `DELETE FROM refunds`)
		s.exec(t, `INSERT INTO refunds (id, invoice_id, amount, currency, reason, status, unsettled, refunded_before, sent_amount, sent_at, gateway, detail)
VALUES (7, 1, 5000, 'KRW', 'asked for', 'review', 1, 0, 5000, UTC_TIMESTAMP(6), 'main', 'its answer was lost')`)
	}
	resolve := func(as string) ended { return s.duly(t, "resolve", "refund", "7", "--as", as, "--reason", "looked") }
	inReview()
	require.Contains(t, s.duly(t, "list", "review").out, "1 refund")
	require.Contains(t, s.duly(t, "status").out, "duly list review")
	got := resolve("refunded")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, "the gateway shows 0 KRW of 12,900 KRW refunded, which does not include this refund")
	require.Equal(t, batch.ExitUsage, resolve("paid").code)
	s.exec(t, `UPDATE refunds SET next_try_at = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR`)
	got = resolve("not_executed")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, "a request for refund 7 may still arrive")
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM refunds WHERE status = 'review' AND unsettled = 1`))
	s.exec(t, `UPDATE refunds SET next_try_at = UTC_TIMESTAMP(6), sent_at = sent_at - INTERVAL 1 HOUR`)
	require.Equal(t, batch.ExitDone, resolve("not_executed").code)
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM refunds WHERE status = 'refused' AND unsettled IS NULL`))
	require.Contains(t, resolve("ignored").err, "not in review")

	inReview()
	require.NoError(t, s.sim.Amend(s.sim.Ledger()[0].ID, func(e *simulator.Entry) { e.Refunded = 5000 }))
	got = resolve("not_executed")
	require.Contains(t, got.err, "which may include this refund: --as refunded")
	require.Equal(t, "refunded", document[decide.Resolved](t, s.duly(t, "resolve", "refund", "7", "--as", "refunded", "--reason", "looked", "--json")).As)
	require.Equal(t, int64(5000), s.number(t, `SELECT refunded_amount FROM invoices`))
	require.Equal(t, int64(5000), s.number(t, `SELECT amount FROM refunds WHERE status = 'refunded'`))
	inReview()
	require.Equal(t, batch.ExitDone, resolve("ignored").code)
	require.Equal(t, int64(3), s.number(t, `SELECT COUNT(*) FROM operator_actions WHERE action = 'resolve' AND subject = 'refund:7'`))
}

// That a refund was not executed is believed only where its gateway answers: not while it fails, does not know the payment, is called at
// another address or is not asked. What needs no gateway is taken always.
func TestResolveRefundAsksTheGateway(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var fails atomic.Int64
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := fails.Load(); status != 0 {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(int(status))
			_, _ = w.Write([]byte(`{"code":"not_found","message":"no such payment"}`))
			return
		}
		s.sim.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	at := func(url string) { s.env[1] = "DULY_GATEWAYS_MAIN_URL=" + url }
	at(front.URL)
	s.enrol(t, "ok", 12900)
	s.order(t, "payment_in_progress", "succeeded")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "reconcile").code)
	s.exec(t, `INSERT INTO refunds (id, invoice_id, payment_id, amount, currency, reason, status, unsettled, refunded_before, sent_amount, sent_at, gateway)
VALUES (7, 1, NULL, 400, 'KRW', 'asked for', 'review', 1, 0, 400, UTC_TIMESTAMP(6) - INTERVAL 1 HOUR, 'main'),
(8, NULL, (SELECT MIN(id) FROM payments), 400, 'KRW', 'asked for', 'review', 1, 0, 400, UTC_TIMESTAMP(6) - INTERVAL 1 HOUR, 'main')`)
	refused := func(want string) {
		t.Helper()
		for _, id := range []string{"7", "8"} {
			got := s.duly(t, "resolve", "refund", id, "--as", "not_executed", "--reason", "looked")
			require.Equal(t, batch.ExitUsage, got.code, "%s%s", got.out, got.err)
			require.Contains(t, got.err, want)
		}
	}
	fails.Store(http.StatusInternalServerError)
	refused("the gateway could not be asked")
	fails.Store(http.StatusNotFound)
	refused("the gateway does not know the payment now")
	fails.Store(0)
	at("http://127.0.0.1:1")
	refused("gateways.main.url")
	other := httptest.NewServer(s.sim)
	t.Cleanup(other.Close)
	at(other.URL)
	refused("gateways.main.url")
	at(front.URL)
	for _, e := range s.sim.Ledger() {
		require.NoError(t, s.sim.Amend(e.ID, func(e *simulator.Entry) { e.Refunded = 500 }))
	}
	refused("the gateway shows 500 KRW of 12,900 KRW refunded, which may include this refund")
	s.exec(t, `UPDATE payments SET status = 'refund_due'`)
	got := s.duly(t, "show", "order", "1")
	require.Contains(t, got.out, "Payment 1 is to be refunded, and refund 8 of it is in review, and comes first")
	require.NotContains(t, got.out, "next run gives it back")
	s.exec(t, `DELETE FROM payments`)
	for _, verbose := range [][]string{nil, {"--verbose"}} {
		got = s.duly(t, append([]string{"list", "refunds"}, verbose...)...)
		require.Contains(t, got.out, "resolve refund 8 --as ignored")
		require.NotContains(t, got.out, "resolve refund 8 --as refunded", "it is refused")
		require.NotContains(t, got.out, "resolve refund 8 --as not_executed", "it is refused")
	}
	got = s.duly(t, "resolve", "refund", "8", "--as", "not_executed", "--reason", "looked")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, "there is no payment")
	got = s.duly(t, "resolve", "refund", "8", "--as", "refunded", "--reason", "looked")
	require.Contains(t, got.err, "so that no gateway can be asked; --as refunded needs its record")
	require.Equal(t, batch.ExitDone, s.duly(t, "resolve", "refund", "8", "--as", "ignored", "--reason", "looked").code)
	for _, e := range s.sim.Ledger() {
		require.NoError(t, s.sim.Amend(e.ID, func(e *simulator.Entry) { e.Refunded = 399 }))
	}
	require.Equal(t, batch.ExitDone, s.duly(t, "resolve", "refund", "7", "--as", "not_executed", "--reason", "looked").code)
}

// A refund that is requested and not executed counts for the next one, which is requested twice only by a word, and is taken back by a command.
func TestRefundBesideOthers(t *testing.T) {
	t.Parallel()
	s := billed(t)
	var text strings.Builder
	typed := func(args ...string) ended {
		got := s.duly(t, args...)
		fmt.Fprintf(&text, "=== duly %s (%d)\n%s%s", strings.Join(args, " "), got.code, got.out, got.err)
		return got
	}
	typed("refund", "invoice", "1", "--amount", "8000", "--reason", "ada")
	typed("refund", "invoice", "1", "--amount", "8000", "--reason", "bob")
	typed("refund", "invoice", "1", "--amount", "2000", "--reason", "bob")
	typed("refund", "invoice", "1", "--amount", "2000", "--reason", "ada")
	typed("refund", "invoice", "1", "--amount", "2000", "--again", "--reason", "ada", "--dry-run")
	typed("refund", "invoice", "1", "--reason", "the rest", "--dry-run")
	doc := document[decide.RequestedRefund](t, s.duly(t, "refund", "invoice", "1", "--reason", "the rest", "--dry-run", "--json"))
	require.Len(t, doc.Pending, 2)
	require.Equal(t, int64(2900), doc.Amount)
	typed("resolve", "refund", "1", "--as", "cancelled", "--reason", "the wrong invoice")
	typed("resolve", "refund", "1", "--as", "cancelled", "--reason", "once more")
	typed("resolve", "invoice", "1", "--as", "cancelled", "--reason", "no")
	typed("resolve", "refund", "9", "--as", "cancelled", "--reason", "none")
	golden.Equal(t, "refund_beside.golden", steady(text.String()))

	require.Equal(t, batch.ExitDone, s.duly(t, "run", "reconcile").code)
	require.Equal(t, int64(2000), s.sim.Ledger()[0].Refunded)
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM refunds WHERE id = 1 AND status = 'cancelled' AND detail = 'cancelled: the wrong invoice' AND settled_at IS NOT NULL`))
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM operator_actions WHERE subject = 'refund:1' AND reason = 'the wrong invoice' AND who <> ''`))
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM events WHERE type = 'refund.refused' AND subject = 'subscription:1'`))
	s.exec(t, `UPDATE refunds SET status = 'in_flight', unsettled = 1 WHERE id = 1`)
	require.Contains(t, s.duly(t, "resolve", "refund", "1", "--as", "cancelled", "--reason", "x").err, "refund 1 is being executed by a run")
}

// Of operators who request at once, one sees what the other has requested.
func TestOperatorsRequestAtOnce(t *testing.T) {
	t.Parallel()
	s := billed(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			got := s.duly(t, "refund", "invoice", "1", "--amount", "5000", "--reason", "the same")
			assert.Contains(t, []int{batch.ExitDone, batch.ExitUsage}, got.code, got.err)
		})
	}
	all.Wait()
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM refunds`))
}

// What waits behind a refund in review says so wherever it is shown, with the command that is needed first.
func TestRefundsBehindAReviewAreShown(t *testing.T) {
	t.Parallel()
	s := billed(t)
	s.exec(t, `INSERT INTO refunds (id, invoice_id, amount, currency, reason, status, unsettled, refunded_before, sent_amount, sent_at, gateway, detail)
VALUES (100, 1, 5000, 'KRW', 'asked for', 'review', 1, 0, 5000, UTC_TIMESTAMP(6), 'main', 'its answer was lost')`)
	s.exec(t, `INSERT INTO refunds (id, invoice_id, amount, currency, reason) VALUES (101, 1, 2000, 'KRW', 'another')`)
	got := s.duly(t, "run", "reconcile")
	require.Equal(t, batch.ExitReview, got.code, got.out+got.err)
	require.Contains(t, got.out, "refund 100 is in review, and others of its payment wait for it")
	got = s.duly(t, "list", "refunds")
	require.Contains(t, got.out, "duly resolve refund 100 --as refunded")
	require.NotContains(t, got.out, "executes it")
	require.Contains(t, s.duly(t, "list", "refunds", "--json").out, `"behind_refund_id": 100`)
	got = s.duly(t, "show", "invoice", "1")
	require.Contains(t, got.out, "Refund 101 requested 2,000 KRW")
	require.Contains(t, got.out, "waits for refund 100, which is in review")
}

// A refund that is held since the gateway shows money that is recorded nowhere has both words wherever it is shown, each with its condition: the run,
// the lists and the invoice say the same. Many are never settled at once, and what was said leads to another refund on a condition alone.
func TestWordsAboutAHeldRefund(t *testing.T) {
	t.Parallel()
	s := billed(t)
	for _, e := range s.sim.Ledger() {
		require.NoError(t, s.sim.Amend(e.ID, func(e *simulator.Entry) { e.Refunded = 400 }))
	}
	for _, amount := range []string{"400", "10"} {
		require.Equal(t, batch.ExitDone, s.duly(t, "refund", "invoice", "1", "--amount", amount, "--reason", "asked for").code)
	}
	held := refunds.Held{ID: 1, Shown: true}
	got := s.duly(t, "run", "reconcile", "--step", "refund")
	require.Equal(t, batch.ExitReview, got.code, got.out+got.err)
	require.Contains(t, got.out, held.Either())
	for _, args := range [][]string{
		{"list", "review"}, {"list", "refunds"}, {"list", "review", "--verbose"}, {"list", "refunds", "--verbose"}, {"list", "review", "--json"}, {"list", "refunds", "--json"}, {"show", "invoice", "1"},
	} {
		got = s.duly(t, args...)
		for _, way := range held.Ways() {
			condition := way.When[1:] // it may begin a sentence
			require.Contains(t, got.out, condition, args)
			require.Equal(t, strings.Count(got.out, "--as "+string(way.As)), strings.Count(got.out, condition), "%v: never without its condition", args)
		}
	}
	require.Contains(t, s.duly(t, "refund", "invoice", "1", "--amount", "12900", "--reason", "more").err, "duly resolve refund")

	for _, as := range []string{"not_executed", "refunded"} {
		for _, yes := range [][]string{nil, {"--yes"}} {
			got = s.duly(t, append([]string{"resolve", "refund", "--matching", "recorded", "--as", as, "--reason", "all of them"}, yes...)...)
			require.Equal(t, batch.ExitUsage, got.code, got.out+got.err)
			require.Contains(t, got.err, "refund 1: the gateway shows 400 KRW refunded, and 0 KRW are recorded")
			require.Contains(t, got.err, held.Either())
		}
	}
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM refunds WHERE status = 'review'`))
	got = s.duly(t, "resolve", "refund", "1", "--as", "not_executed", "--reason", "support did it")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.out, "if the customer is still to get this one, duly refund requests it again")
}

// A dry run counts the rows of refunds that would be executed, what they take, and what waits behind a refund in review.
func TestRefundsOfADryRun(t *testing.T) {
	t.Parallel()
	s := billed(t)
	for _, args := range [][]string{{"--amount", "5000"}, {}} {
		require.Equal(t, batch.ExitDone, s.duly(t, append([]string{"refund", "invoice", "1", "--reason", "why"}, args...)...).code)
	}
	got := s.duly(t, "run", "reconcile", "--dry-run")
	require.Contains(t, got.out, "2 requested refunds · 12,900 KRW")
	require.NotContains(t, got.out, "Will refund   nothing")
	doc := document[registry.ReconcileForecast](t, s.duly(t, "run", "reconcile", "--dry-run", "--json"))
	require.Equal(t, []preview.RefundSum{{Gateway: "main", Currency: "KRW", Count: 2, Amount: 12900}}, doc.Requested)
	require.Len(t, doc.FirstRequested, 2)
	require.Equal(t, int64(7900), doc.FirstRequested[1].Amount, "the rest, after the part")
	require.Contains(t, s.duly(t, "run", "nightly", "--dry-run").out, "2 requested refunds · 12,900 KRW")

	s.order(t, "completed", "succeeded")
	s.exec(t, `INSERT INTO refunds (payment_id, amount, reason) SELECT id, 400, 'asked for' FROM payments`)
	for _, status := range []string{"refund_due", "failed"} {
		s.exec(t, `UPDATE payments SET status = '`+status+`'`)
		doc = document[registry.ReconcileForecast](t, s.duly(t, "run", "reconcile", "--dry-run", "--json"))
		require.Equal(t, int64(12900), doc.Requested[0].Amount, "nothing is left of the payment: "+status)
	}
	s.exec(t, `UPDATE refunds SET status = 'review', unsettled = 1, sent_at = UTC_TIMESTAMP(6) WHERE id = 1`)
	got = s.duly(t, "run", "reconcile", "--dry-run")
	require.Contains(t, got.out, "1 refund waiting for another one of the same payment, which is in review")
	require.Equal(t, int64(1), document[registry.ReconcileForecast](t, s.duly(t, "run", "reconcile", "--dry-run", "--json")).Behind)
}
