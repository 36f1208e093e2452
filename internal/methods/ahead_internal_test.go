package methods

import (
	"context"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// declinedShop is a shop with an invoice that was declined on January 31, waits for its stage of February 1, and whose subscription has another
// method since; and what makes such invoices due. The gateways are known to known.
func declinedShop(t *testing.T, known func(gateway string) bool) (*testdb.DB, *Ahead) {
	t.Helper()
	plain := testdb.New(t)
	worktest.Exec(t, plain, `INSERT INTO subscriptions (id, customer_id, gateway, payment_method, status, amount, currency, interval_unit, next_billing_date)
VALUES (1, 'c', 'main', 'pm_2', 'past_due', 9900, 'KRW', 'month', '2026-02-28')`)
	worktest.Exec(t, plain, `INSERT INTO invoices (id, subscription_id, due_date, amount, currency, status, stage, attempts, next_attempt_date, first_declined_date, issued_date)
VALUES (1, 1, '2026-01-31', 9900, 'KRW', 'open', 1, 1, '2026-02-01', '2026-01-31', '2026-01-31')`)
	worktest.Exec(t, plain, tried, 1, 1, 0, "pm_1", "declined", "soft")
	day := worktest.Day(t, "2026-01-31")
	return plain, &Ahead{
		DB: worktest.Open(t, plain.DSN), Selection: store.Selection{Business: day}, Stage: 1, Size: 10, Effective: day, Now: day.Time().Add(12 * time.Hour),
		Policy: billing.Policy{RetryDays: []int{1, 3, 5}, RetryOnNewMethod: true}, Known: known,
	}
}

// tried is an attempt on the invoice.
const tried = `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, idempotency_key, stage, payment_method, status, decline_class, reference, customer_id, amount,
currency, gateway, body_version, run_id, lease, created_at, proof, account_id)
VALUES (1, 1, ?, CONCAT('sub_1_20260131-', ?), ?, ?, ?, ?, 'sub_1_20260131', 'c', 9900, 'KRW', 'main', 1, 1, '1234567890123456', UTC_TIMESTAMP(6), 'answer', 1)`

func anyGateway(string) bool { return true }

// What others did with an invoice after a run found it, and before the run locked it, counts: it is decided by the row as it is then, and what was
// charged, made due or paid meanwhile is left alone, whatever the shop wrote to its subscription.
func TestWhatOthersDidSinceAnInvoiceWasFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		others     []string
		now, ahead bool
	}{
		"nothing":                   {nil, true, true},
		"another worker charges it": {[]string{"charged", `UPDATE invoices SET status = 'charging', attempts = 2, advanced_date = '2026-01-31'`}, false, false},
		"another worker has charged it by the new method": {[]string{
			"declined", `UPDATE invoices SET attempts = 2, advanced_date = '2026-01-31'`,
		}, true, false},
		"another worker has charged it, and the method is a third one": {[]string{
			"declined", `UPDATE invoices SET attempts = 2, advanced_date = '2026-01-31'`, `UPDATE subscriptions SET payment_method = 'pm_3'`,
		}, true, false},
		"another worker has made it due": {[]string{
			`UPDATE invoices SET stage_date = next_attempt_date, next_attempt_date = '2026-01-31', advanced_date = NULL`,
		}, false, false},
		"another worker has charged it as the stage": {[]string{
			"declined", `UPDATE invoices SET attempts = 2, stage = 2, next_attempt_date = '2026-02-03'`, `UPDATE subscriptions SET payment_method = 'pm_3'`,
		}, false, false},
		"it was paid outside":           {[]string{`UPDATE invoices SET status = 'paid', paid_at = UTC_TIMESTAMP(6)`}, false, false},
		"it was set aside":              {[]string{`UPDATE invoices SET status = 'review', review_reason = 'x'`}, false, false},
		"its subscription is cancelled": {[]string{`UPDATE subscriptions SET status = 'cancelled'`}, false, false},
		"the old method is back":        {[]string{`UPDATE subscriptions SET payment_method = 'pm_1'`}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain, a := declinedShop(t, anyGateway)
			ids, _, err := a.page(t.Context())
			require.NoError(t, err)
			require.Equal(t, []uint64{1}, ids)
			for _, other := range c.others {
				switch other {
				case "charged":
					worktest.Exec(t, plain, tried, 2, 2, 1, "pm_2", "in_flight", nil)
				case "declined":
					worktest.Exec(t, plain, tried, 2, 2, 1, "pm_2", "declined", "soft")
				default:
					worktest.Exec(t, plain, other)
				}
			}
			chosen := func(recorder Recorder) (chosen []uint64) {
				a.AtOnce = recorder
				require.NoError(t, mysql.Tx(t.Context(), a.DB, "advance", func(tx *sqlx.Tx) error {
					invoices, err := a.read(t.Context(), tx, ids, lockAhead)
					chosen, _ = a.choose(invoices)
					return err
				}))
				return chosen
			}
			require.Equal(t, c.ahead, len(chosen(nil)) == 1)
			require.Equal(t, c.now, len(chosen(func(context.Context, *sqlx.Tx, []uint64) error { return nil })) == 1)
		})
	}
}

// An invoice that is made due is locked from the moment in which that is decided: no claim and no operator decides about it meanwhile. One that somebody else has locked is passed over.
func TestAnInvoiceThatIsMadeDueIsLocked(t *testing.T) {
	t.Parallel()
	var plain *testdb.DB
	free := func(q sqlx.Queryer) (ids []uint64) {
		require.NoError(t, sqlx.Select(q, &ids, `SELECT id FROM invoices FOR UPDATE SKIP LOCKED`))
		return ids
	}
	asked := 0
	plain, a := declinedShop(t, func(string) bool {
		asked++
		require.Empty(t, free(plain))
		return true
	})
	all := func() {
		run := *a
		require.Equal(t, batch.ExitDone, worktest.Run(t, a.DB, func(ctx context.Context, x *batch.StepExecution) error {
			run.All(ctx, x)
			return nil
		}).Exit)
	}
	due := func() string {
		return worktest.Get[string](t, plain, `SELECT CONCAT_WS(' ', status, next_attempt_date, COALESCE(stage_date, '-'), COALESCE(advanced_date, '-')) FROM invoices`)
	}
	operator, err := plain.BeginTxx(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, []uint64{1}, free(operator))
	all()
	require.Zero(t, asked)
	require.NoError(t, operator.Rollback())
	require.Equal(t, "open 2026-02-01 - -", due())

	all()
	require.Equal(t, 1, asked)
	require.Equal(t, "open 2026-01-31 2026-02-01 2026-01-31", due())
	all()
	require.Equal(t, 1, asked, "it is due")
	require.Equal(t, "open 2026-01-31 2026-02-01 2026-01-31", due())
}

// What is at a gateway that is sent nothing is neither made due nor recorded, and --now says why.
func TestNothingIsMadeDueAtAGatewayThatIsLeftAlone(t *testing.T) {
	t.Parallel()
	plain, a := declinedShop(t, anyGateway)
	a.Skip = []string{"other", "main"}
	for _, recorder := range []Recorder{nil, func(context.Context, *sqlx.Tx, []uint64) error { panic("it records that") }} {
		run := *a
		run.AtOnce = recorder
		_, refused, err := run.advance(t.Context())
		require.NoError(t, err)
		require.ErrorContains(t, refused[1], "gateway main is left alone")
	}
	require.Equal(t, 1, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM invoices WHERE next_attempt_date = '2026-02-01' AND stage_date IS NULL AND advanced_date IS NULL`))
}
