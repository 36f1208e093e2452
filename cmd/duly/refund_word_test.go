package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/refunds"
	"duly/internal/store"
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
	word := refunds.Word{As: payment.AsRefunded, Reason: "looked", Sight: payment.LookupResult{Payment: &payment.Payment{
		ID: there.ID, Status: payment.Succeeded, Key: seen.ChargeKey, Reference: seen.Reference, CustomerID: seen.CustomerID, Money: seen.Paid, Refunded: 5000,
	}}}
	require.NoError(t, word.Takes(seen), "by what was recorded when it was read")
	err = operator.ResolveRefund(t.Context(), db, seen, word, time.Now(), operator.Action{Action: "resolve", Subject: "refund:7", Who: "somebody", Reason: "looked"})
	require.ErrorAs(t, err, &store.RefusedError{})
	require.ErrorContains(t, err, "which does not include this refund")
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM refunds WHERE status = 'refunded'`))
	require.Zero(t, s.number(t, `SELECT COUNT(*) FROM operator_actions WHERE subject = 'refund:7'`))
}
