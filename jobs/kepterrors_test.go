package jobs_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/gateway/httpapi"
	"duly/internal/payment"
	"duly/internal/test/worktest"
)

// erring is a gateway that answers some charges with an error of its own, and keeps it under their key.
type erring struct {
	gateway.Gateway

	errs     func(c payment.Charge) bool
	executes bool // the charge is executed all the same
	kind     payment.Kind
}

func (e *erring) Capabilities() gateway.Capabilities {
	able := e.Gateway.Capabilities()
	able.KeepsErrors = true
	return able
}

func (e *erring) Charge(ctx context.Context, c payment.Charge) payment.Outcome {
	if !e.errs(c) {
		return e.Gateway.Charge(ctx, c)
	}
	if e.executes {
		e.Gateway.Charge(ctx, c)
	}
	return payment.Outcome{Kind: e.kind, LookUpOnly: true, Answered: true, Reason: "500 PROVIDER_ERROR"}
}

// keeping is a town whose gateway keeps keys for two weeks, with one charge in doubt between two that succeeded: its first key has an error.
func keeping(t *testing.T, k *erring) *town {
	t.Helper()
	w := newTown(t)
	k.errs = func(c payment.Charge) bool {
		return strings.HasPrefix(c.Key, "sub_2_") && strings.HasSuffix(c.Key, "-1")
	}
	w.client = func(c *httpapi.Config) { c.KeyLife = 14 * 24 * time.Hour }
	w.wrap = func(g gateway.Gateway) gateway.Gateway {
		return &erring{Gateway: g, errs: k.errs, executes: k.executes, kind: k.kind}
	}
	w.enrol("pm_ok", "pm_ok", "pm_ok")
	w.collect(1)
	w.collect(2)
	w.collect(3)
	require.Equal(t, 1, w.attempts("in_doubt"))
	require.Equal(t, 1, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM payment_attempts WHERE all_answered AND lookup_only AND status = 'in_doubt'`))
	return w
}

// An error that the gateway keeps for two weeks holds an invoice up for a day, and costs no stage: what was never executed is charged under the
// next key, and once.
func TestAKeptErrorMovesOn(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]payment.Kind{"an error": payment.InDoubt, "refused credentials": payment.Misconfigured} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := keeping(t, &erring{kind: kind})
			result := w.on("2026-02-01").run(nil)
			require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
			require.Equal(t, []string{"declined kept_error", "succeeded "}, worktest.List[string](t, w.plain,
				`SELECT CONCAT(status, ' ', COALESCE(decline_code, '')) FROM payment_attempts WHERE subscription_id = 2 ORDER BY attempt_no`))
			require.Equal(t, []string{"sub_2_20260131-1", "sub_2_20260131-2"}, worktest.List[string](t, w.plain,
				`SELECT idempotency_key FROM payment_attempts WHERE subscription_id = 2 ORDER BY attempt_no`))
			require.Equal(t, []int{0}, worktest.List[int](t, w.plain, `SELECT stage FROM invoices WHERE subscription_id = 2`))
			w.reconcile()
		})
	}
}

// What was executed although the answer was an error is found, and is not charged again.
func TestAKeptErrorOfATakenCharge(t *testing.T) {
	t.Parallel()
	w := keeping(t, &erring{executes: true})
	result := w.on("2026-02-01").run(nil)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, 3, w.attempts("succeeded"))
	w.reconcile()
}

// As long as what the error began may still take effect, the attempt stays as it is.
func TestAKeptErrorWaitsForTheLongestRequest(t *testing.T) {
	t.Parallel()
	w := keeping(t, &erring{})
	client := w.client
	w.client = func(c *httpapi.Config) {
		client(c)
		c.LongestRequest = 25 * time.Hour
	}
	worktest.Exec(t, w.plain, `UPDATE payment_attempts SET checks = 9`) // so that no run waits for the next one
	require.Equal(t, batch.ExitUnfinished, w.on("2026-02-01").run(nil).Exit)
	require.Equal(t, 1, w.attempts("in_doubt"))
	result := w.on("2026-02-02").run(nil)
	require.Equal(t, batch.ExitDone, result.Exit, "%v %v", result, worktest.List[string](t, w.plain, `SELECT CONCAT_WS(' ', idempotency_key, status, message, sent_by) FROM payment_attempts`))
	require.Equal(t, 3, w.attempts("succeeded"))
	w.reconcile()
}

// An attempt that had a request without an answer is not all answered, whatever the gateway says afterwards.
func TestAKeptErrorAfterALostAnswer(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	errs := false
	w.client = func(c *httpapi.Config) { c.KeyLife = 14 * 24 * time.Hour }
	w.wrap = func(g gateway.Gateway) gateway.Gateway {
		return &erring{Gateway: g, errs: func(c payment.Charge) bool { return errs && strings.HasPrefix(c.Key, "sub_2_") }}
	}
	w.enrol("pm_ok", "pm_drop_before_always:2", "pm_ok")
	w.collect(1)
	w.collect(2)
	w.collect(3)
	errs = true
	require.Equal(t, batch.ExitUnfinished, w.on("2026-02-01").look().Exit)
	require.Equal(t, 1, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM payment_attempts WHERE NOT COALESCE(all_answered, FALSE) AND lookup_only AND status = 'in_doubt'`))
	require.Equal(t, batch.ExitUnfinished, w.on("2026-02-03").look().Exit)
	require.Equal(t, 1, w.attempts("in_doubt"), "the key is kept for two weeks")
}
