package readers_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// left is a shop whose n invoices a run charged, and what it left: every attempt in flight.
func left(t *testing.T, n int) *testdb.DB {
	t.Helper()
	plain := shop(t, n, nil)
	db := worktest.Open(t, plain.DSN)
	items, _ := Make(t, db, stage(t, db), 500)
	require.Len(t, items, n)
	return plain
}

// inDoubt puts attempts into doubt, with their next check at an instant from now.
func inDoubt(t *testing.T, plain *testdb.DB, in time.Duration, where string) {
	t.Helper()
	worktest.Exec(t, plain, `UPDATE payment_attempts SET status = 'in_doubt', doubted = 1, checks = 1,
next_check_at = UTC_TIMESTAMP(6) + INTERVAL ? SECOND WHERE `+where, int(in.Seconds()))
}

// attempts are the attempts of claimed items.
func attempts(items []billing.Claimed) []uint64 {
	ids := make([]uint64, len(items))
	for i, item := range items {
		ids[i] = item.ID
	}
	return ids
}

func TestDoubtTakesOverWhatIsUnsettled(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 3, 100} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			plain := left(t, 12)
			inDoubt(t, plain, -time.Minute, "id <= 3")
			inDoubt(t, plain, time.Hour, "id IN (4, 5)")
			worktest.Exec(t, plain, `UPDATE payment_attempts SET status = 'succeeded' WHERE id = 6`)
			worktest.Exec(t, plain, `UPDATE payment_attempts SET lookup_only = 1, gateway_payment_id = 'pay_7' WHERE id = 7`)
			db := worktest.Open(t, plain.DSN)
			items, result := Make(t, db, doubt(db), limit)
			require.ElementsMatch(t, slices.Delete(upTo(12), 5, 6), attempts(items), "%v", result)
			run := worktest.Get[uint64](t, plain, `SELECT MAX(id) FROM job_runs`)
			for _, item := range items {
				require.True(t, item.Doubted)
				require.Equal(t, item.ID == 7, item.LookUp)
				require.Equal(t, fmt.Sprintf("sub_%d_20260131-1", item.ID), item.Charge.Key)
				require.Equal(t, []uint64{run}, worktest.List[uint64](t, plain, `SELECT run_id FROM payment_attempts
WHERE id = ? AND status = 'in_flight' AND doubted = 1 AND next_check_at IS NULL AND lease = ?`, item.ID, item.Lease[:]))
			}
			again, _ := Make(t, db, doubt(db), limit)
			require.Len(t, again, 11, "the next run takes over what this one left")
		})
	}
}

func TestDoubtTakesOnlyChecksThatAreDue(t *testing.T) {
	t.Parallel()
	plain := left(t, 4)
	inDoubt(t, plain, -time.Minute, "id = 1")
	inDoubt(t, plain, time.Minute, "id >= 2")
	db := worktest.Open(t, plain.DSN)
	r := doubt(db)
	r.All = false
	items, _ := Make(t, db, r, 10)
	require.Equal(t, []uint64{1}, attempts(items))
	r = doubt(db)
	r.All, r.Now = false, func() time.Time { return time.Now().Add(2 * time.Minute) }
	items, _ = Make(t, db, r, 10)
	require.ElementsMatch(t, upTo(4), attempts(items))
}

// What a dead worker had not sent when its lease ran out it never will; a lease more is allowed for, in case its last heartbeat
// was lost, and never an instant before the attempt was made or after now.
func TestDoubtKnowsByWhenADeadWorkerHadSent(t *testing.T) {
	t.Parallel()
	const lease = time.Minute
	for name, c := range map[string]struct{ made, beat, want time.Duration }{ // before now
		"long ago":              {48 * time.Hour, 24 * time.Hour, 24*time.Hour - 2*lease},
		"within two leases":     {time.Hour, lease + time.Second, 0},
		"made after the leases": {time.Hour, 24 * time.Hour, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			plain := left(t, 1)
			worktest.Exec(t, plain, `UPDATE job_runs SET status = 'abandoned', lease_ms = ?, heartbeat_at = UTC_TIMESTAMP(6) - INTERVAL ? SECOND`,
				lease.Milliseconds(), int(c.beat.Seconds()))
			worktest.Exec(t, plain, `UPDATE payment_attempts SET created_at = UTC_TIMESTAMP(6) - INTERVAL ? SECOND`, int(c.made.Seconds()))
			db := worktest.Open(t, plain.DSN)
			at := time.Now()
			r := doubt(db)
			r.Now = func() time.Time { return at }
			items, _ := Make(t, db, r, 10)
			require.Len(t, items, 1)
			require.False(t, items[0].SentBy.Before(at.Add(-c.want).Truncate(time.Microsecond).Add(-time.Minute)), items[0].SentBy)
			require.False(t, items[0].SentBy.After(at.Add(-c.want).Add(time.Second)), items[0].SentBy)
			require.Equal(t, []time.Time{items[0].SentBy}, worktest.List[time.Time](t, plain, `SELECT sent_by FROM payment_attempts`))
		})
	}
	t.Run("of nobody", func(t *testing.T) {
		plain := left(t, 1)
		worktest.Exec(t, plain, `DELETE FROM job_runs`)
		at := time.Now()
		db := worktest.Open(t, plain.DSN)
		r := doubt(db)
		r.Now = func() time.Time { return at }
		items, _ := Make(t, db, r, 10)
		require.Len(t, items, 1)
		require.WithinDuration(t, at, items[0].SentBy, time.Microsecond)
	})
}

// What a live run has in flight is its own; what is in doubt is anybody's.
func TestDoubtLeavesLiveRunsAlone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status string
		want   []uint64
	}{
		{"running", []uint64{1}},
		{"abandoned", []uint64{1, 2, 3}},
		{"failed", []uint64{1, 2, 3}},
		{"stopped", []uint64{1, 2, 3}},
		{"completed", []uint64{1, 2, 3}},
	} {
		t.Run(c.status, func(t *testing.T) {
			plain := left(t, 3)
			inDoubt(t, plain, -time.Minute, "id = 1")
			worktest.Exec(t, plain, `UPDATE job_runs SET status = ?`, c.status)
			db := worktest.Open(t, plain.DSN)
			items, _ := Make(t, db, doubt(db), 10)
			require.ElementsMatch(t, c.want, attempts(items))
		})
	}
	t.Run("a run that is not there", func(t *testing.T) {
		plain := left(t, 3)
		worktest.Exec(t, plain, `DELETE FROM job_runs`)
		db := worktest.Open(t, plain.DSN)
		items, _ := Make(t, db, doubt(db), 10)
		require.Len(t, items, 3)
	})
}

// A run finds again what it has in flight itself and does not know of: a claim whose commit was not answered.
func TestDoubtTakesOverTheRunsOwn(t *testing.T) {
	t.Parallel()
	plain := shop(t, 3, nil)
	db := worktest.Open(t, plain.DSN)
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		require.Len(t, readAll(ctx, t, stage(t, db), 10), 3)
		r := doubt(db)
		require.Len(t, readAll(ctx, t, r, 2), 3)
		require.Empty(t, readAll(ctx, t, r, 2), "but not what this very step took over")
		return nil
	})
}

func TestDoubtAndALockedRow(t *testing.T) {
	t.Parallel()
	plain := left(t, 6)
	begin(t, plain, `UPDATE payment_attempts SET message = 'x' WHERE id = 2`)
	db := worktest.Open(t, plain.DSN)
	items, _ := Make(t, db, doubt(db), 2)
	require.ElementsMatch(t, []uint64{1, 3, 4, 5, 6}, attempts(items))
}

func TestTwoTakersShare(t *testing.T) {
	t.Parallel()
	plain := left(t, 60)
	inDoubt(t, plain, -time.Minute, "id % 2 = 0")
	var work sync.WaitGroup
	taken := make([][]billing.Claimed, 3)
	gate := make(chan struct{})
	for i := range taken {
		db := worktest.Open(t, plain.DSN)
		work.Go(func() {
			worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
				taken[i] = readAll(ctx, t, doubt(db), 7)
				<-gate // the run lives until all have taken
				return nil
			})
		})
	}
	require.Eventually(t, func() bool {
		return worktest.Get[int](t, plain, `SELECT COUNT(*) FROM payment_attempts WHERE status = 'in_flight' AND run_id > 1`) == 60
	}, worktest.Patience, 10*time.Millisecond)
	close(gate)
	work.Wait()
	require.ElementsMatch(t, upTo(60), attempts(slices.Concat(taken...)))
}

func TestOneAttemptThatCannotBeTakenOverStopsNoOther(t *testing.T) {
	t.Parallel()
	plain := left(t, 12)
	inDoubt(t, plain, -time.Minute, "id <= 5")
	worktest.Exec(t, plain, `CREATE TRIGGER t BEFORE UPDATE ON payment_attempts FOR EACH ROW
IF NEW.id IN (3, 8) THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not him'; END IF`)
	db := worktest.Open(t, plain.DSN)
	items, result := Make(t, db, doubt(db), 4)
	require.ElementsMatch(t, []uint64{1, 2, 4, 5, 6, 7, 9, 10, 11, 12}, attempts(items))
	require.Equal(t, batch.ExitFailed, result.Exit)
	require.ErrorContains(t, result.Err, "attempt 3 cannot be taken over")
	require.ErrorContains(t, result.Err, "attempt 8 cannot be taken over")
}

func TestDoubtKnowsWhetherTheSubscriptionMayStillBeCharged(t *testing.T) {
	t.Parallel()
	for change, chargeable := range map[string]bool{
		`status = 'active'`:                               true,
		`status = 'past_due'`:                             true,
		`status = 'paused'`:                               true,
		`status = 'cancelled'`:                            false,
		`status = 'trial'`:                                false,
		`payment_method = 'pm_new'`:                       false,
		`gateway = 'other'`:                               false,
		`amount = 1, currency = 'USD', description = 'x'`: true,
	} {
		t.Run(change, func(t *testing.T) {
			plain := left(t, 1)
			worktest.Exec(t, plain, `UPDATE subscriptions SET `+change)
			db := worktest.Open(t, plain.DSN)
			items, _ := Make(t, db, doubt(db), 1)
			require.Equal(t, chargeable, items[0].Chargeable)
			require.Equal(t, "pm_ok:1", items[0].Charge.Method, "what was committed is what would be sent")
			require.Equal(t, payment.Money{Amount: 9900, Currency: "KRW"}, items[0].Charge.Money)
		})
	}
}

// An attempt is sent again only while its invoice waits for it alone: another one may have been adopted beside it.
func TestDoubtKnowsWhetherItsInvoiceWaitsForItAlone(t *testing.T) {
	t.Parallel()
	second := func(status string) string {
		return `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount, currency,
gateway, payment_method, body_version, status, run_id, lease) SELECT invoice_id, subscription_id, 2, stage, 'sub_1_20260131-2', reference, customer_id,
amount, currency, gateway, payment_method, 1, '` + status + `', run_id, REPEAT('x', 16) FROM payment_attempts`
	}
	becomes := func(status string) string { return `UPDATE invoices SET status = '` + status + `'` }
	for change, chargeable := range map[string]bool{
		becomes("charging"):      true,
		becomes("review"):        false,
		becomes("paid"):          false,
		becomes("void"):          false,
		becomes("uncollectible"): false,
		second("review"):         false,
		second("succeeded"):      false,
		second("declined"):       true,
	} {
		t.Run(change, func(t *testing.T) {
			plain := left(t, 1)
			worktest.Exec(t, plain, change)
			db := worktest.Open(t, plain.DSN)
			items, _ := Make(t, db, doubt(db), 1)
			require.Equal(t, chargeable, items[0].Chargeable)
		})
	}
}

func TestKeptAnswers(t *testing.T) {
	t.Parallel()
	answer := func(customer string) string {
		return `{"reference": "sub_1_20260131", "customer_id": "` + customer + `", "money": {"amount": 9900, "currency": "KRW"},
"outcome": {"kind": "succeeded", "payment_id": "pay_1"}}`
	}
	released := `{"reference": "sub_1_20260131", "customer_id": "customer-1", "money": {"Amount": 9900, "Currency": "KRW"},
"outcome": {"Kind": 1, "PaymentID": "pay_1"}}`
	for _, c := range []struct {
		name string
		kept []string
		paid bool
	}{
		{"none", nil, false},
		{"ours", []string{answer("customer-1")}, true},
		{"another customer's, from before a restore", []string{answer("customer-9")}, false},
		{"of the first release", []string{released}, true},
		{"of the first release, and again", []string{released, answer("customer-1")}, true},
		{"of an unknown kind", []string{strings.Replace(answer("customer-1"), "succeeded", "paid", 1)}, false},
		{"of an unknown number", []string{strings.Replace(released, `"Kind": 1`, `"Kind": 9`, 1)}, false},
		{"a success without a payment", []string{strings.Replace(answer("customer-1"), "pay_1", "", 1)}, false},
		{"two that disagree", []string{answer("customer-1"), strings.Replace(answer("customer-1"), "pay_1", "pay_2", 1)}, false},
		{"ours before another customer's", []string{answer("customer-1"), answer("customer-9")}, true},
		{"not readable", []string{`{"reference": 7}`}, false},
		{"ours after one that is not readable", []string{`[]`, answer("customer-1")}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			plain := left(t, 2)
			for _, kept := range c.kept {
				worktest.Exec(t, plain, `INSERT INTO gateway_answers (idempotency_key, answer, run_id) VALUES ('sub_1_20260131-1', ?, 1)`, kept)
			}
			db := worktest.Open(t, plain.DSN)
			items, _ := Make(t, db, doubt(db), 10)
			require.Nil(t, items[1].Kept)
			if !c.paid {
				require.Nil(t, items[0].Kept)
				return
			}
			require.Equal(t, payment.Paid, items[0].Kept.Kind)
			require.Equal(t, "pay_1", items[0].Kept.PaymentID)
		})
	}
}

func TestATakeOverWhoseCommitWasLost(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testdb.Proxy) <-chan struct{}{
		"its answer": (*testdb.Proxy).LoseCommitAnswer, "on the way there": (*testdb.Proxy).LoseCommit,
	} {
		t.Run(name, func(t *testing.T) {
			plain := left(t, 12)
			proxy := testdb.NewProxy(t, plain.DSN)
			db := worktest.Open(t, proxy.DSN)
			worktest.Run(t, worktest.Open(t, plain.DSN), func(ctx context.Context, _ *batch.StepExecution) error {
				lost := lose(proxy)
				items := readAll(ctx, t, doubt(db), 5)
				<-lost
				require.ElementsMatch(t, upTo(12), attempts(items))
				return nil
			})
		})
	}
}

// The age of an attempt counts from when it was made, however often it was taken over.
func TestDoubtCountsAges(t *testing.T) {
	t.Parallel()
	plain := left(t, 1)
	worktest.Exec(t, plain, `UPDATE payment_attempts SET created_at = created_at - INTERVAL 3 HOUR`)
	db := worktest.Open(t, plain.DSN)
	items, _ := Make(t, db, doubt(db), 1)
	require.InDelta(t, 3*time.Hour, items[0].Age, float64(time.Minute))
	require.WithinDuration(t, time.Now(), items[0].At, time.Minute)
}

func TestNextCheckAndOwners(t *testing.T) {
	t.Parallel()
	plain := left(t, 4)
	db := worktest.Open(t, plain.DSN)
	all := store.Selection{Business: worktest.Day(t, due)}
	next := func(s store.Selection, alone ...string) time.Time {
		at, err := query.NextCheck(t.Context(), db, s, alone)
		require.NoError(t, err)
		return at
	}
	owners := func(s store.Selection, except uint64) []query.Owner {
		list, err := query.Owners(t.Context(), db, s, except)
		require.NoError(t, err)
		return list
	}
	require.Zero(t, next(all))
	require.Empty(t, owners(all, 0), "the run has ended")
	worktest.Exec(t, plain, `UPDATE job_runs SET status = 'running'`)
	require.Len(t, owners(all, 0), 1)
	require.Equal(t, worktest.Lease.Milliseconds(), owners(all, 0)[0].LeaseMS)
	require.Empty(t, owners(all, 1), "itself")
	require.Empty(t, owners(store.Selection{Subscriptions: []uint64{9}}, 0))
	claimed := func(at store.Gateways, except uint64) (n int64) {
		list, free, err := query.Claims(t.Context(), db, all, at, except)
		require.NoError(t, err)
		if except == 1 {
			require.EqualValues(t, 4, free, "its own are nobody else's")
		}
		for _, o := range list {
			require.WithinDuration(t, o.Beat.Add(worktest.Lease), o.FreeAt(), 0)
			n += o.Claimed
		}
		return n
	}
	require.EqualValues(t, 4, claimed(store.Gateways{}, 0))
	require.Zero(t, claimed(store.Gateways{}, 1), "itself")
	require.Zero(t, claimed(store.Gateways{Names: []string{"main"}}, 0), "skipped")

	inDoubt(t, plain, time.Hour, "id = 1")
	inDoubt(t, plain, time.Minute, "id = 2")
	worktest.Exec(t, plain, `UPDATE payment_attempts SET gateway = 'other' WHERE id = 2`)
	require.WithinDuration(t, time.Now().Add(time.Minute), next(all), 20*time.Minute)
	require.WithinDuration(t, time.Now().Add(time.Hour), next(all, "other", "third"), 20*time.Minute)
	require.Zero(t, next(all, "other", "main"))
	require.WithinDuration(t, time.Now().Add(time.Hour), next(store.Selection{Subscriptions: []uint64{1}}), 20*time.Minute)
}
