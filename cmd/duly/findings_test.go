package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing/explain"
	"duly/internal/gateway/simulator"
	"duly/internal/inspect"
	"duly/internal/payment"
)

// A double charge that the audit found is shown where its invoice is, and closed only once the gateway gave the money back.
func TestFindingsAreShownAndVerified(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	id, first := s.attempt(t, "succeeded", "paid", payment.Succeeded)
	s.exec(t, "UPDATE payment_attempts SET gateway_payment_id = ? WHERE id = ?", first, id)
	s.exec(t, "UPDATE invoices SET paid_at = UTC_TIMESTAMP(6) WHERE id = ?", id)
	reference := ""
	require.NoError(t, s.db.GetContext(t.Context(), &reference, "SELECT reference FROM payment_attempts WHERE id = ?", id))
	second, err := s.sim.Inject(simulator.Entry{Key: "by-hand", Reference: reference, CustomerID: "cus_1", Method: "pm_ok:" + secretMethod, Amount: 500, Currency: "KRW"})
	require.NoError(t, err)
	s.exec(t, `INSERT INTO audit_findings (id, kind, reference, gateway_payment_id, detail) VALUES (3, 'charged_twice', ?, ?, ?)`,
		reference, second, fmt.Sprintf(`{"text": "second charge under a paid reference", "gateway": "main", "row": "attempt:%d"}`, id))

	const command = "duly resolve finding 3 --as refunded --reason …\n"
	for _, line := range []string{fmt.Sprintf("show subscription %d", id), fmt.Sprintf("show invoice %d", id)} {
		got := s.duly(t, strings.Fields(line)...)
		require.Equal(t, batch.ExitDone, got.code, got.err)
		require.Contains(t, got.out, "finding 3 (charged_twice): second charge under a paid reference\n  once the second payment is refunded at gateway main:\n", line)
		require.Contains(t, got.out, "  "+command, line)
		doc := document[inspect.SubscriptionView](t, s.duly(t, append(strings.Fields(line), "--json")...))
		require.Len(t, doc.Findings, 1)
	}
	require.Contains(t, s.duly(t, "show", "invoice", fmt.Sprint(id)).out, "  "+command)
	require.Contains(t, s.duly(t, "status").out, "Findings  1 open")

	for _, as := range []string{"paid", "not_executed", "refunded"} {
		s.refuses(t, "resolve finding 3 --as "+as+" --reason why")
	}
	require.Contains(t, s.duly(t, "resolve", "finding", "3", "--as", "refunded", "--reason", "why").err, "is succeeded, 0 KRW of 500 KRW refunded")
	require.NoError(t, s.sim.Amend(second, func(e *simulator.Entry) { e.Refunded = 500 }))
	s.does(t, "resolve finding 3 --as refunded --reason why")
	got := s.duly(t, "show", "invoice", fmt.Sprint(id))
	require.Contains(t, got.out, "resolved ")
	require.Contains(t, got.out, ": refunded: why\n")
	require.Contains(t, got.out, "\nCharged once for ")
}

// What a payment belongs to is asked before it is believed: of another invoice, another order, or a row of the shop's. The refusal
// names the other row.
func TestResolveRefusesWhatAnotherRowHas(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	one, first := s.attempt(t, "review", "review", payment.Succeeded)
	two, _ := s.attempt(t, "review", "review", "")
	resolve := func(id uint64, known string) ended {
		return s.duly(t, "resolve", "attempt", fmt.Sprint(id), known, "--as", "paid", "--reason", "why")
	}
	got := resolve(two, first)
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, fmt.Sprintf("payment %s was made for subscription %d, due ", first, one))

	byHand, err := s.sim.Inject(simulator.Entry{Key: "by-hand", Reference: "by hand", CustomerID: "cus_1", Method: "pm_ok:" + secretMethod, Amount: 500, Currency: "KRW"})
	require.NoError(t, err)
	require.Equal(t, batch.ExitDone, resolve(one, byHand).code)
	before := s.tables(t)
	got = resolve(two, byHand)
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, fmt.Sprintf("payment %s is booked for attempt %d of invoice %d", byHand, one, one))
	require.Equal(t, before, s.tables(t))

	_, paymentID, _ := s.settles(t, "completed", "review", payment.Succeeded)
	s.exec(t, "UPDATE payments SET amount = 500, gateway = 'main' WHERE id = ?", paymentID)
	s.exec(t, "UPDATE orders SET amount = 500")
	got = s.duly(t, "resolve", "payment", fmt.Sprint(paymentID), byHand, "--as", "paid", "--reason", "why")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, fmt.Sprintf("payment %s is booked for attempt %d of invoice %d", byHand, one, one))

	s.does(t, fmt.Sprintf("resolve attempt %d --as ignored --reason why", two))
	got = s.duly(t, "show", "invoice", fmt.Sprint(two))
	require.Contains(t, got.out, "closed it as ignored: why; the gateway was not asked, and may have kept its money. Nothing more is charged for this period; the subscription is active\n")
	require.NotContains(t, got.out, "cancelled")
	require.Contains(t, s.duly(t, "show", "invoice", fmt.Sprint(one)).out, " resolved it as paid (\"")
	require.Equal(t, explain.WhyVoid, document[inspect.SubscriptionView](t, s.duly(t, "show", "invoice", fmt.Sprint(two), "--json")).Explanation.Why)
}

// Money that a row keeps is never refunded for another row, whether a run, an operator or the shop asks for it: the shop marks the
// second row of a payment, or an order's payment that is an invoice's, and both are left to an operator with the other row's name.
func TestAKeptPaymentIsNeverRefunded(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	order := s.order(t, "pending", payment.Succeeded)
	s.exec(t, "UPDATE products SET stock = 1000")
	s.exec(t, `INSERT INTO payments (order_id, gateway, idempotency_key, status, amount, currency, created_at, updated_at)
SELECT order_id, gateway, idempotency_key, 'pending', amount, currency, created_at, updated_at FROM payments WHERE order_id = ?`, order)
	for _, table := range []string{"orders", "payments"} {
		s.exec(t, "UPDATE "+table+" SET updated_at = UTC_TIMESTAMP(6) - INTERVAL 2 HOUR")
	}
	got := s.duly(t, "run", "reconcile")
	require.Equal(t, batch.ExitReview, got.code, got.out+got.err)
	require.Equal(t, "completed", s.status(t, order)[:9])
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM payments WHERE status = 'succeeded'"))
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM payments WHERE status = 'review'"))

	s.exec(t, "UPDATE payments SET status = 'refund_due' WHERE status = 'review'")
	got = s.duly(t, "run", "reconcile")
	require.Equal(t, batch.ExitReview, got.code, got.out+got.err)
	kept := s.number(t, "SELECT id FROM payments WHERE status = 'succeeded'")
	require.Contains(t, s.duly(t, "show", "order", fmt.Sprint(order)).out, fmt.Sprintf("nothing is refunded: payment %d of order %d keeps this payment", kept, order))
	for _, e := range s.sim.Ledger() {
		require.Zero(t, e.Refunded)
	}
}

// A payment that was made by hand and that an operator has accepted for a row is known: no audit says that it is to be refunded, the
// finding of an earlier one is closed, and nobody's word makes it one that was refunded.
func TestAnAcceptedPaymentIsKnown(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	id, _ := s.attempt(t, "review", "review", "")
	byHand, err := s.sim.Inject(simulator.Entry{
		Key: "by-hand", Reference: "by hand", CustomerID: "cus_1", Method: "pm_ok:" + secretMethod, Amount: 500, Currency: "KRW", CreatedAt: time.Now().Add(-time.Hour),
	})
	require.NoError(t, err)
	got := s.duly(t, "run", "audit")
	require.Equal(t, batch.ExitReview, got.code, got.err)
	finding := s.number(t, "SELECT id FROM audit_findings WHERE kind = 'unknown_here' AND gateway_payment_id = ?", byHand)
	require.Equal(t, batch.ExitDone, s.duly(t, "resolve", "attempt", fmt.Sprint(id), byHand, "--as", "paid", "--reason", "why").code)
	require.EqualValues(t, 1, s.number(t, "SELECT COUNT(*) FROM audit_findings WHERE resolved_at IS NOT NULL AND resolution = ?", fmt.Sprintf("paid: booked for attempt %d", id)))
	got = s.duly(t, "run", "audit", "--from", "2026-01-01")
	require.NotContains(t, got.out, "unknown_here")
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM audit_findings WHERE kind = 'unknown_here' AND resolved_at IS NULL"))

	s.exec(t, "UPDATE audit_findings SET resolved_at = NULL, resolution = NULL WHERE id = ?", finding)
	require.NoError(t, s.sim.Amend(byHand, func(e *simulator.Entry) { e.Refunded = 500 }))
	line := fmt.Sprintf("resolve finding %d --as refunded --reason why", finding)
	s.refuses(t, line)
	require.Contains(t, s.duly(t, strings.Fields(line)...).err, fmt.Sprintf("attempt %d is paid by payment %s", id, byHand))
}
