package readers_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/query"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

func TestStageClaimsEachInvoiceOnce(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 7, 50, 500} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			plain := shop(t, 50, nil)
			items, result := Make(t, worktest.Open(t, plain.DSN), stage(t, worktest.Open(t, plain.DSN)), limit)
			require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
			require.Equal(t, upTo(50), invoices(items))
			require.Equal(t, 50, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM payment_attempts a JOIN invoices i ON i.id = a.invoice_id
AND i.status = 'charging' AND i.attempts = 1 JOIN subscriptions s ON s.id = i.subscription_id JOIN job_runs r ON r.id = a.run_id
WHERE a.status = 'in_flight' AND a.attempt_no = 1 AND a.stage = 0 AND a.doubted = 0 AND a.body_version = 1 AND a.lease IS NOT NULL
AND a.idempotency_key = CONCAT('sub_', s.id, '_20260131-1') AND a.reference = CONCAT('sub_', s.id, '_20260131')
AND a.customer_id = s.customer_id AND a.amount = 9900 AND a.currency = 'KRW' AND a.gateway = 'main' AND a.payment_method = s.payment_method`))
			first := items[0]
			require.Equal(t, "sub_1_20260131-1", first.Charge.Key)
			require.Equal(t, "pm_ok:1", first.Charge.Method)
			require.Equal(t, worktest.Get[[]byte](t, plain, `SELECT lease FROM payment_attempts WHERE id = ?`, first.ID), first.Lease[:])
			require.True(t, first.Chargeable)
			require.False(t, first.Doubted)
		})
	}
}

func TestStageTakesWhatIsDueAndSelected(t *testing.T) {
	t.Parallel()
	plain := shop(t, 10, nil)
	worktest.Exec(t, plain, `UPDATE invoices SET next_attempt_date = '2026-02-01' WHERE id = 1`)
	worktest.Exec(t, plain, `UPDATE invoices SET stage = 1 WHERE id = 2`)
	for i, status := range []string{"charging", "paid", "uncollectible", "void", "review"} {
		worktest.Exec(t, plain, `UPDATE invoices SET status = ? WHERE id = ?`, status, 3+i)
	}
	worktest.Exec(t, plain, `UPDATE invoices SET next_attempt_date = '2020-01-01' WHERE id = 10`)
	db := worktest.Open(t, plain.DSN)
	r := stage(t, db)
	r.Selection.Subscriptions = []uint64{1, 2, 3, 4, 5, 6, 7, 8, 10}
	items, _ := Make(t, db, r, 1)
	require.Equal(t, []uint64{10, 8}, invoices(items), "in the order of their dates")
	items, _ = Make(t, db, stage(t, db), 3)
	require.Equal(t, []uint64{9}, invoices(items))
}

// Rows that cannot be claimed at the head of the walk are not read again with every chunk.
func TestStageGoesOnFromWhereItStood(t *testing.T) {
	plain := shop(t, 600, nil)
	worktest.Exec(t, plain, `UPDATE invoices SET next_try_at = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR WHERE id <= 500`)
	db := worktest.Open(t, plain.DSN)
	reads := func() int {
		var n int
		for _, name := range []string{"Handler_read_next", "Handler_read_key"} {
			var value int
			require.NoError(t, plain.QueryRowContext(t.Context(), `SHOW GLOBAL STATUS LIKE '`+name+`'`).Scan(&name, &value))
			n += value
		}
		return n
	}
	before := reads()
	items, _ := Make(t, db, stage(t, db), 10)
	require.Len(t, items, 100)
	require.Less(t, reads()-before, 20_000, "two walks over 600 rows, and not 60")
}

func TestStageAndALockedRow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, lock string }{
		{"invoice", `UPDATE invoices SET updated_at = UTC_TIMESTAMP(6) WHERE id = 3`},
		{"subscription", `UPDATE subscriptions SET description = 'new' WHERE id = 3`},
	} {
		t.Run(c.name+" locked throughout", func(t *testing.T) {
			plain := shop(t, 20, nil)
			begin(t, plain, c.lock)
			db := worktest.Open(t, plain.DSN)
			items, result := Make(t, db, stage(t, db), 5)
			want := slices.Delete(upTo(20), 2, 3)
			require.ElementsMatch(t, want, invoices(items))
			require.Equal(t, []string{"a row stayed locked by another transaction"}, result.Left)
			require.Equal(t, batch.ExitUnfinished, result.Exit)
		})
		t.Run(c.name+" locked for a while", func(t *testing.T) {
			plain := shop(t, 20, nil)
			holder := begin(t, plain, c.lock)
			db := worktest.OpenPatient(t, plain.DSN)
			r := stage(t, db)
			taken := 0
			known := r.Known
			r.Known = func(name string) bool {
				if taken++; taken == 19 { // everything but the locked row is claimed
					time.AfterFunc(100*time.Millisecond, func() { _ = holder.Commit() })
				}
				return known(name)
			}
			items, result := Make(t, db, r, 5)
			require.ElementsMatch(t, upTo(20), invoices(items))
			require.Equal(t, uint64(3), items[19].Invoice.ID, "it was passed over, and then waited for")
			require.Empty(t, result.Left)
		})
	}
}

// While one claim is under way, another one on a table of a handful of rows is given the rest, not nothing.
func TestTwoClaimsShareATinyTable(t *testing.T) {
	t.Parallel()
	for n := 2; n <= 5; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			plain := shop(t, n, nil)
			worktest.Exec(t, plain, `ANALYZE TABLE invoices, subscriptions`)
			one, two := worktest.Open(t, plain.DSN), worktest.Open(t, plain.DSN)
			reader := stage(t, one)
			known := reader.Known
			var second []billing.Claimed
			reader.Known = func(name string) bool { // within the transaction of the first claim
				reader.Known = known
				worktest.Run(t, two, func(ctx context.Context, _ *batch.StepExecution) error {
					other := stage(t, two)
					for len(second) < n-1 {
						page, err := other.Read(ctx, batch.ClaimRequest{Limit: 1, Skip: func(string) bool { return false }})
						require.NoError(t, err)
						require.Len(t, page.Items, 1)
						second = append(second, page.Items...)
					}
					return nil
				})
				return known(name)
			}
			worktest.Run(t, one, func(ctx context.Context, _ *batch.StepExecution) error {
				page, err := reader.Read(ctx, batch.ClaimRequest{Limit: 1, Skip: func(string) bool { return false }})
				require.NoError(t, err)
				require.Equal(t, []uint64{1}, invoices(page.Items))
				return nil
			})
			require.Equal(t, upTo(n)[1:], invoices(second))
		})
	}
}

func TestConcurrentClaimsNeverShareARow(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 3, 5, 400} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			plain := shop(t, n, nil)
			var work sync.WaitGroup
			taken := make([][]billing.Claimed, 4)
			for i := range taken {
				db := worktest.Open(t, plain.DSN)
				work.Go(func() { taken[i], _ = Make(t, db, stage(t, db), max(n/20, 1)) })
			}
			work.Wait()
			require.ElementsMatch(t, upTo(n), invoices(slices.Concat(taken...)))
			require.Equal(t, n, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM payment_attempts`))
		})
	}
}

// release does what settling a charge that was not executed does.
func release(t *testing.T, plain *testdb.DB) {
	t.Helper()
	worktest.Exec(t, plain, `UPDATE payment_attempts SET status = 'released', message = 'connection refused', settled_at = UTC_TIMESTAMP(6)`)
	worktest.Exec(t, plain, `UPDATE invoices SET status = 'open', next_try_at = UTC_TIMESTAMP(6)`)
}

// What a run releases waits for the next one, which takes the same attempt up again, with what the subscription
// says by then.
func TestReleasedInvoicesWaitForTheNextRun(t *testing.T) {
	t.Parallel()
	plain := shop(t, 6, nil)
	db := worktest.Open(t, plain.DSN)
	var first []billing.Claimed
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		first = readAll(ctx, t, stage(t, db), 4)
		require.Len(t, first, 6)
		release(t, plain)
		require.Empty(t, readAll(ctx, t, stage(t, db), 4))
		return nil
	})
	worktest.Exec(t, plain, `UPDATE payment_attempts SET doubted = 1, lookup_only = 1, all_answered = 1, checks = 3, gateway_payment_id = 'x', created_at = '2020-01-01'`)
	worktest.Exec(t, plain, `UPDATE subscriptions SET payment_method = 'pm_new', gateway = 'other', customer_id = 'renamed', description = 'new' WHERE id = 2`)
	second, _ := Make(t, db, stage(t, db), 4)
	require.Equal(t, invoices(first), invoices(second))
	for i := range first {
		require.Equal(t, first[i].ID, second[i].ID)
		require.Equal(t, first[i].Charge.Key, second[i].Charge.Key)
		require.NotEqual(t, first[i].Lease, second[i].Lease)
		require.False(t, second[i].Doubted)
		require.WithinDuration(t, time.Now(), second[i].CreatedAt, time.Minute)
	}
	require.Equal(t, "pm_new", second[1].Charge.Method)
	require.Equal(t, "other", second[1].Gateway)
	require.Equal(t, []string{"other pm_new renamed new in_flight"}, worktest.List[string](t, plain, `SELECT CONCAT_WS(' ', gateway,
payment_method, customer_id, description, status) FROM payment_attempts WHERE invoice_id = 2 AND doubted = 0 AND lookup_only = 0 AND all_answered IS NULL AND checks = 0
AND gateway_payment_id IS NULL AND message IS NULL AND settled_at IS NULL AND created_at > '2026-01-01'`))
	require.Equal(t, 6, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM payment_attempts`))
}

func TestSkippedLanesAreLeftForALaterWalk(t *testing.T) {
	t.Parallel()
	plain := shop(t, 30, func(i int, s *worktest.Subscription) {
		if i%3 == 0 {
			s.Gateway = "other"
		}
	})
	db := worktest.Open(t, plain.DSN)
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		r := stage(t, db)
		asked := map[string]bool{}
		var open []billing.Claimed
		for {
			page, err := r.Read(ctx, batch.ClaimRequest{Limit: 4, Skip: func(lane string) bool {
				asked[lane] = true
				return lane == "other"
			}})
			require.NoError(t, err)
			open = append(open, page.Items...)
			if page.Done {
				break
			}
		}
		require.Len(t, open, 20)
		require.Equal(t, map[string]bool{"main": true, "other": true}, asked)
		require.Len(t, readAll(ctx, t, r, 4), 10, "a new walk takes them")
		return nil
	})
}

// A row that fails by itself goes to review with its reason; the others of its chunk are claimed.
func TestARowThatCannotBeClaimedGoesToReview(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, poison, reason string
	}{
		{
			"a key that is there already", `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key,
reference, customer_id, amount, currency, gateway, payment_method, body_version, status, run_id)
VALUES (999, 999, 1, 0, 'sub_7_20260131-1', 'r', 'c', 1, 'KRW', 'main', 'pm', 1, 'succeeded', 1)`, "error 1062",
		},
		{
			"a trigger of the shop's", `CREATE TRIGGER t BEFORE INSERT ON payment_attempts FOR EACH ROW
IF NEW.subscription_id = 7 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not him'; END IF`, "not him",
		},
		{"no subscription", `DELETE FROM subscriptions WHERE id = 7`, "the subscription's row is gone: duly resolve invoice 7 --as void --reason … (or uncollectible, paid_outside)"},
		{"no gateway", `UPDATE subscriptions SET gateway = '' WHERE id = 7`, "gateway is empty"},
		{"an unknown status", `UPDATE subscriptions SET status = 'trial' WHERE id = 7`, `subscription status "trial" is not one of`},
		{"no method", `UPDATE subscriptions SET payment_method = '' WHERE id = 7`, "payment_method is empty"},
		{"no amount", `UPDATE invoices SET amount = 0 WHERE id = 7`, "amount 0 cannot be charged"},
		{
			"an attempt that is not settled", `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key,
reference, customer_id, amount, currency, gateway, payment_method, body_version, status, run_id)
SELECT id, 7, 1, 0, 'k', 'r', 'c', 1, 'KRW', 'main', 'pm', 1, 'in_doubt', 1 FROM invoices WHERE id = 7`, "attempt 1 is not settled",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			plain := shop(t, 20, nil)
			worktest.Exec(t, plain, `UPDATE invoices SET attempts = 1 WHERE id = 7`)
			worktest.Exec(t, plain, c.poison)
			db := worktest.Open(t, plain.DSN)
			items, result := Make(t, db, stage(t, db), 8)
			require.ElementsMatch(t, slices.Delete(upTo(20), 6, 7), invoices(items))
			require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
			require.EqualValues(t, 1, result.Tally.Review)
			require.Contains(t, worktest.Get[string](t, plain, `SELECT review_reason FROM invoices WHERE status = 'review'`), c.reason)
			require.Equal(t, 1, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM events WHERE type = 'review.needed' AND subject = 'subscription:7'`))
		})
	}
}

func TestARowThatCannotEvenBeSetAsideStopsNoOther(t *testing.T) {
	t.Parallel()
	plain := shop(t, 20, nil)
	worktest.Exec(t, plain, `CREATE TRIGGER t BEFORE UPDATE ON invoices FOR EACH ROW
IF NEW.id = 7 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not him'; END IF`)
	db := worktest.Open(t, plain.DSN)
	items, result := Make(t, db, stage(t, db), 8)
	require.ElementsMatch(t, slices.Delete(upTo(20), 6, 7), invoices(items))
	require.Equal(t, batch.ExitFailed, result.Exit)
	require.ErrorContains(t, result.Err, "invoice 7")
	require.ErrorContains(t, result.Err, "not him")
}

func TestDecisionsWithoutACharge(t *testing.T) {
	t.Parallel()
	plain := shop(t, 3, nil)
	worktest.Exec(t, plain, `UPDATE subscriptions SET status = 'cancelled' WHERE id = 1`)
	worktest.Exec(t, plain, `UPDATE subscriptions SET status = 'paused' WHERE id = 2`)
	db := worktest.Open(t, plain.DSN)
	items, _ := Make(t, db, stage(t, db), 8)
	require.Equal(t, []uint64{2, 3}, invoices(items), "a pause stops new invoices, not issued ones")
	require.Equal(t, "void", worktest.Get[string](t, plain, `SELECT status FROM invoices WHERE id = 1`))
}

func TestAClaimWhoseCommitWasLost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		lose func(*testdb.Proxy) <-chan struct{}
	}{
		{"its answer", (*testdb.Proxy).LoseCommitAnswer},
		{"on the way there", (*testdb.Proxy).LoseCommit},
	} {
		t.Run(c.name, func(t *testing.T) {
			plain := shop(t, 20, nil)
			proxy := testdb.NewProxy(t, plain.DSN)
			db := worktest.Open(t, proxy.DSN)
			var items []billing.Claimed
			worktest.Run(t, worktest.Open(t, plain.DSN), func(ctx context.Context, _ *batch.StepExecution) error {
				lost := c.lose(proxy)
				items = readAll(ctx, t, stage(t, db), 8)
				<-lost
				return nil
			})
			require.ElementsMatch(t, upTo(20), invoices(items))
			require.Equal(t, 20, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM payment_attempts WHERE status = 'in_flight' AND attempt_no = 1`))
			require.Equal(t, 20, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM invoices WHERE status = 'charging' AND attempts = 1`))
		})
	}
}

func TestAClaimWithoutADatabase(t *testing.T) {
	t.Parallel()
	plain := shop(t, 2, nil)
	proxy := testdb.NewProxy(t, plain.DSN)
	db := worktest.Open(t, proxy.DSN)
	worktest.Run(t, worktest.Open(t, plain.DSN), func(ctx context.Context, _ *batch.StepExecution) error {
		proxy.Refuse()
		_, err := stage(t, db).Read(ctx, batch.ClaimRequest{Limit: 8, Skip: func(string) bool { return false }})
		require.ErrorIs(t, err, batch.ErrUnavailable)
		proxy.Admit()
		return nil
	})
	require.Zero(t, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM payment_attempts`))
}

// An attempt is never taken for younger than it is: its age is counted from before it was dated.
func TestAgesAreCountedFromBeforeTheAttempt(t *testing.T) {
	t.Parallel()
	plain := shop(t, 1, nil)
	db := worktest.Open(t, plain.DSN)
	r := stage(t, db)
	start, asked := time.Now(), 0
	tick := func() time.Time { // the program is stopped for an hour between any two looks at a clock
		asked++
		return start.Add(time.Duration(asked) * time.Hour)
	}
	r.Clock, r.Now = tick, tick
	items, _ := Make(t, db, r, 1)
	require.False(t, items[0].At.After(items[0].CreatedAt))
}

func TestMaxOpenStage(t *testing.T) {
	t.Parallel()
	plain := shop(t, 3, nil)
	db := worktest.Open(t, plain.DSN)
	highest := func() int {
		n, err := query.MaxOpenStage(t.Context(), db)
		require.NoError(t, err)
		return n
	}
	require.Zero(t, highest())
	worktest.Exec(t, plain, `UPDATE invoices SET stage = 4 WHERE id = 2`)
	worktest.Exec(t, plain, `UPDATE invoices SET stage = 9, status = 'uncollectible' WHERE id = 3`)
	require.Equal(t, 4, highest())
	worktest.Exec(t, plain, `UPDATE invoices SET stage = 6, status = 'charging' WHERE id = 1`)
	require.Equal(t, 6, highest(), "it may be released in the course of a run")
	worktest.Exec(t, plain, `DELETE FROM invoices`)
	require.Zero(t, highest())
}

// Keys begin with the prefix of the gateway that is charged, also where a released attempt is taken up at another one.
func TestStageKeysHaveTheirGatewaysPrefix(t *testing.T) {
	t.Parallel()
	plain := shop(t, 4, func(i int, s *worktest.Subscription) { s.Gateway = []string{"main", "other"}[i%2] })
	db := worktest.Open(t, plain.DSN)
	keys := func() []string {
		r := stage(t, db)
		r.KeyPrefix = func(gateway string) string { return map[string]string{"main": "eu-"}[gateway] }
		var keys []string
		items, result := Make(t, db, r, 4)
		require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
		for _, item := range items {
			keys = append(keys, item.Charge.Key)
		}
		require.ElementsMatch(t, keys, worktest.List[string](t, plain, `SELECT idempotency_key FROM payment_attempts WHERE status = 'in_flight'`))
		return keys
	}
	require.ElementsMatch(t, []string{"sub_1_20260131-1", "eu-sub_2_20260131-1", "sub_3_20260131-1", "eu-sub_4_20260131-1"}, keys())
	worktest.Exec(t, plain, `UPDATE payment_attempts SET status = 'released'`)
	worktest.Exec(t, plain, `UPDATE invoices SET status = 'open'`)
	worktest.Exec(t, plain, `UPDATE subscriptions SET gateway = IF(gateway = 'main', 'other', 'main') WHERE id <= 2`)
	require.ElementsMatch(t, []string{"eu-sub_1_20260131-1", "sub_2_20260131-1", "sub_3_20260131-1", "eu-sub_4_20260131-1"}, keys())
	require.Equal(t, []string{"sub_1_20260131"}, worktest.List[string](t, plain, `SELECT reference FROM payment_attempts WHERE subscription_id = 1`))
}
