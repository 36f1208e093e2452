package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
)

// chargedThenRejected is a subscription whose charge the gateway took and then refused with a 400, a moment ago.
func (s *shop) chargedThenRejected(t *testing.T) (invoice, attempt int64, known string) {
	t.Helper()
	sub := s.enrol(t, "reject", 500)
	require.Equal(t, batch.ExitReview, s.duly(t, "run", "billing").code)
	var key, reference string
	require.NoError(t, s.db.QueryRowContext(t.Context(), "SELECT invoice_id, id, idempotency_key, reference FROM payment_attempts WHERE subscription_id = ?", sub).
		Scan(&invoice, &attempt, &key, &reference))
	known, err := s.sim.Inject(simulator.Entry{
		Key: key, Reference: reference, CustomerID: "cus_1", Method: "pm_ok:" + secretMethod, Amount: 500, Currency: "KRW",
		Status: payment.Succeeded, CreatedAt: time.Now(),
	})
	require.NoError(t, err)
	return invoice, attempt, known
}

// A gateway that charges and then answers 400: nothing charges again, and the command that each refusal names ends it.
func TestARejectionThatTookTheMoney(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.env = append(s.env, "DULY_GATEWAYS_MAIN_LIST=false") // a gateway that lists would show the charge before anything is sent
	invoice, attempt, known := s.chargedThenRejected(t)
	s.exec(t, "UPDATE subscriptions SET payment_method = ?", "pm_ok:"+secretMethod)
	next := fmt.Sprintf("duly resolve attempt %d --as paid %s --reason", attempt, known)
	for _, line := range []string{
		fmt.Sprintf("requeue invoice %d", invoice), fmt.Sprintf("resolve attempt %d --as not_executed --reason why", attempt),
	} {
		s.refuses(t, line)
		require.Contains(t, s.duly(t, strings.Fields(line)...).err, next)
	}
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Contains(t, s.duly(t, "show", "invoice", fmt.Sprint(invoice)).out, fmt.Sprintf("%d", attempt))
	s.does(t, fmt.Sprintf("resolve attempt %d --as paid %s --reason", attempt, known), "looked")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid'"))
	require.Len(t, s.sim.Ledger(), 1, "nobody is charged twice")
}

// Where the gateway shows payments of ours from before and after a rejection, its absence is a proof: requeue finds it and
// the next charge has the next number. Without them the operator's word is needed, and kept.
func TestARejectionThatTookNothing(t *testing.T) {
	t.Parallel()
	for _, controlled := range []bool{true, false} {
		s := newShop(t)
		if controlled {
			s.enrol(t, "ok", 100)
			s.enrol(t, "ok", 100)
			require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
			s.exec(t, "UPDATE payment_attempts SET created_at = UTC_TIMESTAMP(6) - INTERVAL 60 MINUTE, settled_at = created_at WHERE id = 1")
		}
		sub := s.enrol(t, "reject", 500)
		require.Equal(t, batch.ExitReview, s.duly(t, "run", "billing").code)
		s.exec(t, "UPDATE payment_attempts SET created_at = UTC_TIMESTAMP(6) - INTERVAL 30 MINUTE, settled_at = UTC_TIMESTAMP(6) - INTERVAL 30 MINUTE WHERE subscription_id = ?", sub)
		s.exec(t, "UPDATE subscriptions SET payment_method = ? WHERE id = ?", "pm_ok:"+secretMethod, sub)
		invoice := s.number(t, "SELECT invoice_id FROM payment_attempts WHERE subscription_id = ?", sub)
		attempt := s.number(t, "SELECT id FROM payment_attempts WHERE subscription_id = ?", sub)
		requeue := fmt.Sprintf("requeue invoice %d", invoice)
		proof := "look_up"
		if controlled {
			s.does(t, requeue)
		} else {
			proof = "operator"
			s.refuses(t, requeue)
			require.Contains(t, s.duly(t, strings.Fields(requeue)...).err, fmt.Sprintf("duly resolve attempt %d --as not_executed --reason", attempt))
			s.does(t, fmt.Sprintf("resolve attempt %d --as not_executed --reason", attempt), "asked the provider")
		}
		require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE id = ? AND status = 'rejected' AND proof = ?", attempt, proof))
		require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM operator_actions"))
		require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
		require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE subscription_id = ? AND status = 'succeeded' AND idempotency_key LIKE '%-2'", sub))
	}
}

// A host without the gateway's configuration waits by what is stored with the attempt, and cannot ask.
func TestResolveWithoutTheGatewaysConfiguration(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	id, _ := s.attempt(t, "review", "review", "")
	s.exec(t, "UPDATE payment_attempts SET gateway = 'gone', sent_by = created_at, settled_at = created_at WHERE id = ?", id)
	line := fmt.Sprintf("resolve attempt %d --as not_executed --reason why", id)
	s.refuses(t, line)
	require.Contains(t, s.duly(t, strings.Fields(line)...).err, "type it where gateways.gone is configured")
	s.exec(t, "UPDATE payment_attempts SET account_id = 9, key_life_ms = 86400000 * 40, longest_request_ms = 120000 WHERE id = ?", id)
	s.refuses(t, line)
	require.Contains(t, s.duly(t, strings.Fields(line)...).err, "may still arrive: try again in 240h2m")
	s.exec(t, "UPDATE payment_attempts SET key_life_ms = 86400000 WHERE id = ?", id)
	s.does(t, line)
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM payment_attempts WHERE status = 'rejected' AND proof = 'operator'"))

	_, pay, _ := s.settles(t, "payment_in_progress", "review", "")
	s.exec(t, "UPDATE payments SET gateway = 'gone' WHERE id = ?", pay)
	for _, as := range []payment.Resolution{payment.AsNotExecuted, payment.AsRefunded} {
		line := fmt.Sprintf("resolve payment %d --as %s --reason why", pay, as)
		s.refuses(t, line)
		require.Contains(t, s.duly(t, strings.Fields(line)...).err, "type it where gateways.gone is configured")
	}
}

// An invoice that must be looked up is not requeued where its gateway is not configured: no word is offered instead of the look-up.
func TestRequeueWithoutTheGatewaysConfiguration(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	id, _ := s.attempt(t, "rejected", "review", "")
	s.exec(t, "UPDATE payment_attempts SET gateway = 'gone', account_id = 9, key_life_ms = 60000, longest_request_ms = 1000, sent_by = created_at, settled_at = created_at WHERE id = ?", id)
	line := fmt.Sprintf("requeue invoice %d", id)
	s.refuses(t, line)
	got := s.duly(t, strings.Fields(line)...)
	require.Contains(t, got.err, "gateways.gone is not configured here")
	require.NotContains(t, got.err, "not_executed")
}

// An id that is stored and is somebody else's says nothing: the attempt is asked about by its own key.
func TestAStoredIDOfSomebodyElse(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.past(t)
	id, known := s.attempt(t, "review", "review", payment.Succeeded)
	_, foreign := s.attempt(t, "declined", "void", payment.Declined)
	s.exec(t, "UPDATE payment_attempts SET gateway_payment_id = ? WHERE id = ?", foreign, id)
	line := fmt.Sprintf("resolve attempt %d --as not_executed --reason why", id)
	s.refuses(t, line)
	require.Contains(t, s.duly(t, strings.Fields(line)...).err, "--as paid "+known)
	s.after(t, "billing")
}
