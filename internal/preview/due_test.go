package preview_test

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/preview"
	"duly/internal/runs"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/jobs"
)

func TestMain(m *testing.M) { os.Exit(testdb.Main(m)) }

// The step collect has before it what the step issue had, while that goes on: what was counted then is not counted again. What was not
// counted is.
func TestWhatIsDueIsCountedOnce(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	worktest.Exec(t, plain, `INSERT INTO subscriptions (customer_id, gateway, payment_method, amount, currency, interval_unit, next_billing_date)
VALUES ('a', 'main', 'pm', 100, 'KRW', 'month', '2026-01-31'), ('b', 'main', 'pm', 100, 'KRW', 'month', '2026-01-31')`)
	day := worktest.Day(t, "2026-01-31")
	noon := func() time.Time { return day.Time().Add(12 * time.Hour) }
	deps := jobs.Deps{DB: db, Clock: time.Now, Business: noon, Zone: time.UTC}
	for _, c := range []struct{ counted, want int64 }{{7, 7}, {0, 0}, {-1, 2}} {
		due := map[string]int64{}
		runner := &batch.Runner{
			Repository: &runs.Repository{DB: db, Now: time.Now}, Heartbeat: time.Minute, Drain: worktest.Patience, Now: time.Now, Log: slog.New(slog.DiscardHandler),
			OnStep: func(x *batch.StepExecution) {
				n, err := preview.DueIn(x.Work, deps, jobs.BillingOptions{Selection: store.Selection{Business: day}}, 0, x.Step, func(step string) int64 {
					require.Equal(t, jobs.StepIssue, step)
					return c.counted
				})
				require.NoError(t, err)
				due[x.Step] = n
			},
		}
		goOn := func(_ context.Context, x *batch.StepExecution) error { x.GoOn(nil); return nil }
		nothing := func(context.Context, *batch.StepExecution) error { return nil }
		_, err := runner.Run(t.Context(), batch.Job{Name: jobs.BillingJob, Steps: []batch.Step{
			batch.Tasklet{StepName: jobs.StepIssue, Do: goOn}, batch.Tasklet{StepName: jobs.StepCollect, Do: nothing},
		}}, worktest.Spec())
		require.NoError(t, err)
		require.Equal(t, map[string]int64{jobs.StepIssue: 2, jobs.StepCollect: c.want}, due)
	}
}
