package amounts_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/amounts"
	"duly/internal/billing"
	"duly/internal/billing/guard"
	"duly/internal/payment"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// What was paid last is the newest paid amount in the currency: not what was free, unpaid, refunded, planned for one period or paid in another one. A view of the shop's may compare texts
// in another way.
func TestLastPaid(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	worktest.Enrol(t, plain, 4, "2026-06-30", nil)
	worktest.Exec(t, plain, `INSERT INTO invoices (id, subscription_id, due_date, amount, currency, status, issued_date) VALUES
(1, 1, '2026-01-31', 100, 'KRW', 'paid', '2026-01-31'), (2, 1, '2026-02-28', 200, 'KRW', 'paid', '2026-02-28'), (3, 1, '2026-03-31', 0, 'KRW', 'paid', '2026-03-31'),
(4, 1, '2026-04-30', 400, 'KRW', 'uncollectible', '2026-04-30'), (5, 1, '2026-05-31', 500, 'USD', 'paid', '2026-05-31'),
(6, 2, '2026-01-31', 600, 'USD', 'paid', '2026-01-31'), (7, 3, '2026-01-31', 700, 'KRW', 'paid', '2026-05-01'), (8, 3, '2026-04-30', 800, 'KRW', 'paid', '2026-04-30'),
(21, 1, '2026-06-30', 900, 'KRW', 'open', '2026-06-30'), (22, 2, '2026-06-30', 900, 'KRW', 'open', '2026-06-30'), (23, 3, '2026-06-30', 900, 'KRW', 'open', '2026-06-30'),
(24, 4, '2026-06-30', 900, 'KRW', 'open', '2026-06-30')`)
	worktest.Exec(t, plain, `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, issued_date, amount_check, refunded_amount) VALUES
(3, '2026-05-15', 5, 'KRW', 'paid', '2026-05-15', 'one_off', 0), (3, '2026-05-16', 6, 'KRW', 'paid', '2026-05-16', NULL, 6)`)
	krw := func(amount int64) payment.Money { return payment.Money{Amount: amount, Currency: "KRW"} }
	day := worktest.Day(t, "2026-06-30")
	var due, open []billing.Invoice
	for id := range uint64(4) {
		due = append(due, billing.Invoice{SubscriptionID: id + 1, Due: day, Money: krw(900)})
		open = append(open, billing.Invoice{ID: id + 21, SubscriptionID: id + 1, Due: day, Money: krw(900)})
	}
	factor := guard.Rules{Factor: 100}
	held := func(amount, paid int64) guard.Verdict {
		return guard.Verdict{Beyond: guard.BeyondFactor, Words: fmt.Sprintf("amount %d KRW is more than 1 times the last paid %d KRW (billing.max_factor)", amount, paid)}
	}
	check := func() {
		t.Helper()
		verdicts, err := amounts.Judge(t.Context(), db, factor, due)
		require.NoError(t, err)
		require.Equal(t, []guard.Verdict{held(900, 200), {}, held(900, 700), {}}, verdicts)
	}
	check()
	verdicts, err := amounts.Judge(t.Context(), db, factor, open)
	require.NoError(t, err)
	require.Equal(t, []guard.Verdict{held(900, 200), {}, held(900, 700), {}}, verdicts, "of the second, another currency was paid")

	worktest.Exec(t, plain, `INSERT INTO subscription_changes (subscription_id, effective_date, kind, value, applied_at, outcome) VALUES
(1, '2026-06-01', 'amount', '900', '2026-06-01 02:00:00', 'applied'), (3, '2026-06-01', 'method', '900', NULL, NULL), (3, '2026-06-01', 'amount', '800', '2026-06-01 02:00:00', 'applied'),
(3, '2026-06-30', 'amount', '900', NULL, NULL), (3, '2026-07-01', 'amount', '901', NULL, NULL)`)
	judged := func(judge func(context.Context, sqlx.QueryerContext, guard.Rules, []billing.Invoice) ([]guard.Verdict, error), why string, want ...guard.Verdict) {
		t.Helper()
		verdicts, err := judge(t.Context(), db, factor, open)
		require.NoError(t, err)
		require.Equal(t, want, verdicts, why)
	}
	judged(amounts.Judge, "of the first there is an invoice in another currency; the price of the third is not applied yet", held(900, 200), guard.Verdict{}, held(900, 700), guard.Verdict{})
	judged(amounts.Forecast, "a run will have applied it", held(900, 200), guard.Verdict{}, guard.Verdict{}, guard.Verdict{})
	worktest.Exec(t, plain, `UPDATE invoices SET currency = 'KRW' WHERE id = 5`)
	worktest.Exec(t, plain, `UPDATE subscription_changes SET applied_at = effective_date, outcome = 'ignored by ops: a slip' WHERE subscription_id = 3 AND value = '900' AND kind = 'amount'`)
	judged(amounts.Judge, "what was applied is charged, and what was ignored approves nothing", guard.Verdict{}, guard.Verdict{}, held(900, 700), guard.Verdict{})
	judged(amounts.Forecast, "nor in a forecast", guard.Verdict{}, guard.Verdict{}, held(900, 700), guard.Verdict{})
	worktest.Exec(t, plain, `UPDATE invoices SET currency = 'USD' WHERE id = 5`)
	open[0].AmountCheck, open[2].AmountCheck = guard.OneOff, guard.OneOff
	judged(amounts.Judge, "a one-off amount is judged once there is an invoice in another currency", held(900, 200), guard.Verdict{}, guard.Verdict{}, guard.Verdict{})
	open[0].AmountCheck, open[2].AmountCheck = "", ""
	worktest.Exec(t, plain, `DELETE FROM subscription_changes`)

	worktest.Exec(t, plain, `RENAME TABLE subscriptions TO members`)
	worktest.Exec(t, plain, `ALTER TABLE members MODIFY COLUMN currency CHAR(3) CHARACTER SET latin1 COLLATE latin1_german2_ci NOT NULL`)
	worktest.Exec(t, plain, `CREATE VIEW subscriptions AS SELECT * FROM members`)
	check()

	for name, rules := range map[string]guard.Rules{"off": {}, "a most alone": {Max: map[string]int64{"KRW": 900}}} {
		verdicts, err := amounts.Judge(t.Context(), nil, rules, open)
		require.NoError(t, err, name)
		require.Equal(t, make([]guard.Verdict, 4), verdicts, "%s: nothing is read", name)
	}
}
