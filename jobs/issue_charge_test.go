package jobs_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/gateway/httpapi"
	"duly/internal/payment"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// noteBirths keeps the status that each invoice is inserted with.
func (w *town) noteBirths() {
	w.t.Helper()
	worktest.Exec(w.t, w.plain, `CREATE TABLE births (subscription_id BIGINT UNSIGNED NOT NULL, status VARCHAR(20) NOT NULL)`)
	worktest.Exec(w.t, w.plain, `CREATE TRIGGER birth AFTER INSERT ON invoices FOR EACH ROW INSERT INTO births VALUES (NEW.subscription_id, NEW.status)`)
}

// births counts the invoices by the status that they were inserted with.
func (w *town) births() []string {
	w.t.Helper()
	return worktest.List[string](w.t, w.plain, `SELECT CONCAT_WS(' ', status, COUNT(*)) FROM births GROUP BY status ORDER BY status`)
}

// charging hooks into each charge of a gateway before it is made.
type charging struct {
	gateway.Gateway

	before func(n int, c payment.Charge)
	n      *atomic.Int64
}

// Charge implements gateway.Gateway.
func (g charging) Charge(ctx context.Context, c payment.Charge) payment.Outcome {
	g.before(int(g.n.Add(1)), c)
	return g.Gateway.Charge(ctx, c)
}

// beforeCharge calls before for the n-th charge of all gateways, from 1.
func (w *town) beforeCharge(before func(n int, c payment.Charge)) {
	n := new(atomic.Int64)
	w.wrap = func(g gateway.Gateway) gateway.Gateway { return charging{g, before, n} }
}

// An invoice that may be charged now is born charging, with its attempt in the same transaction; each step counts what is its own.
func TestAnInvoiceIsBornWithItsAttempt(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 30, day0, nil)
	w.noteBirths()
	var executions []*batch.StepExecution
	result := w.run(func(o *jobs.BillingOptions, r *batch.Runner) {
		small(o, r)
		r.OnRun = func(_ *batch.Run, steps []*batch.StepExecution) { executions = steps }
	})
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, []string{"charging 30"}, w.births())
	require.Equal(t, slices.Repeat([]string{"active paid 0 1"}, 30), w.states())
	counts := map[string]string{}
	for _, x := range executions {
		tally := x.Tally()
		require.Equal(t, batch.Completed, x.Status(), x.Step)
		counts[x.Step] = fmt.Sprintf("%d read, %d succeeded, %d %s", tally.Read, tally.Succeeded, tally.Amounts["KRW"], "KRW")
	}
	require.Equal(t, "30 read, 30 succeeded, 0 KRW", counts[jobs.StepIssue])
	require.Equal(t, "30 read, 30 succeeded, 297000 KRW", counts[jobs.StepCollect])
	require.Equal(t, []string{"charging 0", "paid 30"}, worktest.List[string](t, w.plain,
		`SELECT CONCAT_WS(' ', x.status, COUNT(i.id)) FROM (SELECT 'charging' AS status UNION SELECT 'paid') x LEFT JOIN invoices i ON i.status = x.status GROUP BY x.status ORDER BY 1`))
	w.reconcile()
}

// Without the step that collects, with a lane that takes nothing, or with one that is full, an invoice is born open as ever.
func TestAnInvoiceIsBornOpen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(w *town)
		options func(o *jobs.BillingOptions)
		births  []string
		paid    int
	}{
		"issue alone": {
			options: func(o *jobs.BillingOptions) { o.Steps = []string{jobs.StepIssue} },
			births:  []string{"open 30"},
		},
		"issue, and the retries": {
			options: func(o *jobs.BillingOptions) { o.Steps = []string{jobs.StepIssue, jobs.StepRetry + "1"} },
			births:  []string{"open 30"},
		},
		"collect alone": {options: func(o *jobs.BillingOptions) { o.Steps = []string{jobs.StepCollect} }},
		"a gateway that is left alone": {
			prepare: func(w *town) { w.blocked = map[string]string{"main": "the test"} },
			births:  []string{"charging 10", "open 20"}, paid: 10,
		},
		"more than there are slots for": {
			prepare: func(w *town) {
				w.client = func(c *httpapi.Config) {
					if c.Name == "main" {
						c.KeyLife = 0
					}
				}
				w.beforeCharge(func(int, payment.Charge) {}) // as ever
			},
			options: func(o *jobs.BillingOptions) { o.ChunkSize = 30 },
			births:  []string{"charging 18", "open 12"}, paid: 30,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			worktest.Enrol(t, w.plain, 30, day0, of(20, "pm_ok", "pm_ok"))
			w.noteBirths()
			if c.prepare != nil {
				c.prepare(w)
			}
			w.run(func(o *jobs.BillingOptions, r *batch.Runner) {
				small(o, r)
				if c.options != nil {
					c.options(o)
				}
			})
			require.Equal(t, c.births, w.births())
			require.Equal(t, c.paid, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status = 'paid'`))
		})
	}
}

// What has nothing to charge, or nothing to charge it by, is issued as ever beside what is charged.
func TestWhatIsNotChargedIsIssuedBeside(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 6, day0, func(i int, s *worktest.Subscription) {
		s.Status = []string{"", "active", "active", "active", "paused", "cancelled", "past_due"}[i]
	})
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET amount = 0 WHERE id = 2`)
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET currency = 'x' WHERE id = 3`)
	w.noteBirths()
	require.Equal(t, batch.ExitReview, w.run(nil).Exit)
	require.Equal(t, []string{"charging 2", "paid 1"}, w.births())
	require.Equal(t, []string{"2026-01-31", "2026-02-28", "2026-02-28", "2026-02-28", "2026-02-28", "2026-02-28"},
		worktest.List[string](t, w.plain, `SELECT DATE_FORMAT(next_billing_date, '%Y-%m-%d') FROM subscriptions ORDER BY next_billing_date, id`))
	require.Equal(t, 2, w.sims["main"].Stats().Payments)
	w.reconcile()
}

// However claiming ends, what is due is issued: else a period of a day or a week would be skipped tomorrow.
func TestIssuingGoesOnWhenClaimingEnds(t *testing.T) {
	t.Parallel()
	const n = 90
	for name, c := range map[string]struct {
		method  string
		prepare func(w *town, stop func())
		options func(o *jobs.BillingOptions, r *batch.Runner)
		exit    int
	}{
		"by --limit": {options: func(_ *jobs.BillingOptions, r *batch.Runner) { r.Limit = 10 }, exit: batch.ExitUnfinished},
		"by the brake": {
			method: "pm_hard", options: func(o *jobs.BillingOptions, _ *batch.Runner) { o.BrakePercent = 50 }, exit: batch.ExitFailed,
		},
		"by a stop": {
			prepare: func(w *town, stop func()) {
				w.beforeCharge(func(n int, _ payment.Charge) {
					if n == 3 {
						stop()
					}
				})
			},
			exit: batch.ExitUnfinished,
		},
		"by a halt": {
			prepare: func(w *town, _ func()) { // commits are lost
				w.beforeCharge(func(n int, _ payment.Charge) {
					if n == 3 {
						_, _ = w.plain.ExecContext(context.Background(), `DELETE FROM payment_attempts`)
					}
				})
			},
			exit: batch.ExitFailed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			worktest.Enrol(t, w.plain, n, day0, func(i int, s *worktest.Subscription) {
				s.Unit = "day"
				if c.method != "" {
					s.Method = fmt.Sprintf("%s:%d", c.method, i)
				}
			})
			w.noteBirths()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			if c.prepare != nil {
				c.prepare(w, stop)
			}
			result := w.runOn(ctx, func(o *jobs.BillingOptions, r *batch.Runner) {
				small(o, r)
				if c.options != nil {
					c.options(o, r)
				}
			})
			require.Equal(t, c.exit, result.Exit, "%v", result)
			require.Equal(t, n, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices`))
			require.Equal(t, n, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM subscriptions WHERE next_billing_date = '2026-02-01'`))
			require.NotZero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM births WHERE status = 'open'`))
		})
	}
}

// A stop has the drain for what is left to issue, and says if that was too short.
func TestTheDrainEndsIssuing(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 600, day0, nil)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	w.beforeCharge(func(n int, _ payment.Charge) {
		if n == 3 {
			stop()
		}
	})
	result := w.runOn(ctx, func(o *jobs.BillingOptions, r *batch.Runner) {
		small(o, r)
		r.Drain = time.Millisecond
	})
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Contains(t, result.Left, "the drain ended before every due subscription was invoiced")
	require.Eventually(t, func() bool { return w.run(nil).Exit == batch.ExitDone }, 2*time.Minute, 100*time.Millisecond)
	require.Equal(t, 600, w.sims["main"].Stats().Payments)
	w.reconcile()
}

// With a bound on what a run claims, the invoices that earlier runs left open come before those that are issued now: else they would
// never have their turn.
func TestOpenInvoicesOfEarlierRunsComeFirst(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 10, day0, nil)
	w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.Steps = []string{jobs.StepIssue} })
	worktest.Enrol(t, w.plain, 10, day0, nil)
	result := w.run(func(o *jobs.BillingOptions, r *batch.Runner) {
		small(o, r)
		r.Limit = 10
	})
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Equal(t, slices.Concat(slices.Repeat([]string{"active paid 0 1"}, 10), slices.Repeat([]string{"active open 0 0"}, 10)), w.states())
}

// While claims wait for slow gateways, the others are issued: a crash of a long run must not leave them behind.
func TestIssuingDoesNotWaitForTheGateway(t *testing.T) {
	t.Parallel()
	const n = 120
	w := newTown(t)
	worktest.Enrol(t, w.plain, n, day0, nil)
	issued := make(chan struct{})
	w.lease = 10 * time.Minute
	w.client = func(c *httpapi.Config) { c.Timeout = 2 * time.Minute }
	w.beforeCharge(func(k int, _ payment.Charge) {
		if k > 1 {
			<-issued
			return
		}
		defer close(issued)
		require.Eventually(t, func() bool {
			return worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices`) == n
		}, 90*time.Second, 20*time.Millisecond)
	})
	require.Equal(t, batch.ExitDone, w.run(small).Exit)
	require.Equal(t, n, w.sims["main"].Stats().Payments)
	w.reconcile()
}

// A run that passes midnight, and is the first in months, issues one period of each subscription, although those that it issued before
// midnight are paid when it meets them again.
func TestARunOverMidnightIssuesOnce(t *testing.T) {
	t.Parallel()
	const n = 40
	w := newTown(t)
	worktest.Enrol(t, w.plain, n, "2025-10-30", nil)
	var late atomic.Bool
	w.beforeCharge(func(k int, _ payment.Charge) { late.Store(late.Load() || k == 5) })
	w.business = func() time.Time {
		now := w.clock()()
		if late.Load() {
			now = now.Add(24 * time.Hour)
		}
		return now
	}
	// The walk goes round again behind rows that are locked, when the first are paid.
	tx, err := w.plain.BeginTxx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	_, err = tx.ExecContext(t.Context(), fmt.Sprintf(`UPDATE subscriptions SET description = 'x' WHERE id = %d`, n))
	require.NoError(t, err)
	result := w.run(small)
	require.NoError(t, tx.Rollback())
	require.True(t, late.Load())
	require.Contains(t, result.Left, "a row stayed locked by another transaction", "%v", result)
	require.Equal(t, n-1, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices`))
	require.Equal(t, n-1, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM subscriptions WHERE next_billing_date = '2025-11-30'`))
	require.Equal(t, n-1, w.sims["main"].Stats().Payments)
}

// An invoice that is there already, where nobody looks for it, is met as a duplicate: it gets no attempt, and holds up no other row.
func TestAnInvoiceThatIsThereIsNotChargedAgain(t *testing.T) {
	t.Parallel()
	for _, read := range []bool{true, false} {
		t.Run(fmt.Sprintf("ids are read %v", read), func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			w.server.Returns = w.server.Returns && !read
			worktest.Enrol(t, w.plain, 20, day0, nil)
			worktest.Exec(t, w.plain, `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, next_attempt_date, issued_date)
VALUES (7, '2026-01-31', 4950, 'KRW', 'paid', '2026-01-31', '2026-01-10'), (7, '2026-01-15', 4950, 'KRW', 'void', '2026-01-15', '2026-01-20')`)
			result := w.run(small)
			require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
			require.Equal(t, []string{"2026-01-15", "2026-01-31", "next 2026-02-28"}, w.dues(7))
			require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM payment_attempts WHERE subscription_id = 7`))
			require.Equal(t, 19, w.sims["main"].Stats().Payments)
		})
	}
}

// A key that an attempt of another invoice has already: that row alone is issued open, and waits for an operator.
func TestAKeyThatIsThereHoldsUpItsRowAlone(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 20, day0, nil)
	worktest.Exec(t, w.plain, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount, currency,
gateway, payment_method, body_version, status, run_id, proof, created_at, settled_at)
VALUES (9000001, 7, 1, 0, 'sub_7_20260131-1', 'sub_7_20260131', 'c', 4950, 'KRW', 'main', 'pm_ok', 1, 'declined', 0, 'answer', '2026-01-01', '2026-01-01')`)
	w.noteBirths()
	result := w.run(small)
	require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
	require.Equal(t, []string{"charging 19", "open 1"}, w.births())
	require.Equal(t, "review", worktest.Get[string](t, w.plain, `SELECT status FROM invoices WHERE subscription_id = 7`))
	require.Equal(t, 19, w.sims["main"].Stats().Payments)
}

// What is known of a period that is issued now (an answer that was kept, a charge that a gateway lists) keeps it from being sent, and
// the run's host knows of each claim before anything of it is sent.
func TestWhatIsBornChargingIsClaimedAsEver(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 20, day0, nil)
	worktest.Exec(t, w.plain, `INSERT INTO unknown_charges (account_id, gateway, idempotency_key, reference, gateway_payment_id, record)
VALUES (99, 'other', 'sub_3_20260131-1', 'sub_3_20260131', 'pay_x', '{}')`)
	var mu sync.Mutex
	noted, early := map[string]bool{}, []string{}
	w.beforeCharge(func(_ int, c payment.Charge) {
		mu.Lock()
		defer mu.Unlock()
		if len(noted) == 0 {
			early = append(early, c.Key)
		}
	})
	result := w.run(func(_ *jobs.BillingOptions, r *batch.Runner) {
		r.Witness = func(_ *batch.Run, m batch.Mark) {
			mu.Lock()
			defer mu.Unlock()
			noted[m.Key] = true
		}
	})
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Empty(t, early)
	require.NotEmpty(t, noted)
	require.Equal(t, "open", worktest.Get[string](t, w.plain, `SELECT status FROM invoices WHERE subscription_id = 3`))
	require.Equal(t, 19, w.sims["main"].Stats().Payments)
}

// Workers that issue first and claim later, as those of an earlier version do, beside workers that do both at once, on one database: each
// subscription is issued and charged once, and no lock ends a transaction for good.
func TestWorkersOfBothKindsBesideEachOther(t *testing.T) {
	t.Parallel()
	const n, rounds = 150, 3
	w := newTown(t)
	day := w.today
	for round := range rounds {
		worktest.Enrol(t, w.plain, n, day.String(), func(i int, s *worktest.Subscription) {
			s.Method = []string{"pm_ok", "pm_soft_1_then_ok", "pm_ok"}[i%3] + fmt.Sprintf(":%d-%d", round, i)
		})
	}
	var work sync.WaitGroup
	for range 2 {
		split, joint := *w, *w
		work.Go(func() {
			for _, step := range []string{jobs.StepIssue, jobs.StepCollect} {
				result := split.run(func(o *jobs.BillingOptions, r *batch.Runner) {
					small(o, r)
					o.Steps = []string{step}
				})
				require.NoError(t, result.Err)
			}
		})
		work.Go(func() { require.NoError(t, joint.run(small).Err) })
	}
	work.Wait()
	require.Contains(t, []int{batch.ExitDone, batch.ExitUnfinished}, w.run(small).Exit)
	require.Equal(t, n*rounds, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices`))
	require.Equal(t, n*rounds, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM payment_attempts`))
	require.Equal(t, n*rounds, w.sims["main"].Stats().Payments)
	w.reconcile()
}

// After a COMMIT without an answer each charge is read back; what took effect is charged once, what did not is done again.
func TestAnIssueThatClaimsWhoseCommitWasLost(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testdb.Proxy) <-chan struct{}{
		"its answer": (*testdb.Proxy).LoseCommitAnswer, "on the way there": (*testdb.Proxy).LoseCommit,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			worktest.Enrol(t, w.plain, 30, day0, nil)
			proxy := testdb.NewProxy(t, w.plain.DSN)
			through := *w
			through.plain = &testdb.DB{DB: w.plain.DB, DSN: proxy.DSN}
			var lost <-chan struct{}
			through.beforeCharge(func(n int, _ payment.Charge) {
				if n == 1 { // the next claims are under way
					lost = lose(proxy)
				}
			})
			result := through.run(small)
			<-lost
			require.Contains(t, []int{batch.ExitDone, batch.ExitUnfinished}, result.Exit, "%v", result)
			require.Equal(t, batch.ExitDone, w.run(small).Exit)
			require.Equal(t, slices.Repeat([]string{"active paid 0 1"}, 30), w.states())
			w.reconcile()
		})
	}
}
