package jobs_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/payment"
	"duly/internal/runs"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// keeper runs jobs that need no gateway.
type keeper struct {
	t     *testing.T
	plain *testdb.DB
	dsn   string
	zone  *time.Location
	now   time.Time // of the business clock
	limit int
	ctx   context.Context //nolint:containedctx // of the runs to come
	// first is called as the first step of a run.
	first func()
}

func newKeeper(t *testing.T, now string) *keeper {
	t.Helper()
	k := &keeper{t: t, plain: testdb.New(t), zone: time.UTC, ctx: t.Context()}
	k.dsn = k.plain.DSN
	return k.at(now)
}

func (k *keeper) at(now string) *keeper {
	k.t.Helper()
	at, err := time.Parse(time.RFC3339, now)
	require.NoError(k.t, err)
	k.now = at
	return k
}

func (k *keeper) run(job func(d jobs.Deps) batch.Job) batch.Result {
	k.t.Helper()
	db := worktest.Open(k.t, k.dsn)
	now := func() time.Time { return k.now }
	d := jobs.Deps{
		DB: db, Repository: &runs.Repository{DB: db, Now: now}, Clock: time.Now, Business: now, Zone: k.zone, Heartbeat: 200 * time.Millisecond,
	}
	runner := &batch.Runner{
		Repository: d.Repository, Heartbeat: d.Heartbeat, Drain: time.Second, Limit: k.limit, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	todo, spec := job(d), worktest.Spec()
	if k.first != nil {
		todo.Steps = append([]batch.Step{batch.Tasklet{StepName: "first", Do: func(context.Context, *batch.StepExecution) error {
			k.first()
			return nil
		}}}, todo.Steps...)
	}
	spec.Job = todo.Name
	result, err := runner.Run(k.ctx, todo, spec)
	require.NoError(k.t, err)
	return result
}

func (k *keeper) report(o jobs.ReportOptions) batch.Result {
	k.t.Helper()
	return k.run(func(d jobs.Deps) batch.Job { return jobs.Report(d, o) })
}

// reported are the days that have figures, with how many orders were completed.
func (k *keeper) reported() []string {
	k.t.Helper()
	return worktest.List[string](k.t, k.plain, `SELECT CONCAT_WS(' ', business_date, orders_completed) FROM daily_order_stats ORDER BY business_date`)
}

// sell adds an order that was completed at an instant.
func (k *keeper) sell(at string) {
	k.t.Helper()
	worktest.Exec(k.t, k.plain, `INSERT INTO orders (customer_id, status, amount, currency, completed_at) VALUES ('c', 'completed', 100, 'KRW', ?)`, at)
}

func TestReportIsOnYesterdayInTheBusinessZone(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, "2026-01-31T16:00:00Z") // 1 February in Seoul
	var err error
	k.zone, err = time.LoadLocation("Asia/Seoul")
	require.NoError(t, err)
	for _, at := range []string{"2026-01-30 14:59:59.999999", "2026-01-30 15:00:00", "2026-01-31 14:59:59.999999", "2026-01-31 15:00:00"} {
		k.sell(at)
	}
	result := k.report(jobs.ReportOptions{})
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, batch.Tally{Read: 1, Succeeded: 1}, result.Tally)
	require.Equal(t, []string{"2026-01-31 2"}, k.reported())
}

func TestDaysOfAReport(t *testing.T) {
	t.Parallel()
	day := func(s string) payment.Date {
		if s == "" {
			return 0
		}
		return worktest.Day(t, s)
	}
	for _, c := range []struct{ from, to, first, last string }{
		{"", "", "2026-01-30", "2026-01-30"},
		{"2026-01-05", "", "2026-01-05", "2026-01-30"},
		{"2026-01-31", "", "2026-01-31", "2026-01-31"},
		{"", "2026-01-05", "2026-01-05", "2026-01-05"},
		{"2026-01-03", "2026-01-05", "2026-01-03", "2026-01-05"},
	} {
		from, to := jobs.ReportOptions{From: day(c.from), To: day(c.to)}.Days(day("2026-01-31"))
		require.Equal(t, []string{c.first, c.last}, []string{from.String(), to.String()}, "%+v", c)
	}
}

func TestReportOnARangeOfDays(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, "2026-01-31T16:00:00Z")
	for _, at := range []string{"2026-01-01 00:00:00", "2026-01-02 00:00:00", "2026-01-04 23:59:59", "2026-01-05 00:00:00"} {
		k.sell(at)
	}
	days := jobs.ReportOptions{From: worktest.Day(t, "2026-01-02"), To: worktest.Day(t, "2026-01-04")}
	k.limit = 2
	result := k.report(days)
	require.Equal(t, batch.ExitUnfinished, result.Exit, "a day is left")
	require.Equal(t, []string{"2026-01-02 1"}, k.reported())
	k.limit = 0
	result = k.report(days)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, []string{"2026-01-02 1", "2026-01-04 1"}, k.reported())

	result = k.report(jobs.ReportOptions{From: days.To, To: days.From})
	require.Equal(t, batch.ExitFailed, result.Exit)
	require.ErrorContains(t, result.Err, "the first day, 2026-01-04, comes after the last, 2026-01-02")
}

// A day that somebody else holds is left, and stops no other.
func TestReportOnALockedDay(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, "2026-01-31T16:00:00Z")
	k.sell("2026-01-02 00:00:00")
	k.sell("2026-01-03 00:00:00")
	days := jobs.ReportOptions{From: worktest.Day(t, "2026-01-02"), To: worktest.Day(t, "2026-01-03")}
	require.Equal(t, batch.ExitDone, k.report(days).Exit)
	held, err := k.plain.BeginTxx(t.Context(), nil)
	require.NoError(t, err)
	_, err = held.ExecContext(t.Context(), `SELECT * FROM daily_order_stats WHERE business_date = '2026-01-02' AND currency = 'KRW' FOR UPDATE`)
	require.NoError(t, err)
	k.sell("2026-01-02 00:00:00")
	k.sell("2026-01-03 00:00:00")
	result := k.report(days)
	require.NoError(t, held.Rollback())
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Equal(t, []string{"the figures of 2026-01-02 stayed locked by another transaction"}, result.Left)
	require.Equal(t, []string{"2026-01-02 1", "2026-01-03 2"}, k.reported())
}

// An answer that was lost is no failure.
func TestReportGoesOnAfterALostAnswer(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, "2026-01-31T16:00:00Z")
	k.sell("2026-01-30 00:00:00")
	proxy := testdb.NewProxy(t, k.plain.DSN)
	k.dsn = proxy.DSN
	k.first = func() { proxy.LoseCommitAnswer() }
	result := k.report(jobs.ReportOptions{})
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, []string{"2026-01-30 1"}, k.reported())
}
