package jobs_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// killed leaves a run of the job behind whose heartbeat does not go on, and whose lease ends in a while.
func killed(t *testing.T, db *testdb.DB, ends time.Duration) {
	t.Helper()
	worktest.Exec(t, db, `INSERT INTO job_runs (id, job, business_date, params, status, lease, lease_ms, host, pid, version, heartbeat_at)
VALUES (1000, 'billing', '2026-01-31', '{}', 'running', '1234567890123456', 60000, 'vm-1', 1, 'v', UTC_TIMESTAMP(6) - INTERVAL ? MICROSECOND)`, (time.Minute - ends).Microseconds())
}

// comesBack lets the heartbeat of the other run go on once somebody waits for it: it was not dead.
func comesBack(t *testing.T, db *testdb.DB, waits <-chan batch.LeaseWait) {
	t.Helper()
	w := <-waits
	require.EqualValues(t, 1000, w.Run)
	require.Equal(t, "vm-1", w.Host)
	worktest.Exec(t, db, `UPDATE job_runs SET heartbeat_at = UTC_TIMESTAMP(6) WHERE id = 1000`)
}

// waiter runs a job until ctx ends, and says when it waits for another run's lease, once.
func waiter(ctx context.Context, t *testing.T, runner *batch.Runner, job batch.Job, done chan<- batch.Result) <-chan batch.LeaseWait {
	t.Helper()
	waits := make(chan batch.LeaseWait, 1)
	runner.OnRun = func(_ *batch.Run, steps []*batch.StepExecution) {
		go func() {
			for ctx.Err() == nil {
				for _, x := range steps {
					if w := x.Waiting(); w.Run != 0 {
						waits <- w
						return
					}
				}
				_ = batch.Wait(ctx, 10*time.Millisecond)
			}
		}()
	}
	go func() {
		result, err := runner.Run(ctx, job, worktest.Spec())
		if err != nil {
			t.Errorf("no run could be started: %v", err)
		}
		done <- result
	}()
	return waits
}

// market's job, and its runner.
func (m *market) job() (*batch.Runner, batch.Job) {
	m.t.Helper()
	deps := m.deps(m.plain.DSN, time.Now, m.client)
	options := m.options
	options.Selection.Business = m.today
	return &batch.Runner{
		Repository: deps.Repository, Heartbeat: deps.Heartbeat, Drain: 5 * time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}, jobs.Reconcile(deps, options)
}

// checkedByTheDead is an order that is paid, and that the run which was killed had claimed.
func (m *market) checkedByTheDead(ends time.Duration) {
	m.t.Helper()
	product := worktest.Stock(m.t, m.plain, 5)[0]
	m.paid(2, product)
	killed(m.t, m.plain, ends)
	worktest.Exec(m.t, m.plain, `INSERT INTO order_checks (order_id, checks, lease, run_id) VALUES (1, 1, '6543210987654321', 1000)`)
}

// What a worker that died had claimed is taken over as soon as its lease has run out, and not before: the run waits for that.
func TestOrdersOfAWorkerThatDied(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string][]string{"the step alone": {jobs.StepReconcile}, "with refunds behind it": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMarket(t)
			m.options.Steps = steps
			m.checkedByTheDead(1500 * time.Millisecond)
			before := time.Now()
			result := m.run()
			require.NoError(t, result.Err)
			require.Equal(t, batch.ExitDone, result.Exit, result.Left)
			require.Equal(t, "completed | succeeded", m.order(1))
			require.Equal(t, []string{"reconcile completed 2"}, worktest.List[string](t, m.plain,
				`SELECT CONCAT_WS(' ', step, status, succeeded) FROM step_runs WHERE step = 'reconcile'`))
			dead := worktest.Get[time.Time](t, m.plain, `SELECT heartbeat_at FROM job_runs WHERE id = 1000 AND status = 'abandoned'`)
			require.False(t, time.Now().Before(dead.Add(time.Minute)), "not before its lease was over")
			require.True(t, before.Before(dead.Add(time.Minute)))
		})
	}
}

// A run that shows that it lives keeps what it has claimed; it is said once whose that is.
func TestOrdersOfAWorkerThatLives(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.checkedByTheDead(40 * time.Second)
	runner, job := m.job()
	done := make(chan batch.Result, 1)
	comesBack(t, m.plain, waiter(t.Context(), t, runner, job, done))
	result := <-done
	require.Equal(t, batch.ExitUnfinished, result.Exit)
	require.Equal(t, []string{"run 1000 is live and has claimed 1 order"}, result.Left)
	require.Equal(t, "payment_in_progress | pending", m.order(1))
}

// A run that is stopped while it waits does not say that the other one lives: it does not know.
func TestStoppedWhileItWaits(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.checkedByTheDead(50 * time.Second)
	runner, job := m.job()
	done := make(chan batch.Result, 1)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	<-waiter(ctx, t, runner, job, done)
	stop()
	result := <-done
	require.Len(t, result.Left, 2, result.Left)
	require.Regexp(t, `^run 1000 \(vm-1, last heartbeat 1\ds ago\) has claimed 1 order; if it is dead, it is free at \d\d:\d\d$`, result.Left[0])
	require.Equal(t, "context canceled", result.Left[1])
}

// With a limit that is used up nothing could be taken over: nothing is waited for.
func TestALimitWaitsForNobody(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.checkedByTheDead(29 * time.Second)
	runner, job := m.job()
	runner.Limit = 1
	result, err := runner.Run(t.Context(), job, worktest.Spec())
	require.NoError(t, err)
	require.Equal(t, batch.ExitUnfinished, result.Exit)
	require.Equal(t, "completed | succeeded", m.order(2))
	require.Regexp(t, `^run 1000 died; its 1 order is free at `, result.Left[0])
	require.Equal(t, "running", worktest.Get[string](t, m.plain, `SELECT status FROM job_runs WHERE id = 1000`))
}

// Refunds likewise.
func TestRefundsOfAWorkerThatDied(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	order, _ := c.due("main")
	killed(t, c.plain, 1500*time.Millisecond)
	worktest.Exec(t, c.plain, `INSERT INTO order_checks (order_id, checks, lease, run_id, refund_tries) VALUES (?, 1, '6543210987654321', 1000, 1)`, order)
	result := c.refund()
	require.Equal(t, batch.ExitDone, result.Exit, result.Left)
	require.EqualValues(t, 1, result.Tally.Succeeded)
	require.Equal(t, "refunded", worktest.Get[string](t, c.plain, `SELECT status FROM payments`))
}

// What is left of refunds that another run has claimed names that run, and counts them once.
func TestRefundsOfAWorkerThatLives(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	order, _ := c.due("main", "other")
	killed(t, c.plain, 40*time.Second)
	worktest.Exec(t, c.plain, `INSERT INTO order_checks (order_id, checks, lease, run_id, refund_tries) VALUES (?, 1, '6543210987654321', 1000, 1)`, order)
	runner, job := c.open(c.plain.DSN)
	done := make(chan batch.Result, 1)
	comesBack(t, c.plain, waiter(t.Context(), t, runner, job, done))
	require.Equal(t, []string{"run 1000 is live and has claimed 2 refunds"}, (<-done).Left)
}

// Events likewise, with those that wait behind them.
func TestEventsOfAWorkerThatDied(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.write(4, 2)
	killed(t, o.plain, 1500*time.Millisecond)
	o.claimedByTheDead()
	result := o.run(nil)
	require.Equal(t, batch.ExitDone, result.Exit, result.Left)
	require.Equal(t, []string{"1 delivered 0", "2 delivered 0", "3 delivered 0", "4 delivered 0"}, o.deliveries())
	o.inOrder(false)
}

// What is left of events names the run that has claimed them, and counts the others beside.
func TestEventsOfAWorkerThatLives(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.write(4, 2)
	killed(t, o.plain, 40*time.Second)
	o.claimedByTheDead()
	ended, stop := context.WithCancel(t.Context())
	defer stop()
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		for batch.Wait(ended, 50*time.Millisecond) == nil {
			_, _ = o.plain.ExecContext(ended, `UPDATE job_runs SET heartbeat_at = UTC_TIMESTAMP(6) WHERE id = 1000`)
		}
	}()
	result := o.run(nil)
	stop()
	<-beating
	require.Equal(t, batch.ExitUnfinished, result.Exit)
	require.Equal(t, []string{"webhook: run 1000 is live and has claimed 1 event", "1 event not delivered to webhook"}, result.Left, "the one behind it waits")
}

// claimedByTheDead gives the first event to the run that was killed.
func (o *office) claimedByTheDead() {
	o.t.Helper()
	worktest.Exec(o.t, o.plain, `INSERT INTO event_deliveries (event_id, sink, subject, next_try_at, lease, run_id)
VALUES (1, 'webhook', 'order:1', UTC_TIMESTAMP(6) - INTERVAL 1 MINUTE, '6543210987654321', 1000)`)
}
