package jobs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/payment"
	"duly/internal/preview"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// A forecast for a later day judges the ceilings of card networks as of that day: what they forbid today is over by then. One for an earlier day judges them as of now,
// as a run for it would.
func TestForecastOfCeilingsOnItsDay(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.company(20, "pm_soft:company")
	require.Equal(t, batch.ExitDone, w.run(networked).Exit)
	require.Len(t, w.declined(), 10)
	forecast := func(after payment.Date) preview.BillingForecast {
		options := jobs.BillingOptions{ChunkSize: 7}
		options.Selection.Business = w.today + after
		networked(&options, nil)
		options.Policy.RetryDays = []int{1, 3, 5}
		f, err := preview.Billing(t.Context(), w.deps(w.plain.DSN, w.clock(), nil), options, 3, 5, 0)
		require.NoError(t, err)
		return f
	}
	require.Empty(t, forecast(0).Charges)
	worktest.Exec(t, w.plain, `UPDATE invoices SET next_attempt_date = '2026-01-30' WHERE status = 'open'`)
	require.Empty(t, forecast(-1).Charges)
	require.EqualValues(t, 20, forecast(-1).Held)
	require.Zero(t, forecast(31).Held)
	require.NotEmpty(t, forecast(31).Charges)
}
