package main

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/mysql"
	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/refunds"
	"duly/internal/store"
	"duly/internal/test/worktest"
)

// What the gateway shows as refunded is one refund's alone: while another one of the payment may be what it shows, nobody's word makes it this one's.
func TestResolveRefundBesideAnother(t *testing.T) {
	t.Parallel()
	s := billed(t)
	s.exec(t, `INSERT INTO refunds (id, invoice_id, amount, currency, reason, status, number, gateway, detail)
VALUES (7, 1, 5000, 'KRW', 'asked for', 'review', 1, 'main', 'the gateway refuses the refund: once')`)
	s.exec(t, `INSERT INTO refunds (invoice_id, amount, currency, reason) VALUES (1, 5000, 'KRW', 'asked for again')`)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "reconcile", "--step", "refund").code)
	require.Equal(t, int64(5000), s.sim.Ledger()[0].Refunded)
	resolve := func() ended { return s.duly(t, "resolve", "refund", "7", "--as", "refunded", "--reason", "looked") }

	// Its answer was lost: it is in doubt, and nothing of it is recorded.
	s.exec(t, `UPDATE refunds SET status = 'in_doubt', unsettled = 1, settled_at = NULL WHERE id <> 7`)
	s.exec(t, `UPDATE payment_attempts SET refunded_amount = 0`)
	s.exec(t, `UPDATE invoices SET refunded_amount = 0`)
	got := resolve()
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, "refund 8 of the same payment is unsettled")
	require.Zero(t, s.number(t, `SELECT COUNT(*) FROM refunds WHERE status = 'refunded'`))
	require.Zero(t, s.number(t, `SELECT COUNT(*) FROM operator_actions WHERE subject = 'refund:7'`))

	require.Equal(t, batch.ExitDone, s.duly(t, "run", "reconcile", "--step", "refund").code)
	require.Contains(t, resolve().err, "which does not include this refund")
	require.Equal(t, int64(5000), s.number(t, `SELECT SUM(amount) FROM refunds WHERE status = 'refunded'`), "as much as the gateway shows")
	require.Equal(t, batch.ExitDone, s.duly(t, "resolve", "refund", "7", "--as", "not_executed", "--reason", "looked").code)
}

// What an operator saw before another refund of the payment was settled is judged again by what is recorded since.
func TestResolveRefundByAnOldLook(t *testing.T) {
	t.Parallel()
	s := billed(t)
	s.exec(t, `INSERT INTO refunds (id, invoice_id, amount, currency, reason, status, number, gateway, detail)
VALUES (7, 1, 5000, 'KRW', 'asked for', 'review', 1, 'main', 'the gateway refuses the refund: once')`)
	db, err := mysql.Open(s.db.DSN, mysql.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	seen, err := operator.RefundInReview(t.Context(), db, 7, "")
	require.NoError(t, err)
	s.exec(t, `INSERT INTO refunds (invoice_id, amount, currency, reason) VALUES (1, 5000, 'KRW', 'asked for again')`)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "reconcile", "--step", "refund").code)

	there := s.sim.Ledger()[0]
	word := refunds.Word{As: payment.AsRefunded, Reason: "looked", Longest: time.Minute, Sight: payment.LookupResult{Payment: &payment.Payment{
		ID: there.ID, Status: payment.Succeeded, Key: seen.ChargeKey, Reference: seen.Reference, CustomerID: seen.CustomerID, Money: seen.Paid, Refunded: 5000,
	}}}
	require.NoError(t, word.Takes(seen), "by what was recorded when it was read")
	_, err = operator.ResolveRefund(t.Context(), db, seen, word, time.Now(), operator.Action{Action: "resolve", Subject: "refund:7", Who: "somebody", Reason: "looked"})
	require.ErrorAs(t, err, &store.RefusedError{})
	require.ErrorContains(t, err, "which does not include this refund")
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM refunds WHERE status = 'refunded'`))
	require.Zero(t, s.number(t, `SELECT COUNT(*) FROM operator_actions WHERE subject = 'refund:7'`))
}

// A refund that an operator says was executed has what was asked for with it, as one whose answer came.
func TestWhatFollowsARefundByAWord(t *testing.T) {
	t.Parallel()
	executed := func(s *shop) {
		require.NoError(t, s.sim.Amend(s.sim.Ledger()[0].ID, func(e *simulator.Entry) { e.Refunded = e.Amount }))
		require.Equal(t, batch.ExitDone, s.duly(t, "resolve", "refund", "7", "--as", "refunded", "--reason", "looked").code)
		require.Equal(t, int64(12900), s.number(t, `SELECT amount FROM refunds WHERE status = 'refunded' AND unsettled IS NULL`))
	}
	for followUp, want := range map[string]string{
		"end_subscription": "paid 12900 cancelled refunded: asked for", "give_period_back": "void 12900 active",
	} {
		t.Run(followUp, func(t *testing.T) {
			s := billed(t)
			s.exec(t, `INSERT INTO refunds (id, invoice_id, amount, currency, reason, follow_up, status, unsettled, number, refunded_before, sent_amount, sent_at, gateway, detail)
VALUES (7, 1, 12900, 'KRW', 'asked for', ?, 'review', 1, 1, 0, 12900, UTC_TIMESTAMP(6), 'main', 'its answer was lost')`, followUp)
			executed(s)
			require.Equal(t, []string{want}, worktest.List[string](t, s.db, `SELECT CONCAT_WS(' ', i.status, i.refunded_amount, s.status, s.cancel_reason)
FROM invoices i JOIN subscriptions s ON s.id = i.subscription_id JOIN payment_attempts a ON a.invoice_id = i.id AND a.refunded_amount = i.refunded_amount`))
			require.Equal(t, followUp == "end_subscription", s.number(t, `SELECT COUNT(*) FROM events WHERE type = 'subscription.cancelled'`) == 1)
		})
	}
	t.Run("the last payment in review", func(t *testing.T) {
		s := newShop(t)
		s.order(t, "payment_in_progress", "succeeded")
		require.Equal(t, batch.ExitDone, s.duly(t, "run", "reconcile").code)
		s.exec(t, `UPDATE payments SET status = 'review'`)
		s.exec(t, `UPDATE order_checks SET reason = 'refunded in part'`)
		s.exec(t, `INSERT INTO refunds (id, payment_id, amount, currency, reason, status, unsettled, number, refunded_before, sent_amount, sent_at, gateway, detail)
VALUES (7, 1, 12900, 'KRW', 'asked for', 'review', 1, 1, 0, 12900, UTC_TIMESTAMP(6), 'main', 'its answer was lost')`)
		executed(s)
		require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM payments WHERE status = 'refunded' AND refunded_amount = amount`))
		require.Zero(t, s.number(t, `SELECT COUNT(*) FROM order_checks WHERE reason IS NOT NULL`), "nobody need look at the order")
	})
}

// A refund that was executed, and waits for what was to follow from it, is refunded whatever the word: ignored leaves the subscription to the shop, and
// refunded ends it once its status is right, also while the gateway does not answer.
func TestResolveARefundThatWasExecuted(t *testing.T) {
	t.Parallel()
	for _, as := range []string{"ignored", "refunded"} {
		t.Run(as, func(t *testing.T) {
			t.Parallel()
			s := billed(t)
			s.exec(t, `UPDATE subscriptions SET status = 'lifetime'`)
			s.exec(t, `INSERT INTO refunds (id, invoice_id, amount, reason, follow_up) VALUES (7, 1, 400, 'asked for', 'end_subscription')`)
			require.Equal(t, batch.ExitReview, s.duly(t, "run", "reconcile", "--step", "refund").code)
			resolve := func(as string) ended { return s.duly(t, "resolve", "refund", "7", "--as", as, "--reason", "looked") }
			for _, args := range [][]string{{"list", "review"}, {"show", "invoice", "1"}} {
				listed := s.duly(t, args...).out
				require.Contains(t, listed, "what was to follow is left to the shop")
				require.NotContains(t, listed, "not_executed", "it is refused")
			}
			got := resolve("not_executed")
			require.Equal(t, batch.ExitUsage, got.code)
			require.Contains(t, got.err, "400 KRW of refund 7 are refunded and recorded")
			require.Equal(t, batch.ExitUsage, resolve("refunded").code, "its status is not right yet")
			if as == "refunded" {
				s.exec(t, `UPDATE subscriptions SET status = 'active'`)
				s.exec(t, `INSERT INTO refunds (invoice_id, amount, reason, status, unsettled) VALUES (1, 100, 'another', 'in_doubt', 1)`)
				require.NoError(t, s.sim.Amend(s.sim.Ledger()[0].ID, func(e *simulator.Entry) { e.Refunded = 0 }))
			} else {
				got = s.duly(t, "resolve", "refund", "--matching", "lifetime", "--as", as, "--reason", "looked")
				require.Contains(t, got.out, "what was to follow is left to the shop")
			}
			got = resolve(as)
			require.Equal(t, batch.ExitDone, got.code, "%s%s", got.out, got.err)
			require.NotContains(t, got.out, "never sent")
			require.Equal(t, as == "ignored", strings.Contains(got.out, "its money stays recorded as refunded; what was to follow is left to the shop"))
			require.Equal(t, as == "refunded", strings.Contains(got.out, "subscription 1 is cancelled"))
			require.Equal(t, []string{"refunded 400"}, worktest.List[string](t, s.db, `SELECT CONCAT_WS(' ', status, amount) FROM refunds WHERE id = 7 AND settled_at IS NOT NULL`))
			require.Equal(t, map[bool]string{true: "lifetime", false: "cancelled"}[as == "ignored"], worktest.Get[string](t, s.db, `SELECT status FROM subscriptions`))
			require.Equal(t, []string{"refund.succeeded"}, worktest.List[string](t, s.db, `SELECT type FROM events WHERE type LIKE 'refund%'`))
			require.Equal(t, int64(400), s.number(t, `SELECT refunded_amount FROM invoices`))
		})
	}
}

// One charge under two payments: what duly refunded for the one is never another's. The shop closes the row that does not stand for it, and an operator goes on.
func TestResolveRefundOfAChargeUnderTwoPayments(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.order(t, "payment_in_progress", "succeeded")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "reconcile").code)
	refund := func(args ...string) ended {
		require.Equal(t, batch.ExitDone, s.duly(t, append([]string{"refund", "order", "1", "--reason", "asked for"}, args...)...).code)
		return s.duly(t, "run", "reconcile", "--step", "refund")
	}
	require.Equal(t, batch.ExitDone, refund("--amount", "400").code)
	s.exec(t, `INSERT INTO payments (order_id, gateway, idempotency_key, status, amount, currency, created_at, updated_at)
SELECT order_id, gateway, idempotency_key, 'succeeded', amount, currency, created_at, updated_at FROM payments`)
	twin := s.number(t, `SELECT MAX(id) FROM payments`)
	require.Equal(t, batch.ExitReview, refund("--amount", "300", "--payment", strconv.FormatInt(twin, 10)).code)
	resolve := func(as string) ended { return s.duly(t, "resolve", "refund", "2", "--as", as, "--reason", "looked") }

	s.exec(t, `UPDATE refunds SET status = 'in_doubt', unsettled = 1, settled_at = NULL WHERE id = 1`)
	require.Contains(t, resolve("refunded").err, "refund 1 of the same payment is unsettled")
	s.exec(t, `UPDATE refunds SET status = 'refunded', unsettled = NULL, settled_at = UTC_TIMESTAMP(6) WHERE id = 1`)
	require.Contains(t, resolve("refunded").err, "which does not include this refund")
	require.Contains(t, s.duly(t, "list", "refunds").out, "set the payment that does not stand for it to failed")
	s.exec(t, `UPDATE payments SET status = 'failed' WHERE id <> ?`, twin)
	got := resolve("not_executed")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Equal(t, batch.ExitDone, refund("--amount", "300").code)
	require.Equal(t, int64(700), s.sim.Ledger()[0].Refunded)
	require.Equal(t, 2, s.sim.Ledger()[0].Refunds)
}
