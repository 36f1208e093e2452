package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
)

// frozen is an order whose payment the gateway does not know, with nothing to control that by, and what its review says to
// type. change is made to the order's rows before the run that freezes it.
func (s *shop) frozen(t *testing.T, change string) (order uint64, payment string, typed []string) {
	t.Helper()
	order = s.order(t, "payment_in_progress", "")
	payment = fmt.Sprint(s.number(t, "SELECT id FROM payments WHERE order_id = ?", order))
	if change != "" {
		s.exec(t, change)
	}
	s.exec(t, "UPDATE orders SET created_at = created_at - INTERVAL 30 HOUR, updated_at = created_at")
	s.exec(t, "UPDATE payments SET created_at = created_at - INTERVAL 30 HOUR, updated_at = created_at")
	got := s.duly(t, "run", "reconcile")
	require.Equal(t, batch.ExitReview, got.code, got.out+got.err)
	shown := s.duly(t, "show", "order", fmt.Sprint(order)).out
	shown = strings.Join(strings.Fields(shown), " ")
	require.Contains(t, shown, "cannot be decided: gateway main does not know it and shows no payment from before or after it. Look at the provider's page, then duly")
	for _, command := range []string{
		"duly doctor --control main PAYMENT_ID", fmt.Sprintf("duly requeue order %d", order),
		fmt.Sprintf("duly resolve payment %s --as not_executed --reason …", payment),
	} {
		require.Contains(t, shown, command)
		typed = append(typed, command)
	}
	return order, payment, typed
}

// types types a command that a text names, with what the operator has to fill in.
func (s *shop) types(t *testing.T, command, paymentID, reason string) ended {
	t.Helper()
	command = regexp.MustCompile(`PAYMENT_ID`).ReplaceAllString(command, paymentID)
	args := strings.Fields(command)[1:]
	for i := range args {
		if args[i] == "…" {
			args[i] = reason
		}
	}
	return s.duly(t, args...)
}

// untouched makes it so that nobody has written to the orders for longer than reconcile.older_than.
func (s *shop) untouched(t *testing.T) {
	t.Helper()
	s.exec(t, "UPDATE orders SET updated_at = updated_at - INTERVAL 1 HOUR")
	s.exec(t, "UPDATE payments SET updated_at = updated_at - INTERVAL 1 HOUR")
}

// proven puts a payment into the gateway's books that an operator may name.
func (s *shop) proven(t *testing.T, key string, at time.Time) string {
	t.Helper()
	id, err := s.sim.Inject(simulator.Entry{
		Key: key, Reference: key, CustomerID: "c", Method: "pm_ok", Amount: 500, Currency: "KRW", CreatedAt: at,
	})
	require.NoError(t, err)
	return id
}

// An order that nothing controls is freed by payments that an operator names: the next run finds that its own was never made.
func TestAFrozenOrderIsFreedByControls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ change, status string }{
		"pending":  {"", "failed failed"},
		"given up": {"UPDATE orders o JOIN payments p ON p.order_id = o.id SET p.status = 'cancelled', p.failure_code = NULL", "failed cancelled"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			order, _, typed := s.frozen(t, c.change)
			for key, at := range map[string]time.Time{"before": time.Now().Add(-72 * time.Hour), "after": time.Now().Add(-time.Hour)} {
				got := s.types(t, typed[0], s.proven(t, key, at), "")
				require.Equal(t, batch.ExitDone, got.code, got.err)
			}
			got := s.types(t, typed[1], "", "")
			require.Equal(t, batch.ExitDone, got.code, got.err)
			require.Equal(t, batch.ExitDone, s.duly(t, "run", "reconcile").code)
			require.Equal(t, c.status, s.status(t, order))
		})
	}
}

// Without controls the operator's recorded word ends the payment, and the next run the order. Where the gateway knows more
// by then, its word counts.
func TestAFrozenOrderIsFreedByAWord(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	order, payment, typed := s.frozen(t, "")
	_, err := s.sim.Inject(simulator.Entry{
		Key: fmt.Sprintf("ord_%d-1", order), Reference: fmt.Sprintf("ord_%d", order), CustomerID: "cus_1", Amount: 12900, Currency: "KRW",
	})
	require.NoError(t, err)
	there := s.sim.Ledger()[0].ID
	got := s.types(t, typed[2], "", "asked the provider")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, fmt.Sprintf("duly resolve payment %s --as paid %s", payment, there))
	require.Equal(t, batch.ExitDone, s.duly(t, "resolve", "payment", payment, there, "--as", "paid", "--reason", "found it").code)
	require.Equal(t, "payment_in_progress succeeded", s.status(t, order))
	s.untouched(t)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "reconcile").code)
	require.Equal(t, "completed succeeded", s.status(t, order))

	s = newShop(t)
	order, _, typed = s.frozen(t, "")
	got = s.types(t, typed[2], "", "asked the provider")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.EqualValues(t, 1, s.number(t, "SELECT COUNT(*) FROM operator_actions WHERE action = 'resolve' AND reason = 'asked the provider'"))
	s.untouched(t)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "reconcile").code)
	require.Equal(t, "failed failed", s.status(t, order))
	require.EqualValues(t, 1, s.number(t, "SELECT COUNT(*) FROM payments WHERE failure_code = 'not_executed'"))

	// A payment that is under way, of an order that waits for nobody, is left to the gateway.
	s = newShop(t)
	order = s.order(t, "payment_in_progress", "")
	pay := s.number(t, "SELECT id FROM payments WHERE order_id = ?", order)
	got = s.duly(t, "resolve", "payment", fmt.Sprint(pay), "--as", "not_executed", "--reason", "impatient")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, "only one in review can be resolved")
}
