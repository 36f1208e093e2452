package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/inspect"
	"duly/internal/registry"
)

// After a run for yesterday, the period of today is due by every word that duly has for it, and a run of today invoices it: a period of a
// day that is left to tomorrow is skipped.
func TestARunForYesterdayLeavesTodayDue(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id := s.enrol(t, "ok", 100)
	s.exec(t, "UPDATE subscriptions SET interval_unit = 'day', next_billing_date = DATE(UTC_TIMESTAMP() + INTERVAL 9 HOUR) - INTERVAL 1 DAY") // the day in Seoul
	var yesterday, today string
	require.NoError(t, s.db.QueryRowxContext(t.Context(), "SELECT CAST(next_billing_date AS CHAR), CAST(next_billing_date + INTERVAL 1 DAY AS CHAR) FROM subscriptions").Scan(&yesterday, &today))
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing", "--date", yesterday).code)
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM invoices WHERE due_date = ?", yesterday))

	require.EqualValues(t, 1, document[inspect.StatusView](t, s.duly(t, "status", "--json")).DueSubscriptions)
	require.Contains(t, s.duly(t, "status").out, "Due       1 charge · 100 KRW")
	show := s.duly(t, "show", "subscription", fmt.Sprint(id)).out
	require.Contains(t, show, "The next run invoices and charges it")
	forecast := document[registry.BillingForecast](t, s.duly(t, "run", "billing", "--dry-run", "--json"))
	require.Len(t, forecast.First, 1)

	got := s.duly(t, "run", "billing", "--date", today)
	require.Equal(t, batch.ExitDone, got.code, got.out)
	require.Contains(t, got.out, "issue    1 invoice")
	require.Equal(t, int64(2), s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid'"))
	require.Len(t, s.sim.Ledger(), 2)
	require.Zero(t, document[inspect.StatusView](t, s.duly(t, "status", "--json")).DueSubscriptions)
}
