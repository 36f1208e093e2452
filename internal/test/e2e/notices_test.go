package e2e_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/crash"
	"duly/internal/gateway/simulator"
)

// TestNoticesAtEveryPoint kills the notices job at each of its points. Run again, it announces each charge once, and forgets none.
func TestNoticesAtEveryPoint(t *testing.T) {
	t.Parallel()
	lent := lend(t)
	for _, point := range crash.NoticesPoints() {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			w := lent.world(t, simulator.Config{})
			w.do(`DELETE FROM subscriptions`)
			w.do(`INSERT INTO subscriptions (customer_id, gateway, payment_method, amount, currency, interval_unit, next_billing_date, dunning_policy, method_expires_on)
VALUES ('a', 'main', 'pm_ok', 100, 'KRW', 'month', UTC_DATE() + INTERVAL 3 DAY, 'warned', NULL), ('b', 'main', 'pm_ok', 100, 'KRW', 'month', UTC_DATE() + INTERVAL 4 DAY, 'warned', UTC_DATE())`)
			env := slices.Concat(w.env, []string{"DULY_BILLING_POLICIES_WARNED_NOTICE_DAYS=9"})
			dying := start(t, slices.Concat(env, where{point: point}.env()), "run", "notices")
			mustDie(w, dying)
			w.died(dying)
			for range 2 {
				again := start(t, env, "run", "notices")
				require.Equal(t, batch.ExitDone, again.exit(), "%s", again.printed())
				require.Equal(t, 2, w.count(`SELECT COUNT(*) FROM notices n JOIN events e ON e.dedupe_key = n.dedupe_key WHERE n.kind = 'upcoming' AND e.type = 'invoice.upcoming'`))
				require.Equal(t, 1, w.count(`SELECT COUNT(*) FROM notices n JOIN events e ON e.dedupe_key = n.dedupe_key WHERE n.kind = 'expiring' AND e.type = 'payment_method.expiring'`))
				require.Equal(t, 3, w.count(`SELECT COUNT(*) FROM notices`))
				require.Equal(t, 3, w.count(`SELECT COUNT(*) FROM events`))
			}
		})
	}
}
