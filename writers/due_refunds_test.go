package writers_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/readers"
	"duly/writers"
)

// till is a database with an order for each number of payments that are to be refunded; payments count from 1.
func till(t *testing.T, payments ...int) *testdb.DB {
	t.Helper()
	plain := testdb.New(t)
	for i, n := range payments {
		worktest.Exec(t, plain, `INSERT INTO orders (customer_id, status, failure_reason, amount, currency) VALUES ('c', 'failed', 'out of stock', 500, 'KRW')`)
		for no := range n {
			worktest.Exec(t, plain, `INSERT INTO payments (order_id, gateway, idempotency_key, status, amount, currency) VALUES (?, 'main', ?, 'refund_due', 500, 'KRW')`,
				i+1, fmt.Sprintf("ord_%d-%d", i+1, no+1))
		}
	}
	return plain
}

func noWait(string) time.Duration { return 0 }

func refundWriter(db *mysql.DB) *writers.DueRefunds {
	return &writers.DueRefunds{DB: db, Unkeyed: noWait, Now: time.Now}
}

// claimRefunds takes every refund that is due.
func claimRefunds(ctx context.Context, t *testing.T, db *mysql.DB) []orders.RefundClaim {
	t.Helper()
	r := &readers.DueRefunds{DB: db, Unkeyed: noWait, Now: time.Now}
	var all []orders.RefundClaim
	for {
		page, err := r.Read(ctx, batch.ClaimRequest{Limit: 100, Skip: func(string) bool { return false }})
		require.NoError(t, err)
		if all = append(all, page.Items...); page.Done {
			return all
		}
	}
}

// ended is a claimed order of which each payment ended so.
func ended(item orders.RefundClaim, ends ...orders.RefundEnd) orders.RefundResult {
	r := orders.RefundResult{RefundClaim: item}
	for i, end := range ends {
		end.Payment = item.Due[i]
		end.Payment.TransactionKey = fmt.Sprintf("pay_%d", end.Payment.ID)
		r.Ends = append(r.Ends, end)
	}
	return r
}

func done() orders.RefundEnd {
	return orders.RefundEnd{Step: orders.RefundDone, Amount: 500, Given: 500}
}

func putOff() orders.RefundEnd { return orders.RefundEnd{Step: orders.RefundLater, Reason: "timeout"} }

// refundRows are payments beside their orders' bookkeeping, in words: when the next try is, in minutes.
func refundRows(t *testing.T, plain *testdb.DB) []string {
	t.Helper()
	return worktest.List[string](t, plain, `SELECT CONCAT_WS(' ', p.status, p.refunded_amount, IF(p.refunded_at IS NULL, '-', 'at'),
COALESCE(p.transaction_key, '-'), COALESCE(p.failure_code, '-'), IF(c.lease IS NULL, 'free', 'held'), c.refund_tries,
COALESCE(ROUND(TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(6), c.refund_next_at) / 60), '-'), IF(c.refund_since IS NULL, '-', 'since'),
COALESCE(LEFT(c.reason, 12), '-')) FROM payments p JOIN order_checks c ON c.order_id = p.order_id ORDER BY p.id`)
}

func refundEvents(t *testing.T, plain *testdb.DB) []string {
	t.Helper()
	return worktest.List[string](t, plain, `SELECT CONCAT_WS(' ', type, subject, JSON_VALUE(payload, '$.amount'), JSON_VALUE(payload, '$.reason'))
FROM events ORDER BY id`)
}

func TestRefundEveryEnd(t *testing.T) {
	t.Parallel()
	plain := till(t, 1, 1, 1, 1, 1, 2, 2)
	db := worktest.Open(t, plain.DSN)
	long := strings.Repeat("가", 400)
	result := worktest.Run(t, db, func(ctx context.Context, x *batch.StepExecution) error {
		items := claimRefunds(ctx, t, db)
		require.Len(t, items, 7)
		items[2].Tries = 3
		left := orders.RefundResult{RefundClaim: items[4], Left: "stopped"}
		tally, err := refundWriter(db).Write(ctx, []orders.RefundResult{
			ended(items[0], done()),
			ended(items[1], orders.RefundEnd{Step: orders.RefundNone, Code: "insufficient_funds", Reason: long}),
			ended(items[2], putOff()),
			ended(items[3], orders.RefundEnd{Step: orders.RefundReview, Reason: "in part by someone"}),
			left,
			ended(items[5], done(), putOff()),
			ended(items[6], done()), // the other payment was left
		})
		x.Count(tally)
		return err
	})
	require.NoError(t, result.Err)
	require.Equal(t, []string{
		"refunded 500 at pay_1 - free 0 - - -",
		"failed 0 - - insufficient_funds free 0 - - -",
		"refund_due 0 - - - free 3 15 since -",
		"review 0 - - - free 0 - - in part by s",
		"refund_due 0 - - - free 0 - since -",
		"refunded 500 at pay_6 - free 1 1 since -",
		"refund_due 0 - - - free 1 1 since -",
		"refunded 500 at pay_8 - free 0 - since -",
		"refund_due 0 - - - free 0 - since -",
	}, refundRows(t, plain))
	require.Equal(t, batch.Tally{Succeeded: 1, Declined: 1, InDoubt: 2, Review: 1, Released: 2, Amounts: map[string]int64{"KRW": 1500}}, result.Tally)
	require.Equal(t, []string{
		"refund.completed order:1 500 order failed: out of stock",
		"review.needed order:4 500 refund of payment 4: in part by someone",
		"refund.completed order:6 500 order failed: out of stock",
		"refund.completed order:7 500 order failed: out of stock",
	}, refundEvents(t, plain))
	require.Equal(t, 255, worktest.Get[int](t, plain, `SELECT CHAR_LENGTH(failure_reason) FROM payments WHERE id = 2`))
}

// A gateway without keys is asked again no sooner than its longest request.
func TestRefundPutsGatewaysWithoutKeysOff(t *testing.T) {
	t.Parallel()
	plain := till(t, 1)
	db := worktest.Open(t, plain.DSN)
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		w := refundWriter(db)
		w.Unkeyed = func(string) time.Duration { return 7 * time.Minute }
		_, err := w.Write(ctx, []orders.RefundResult{ended(claimRefunds(ctx, t, db)[0], putOff())})
		return err
	})
	require.Equal(t, []string{"refund_due 0 - - - free 1 7 since -"}, refundRows(t, plain))
}

// After a day somebody is told, once, and the queue goes on.
func TestRefundOverdue(t *testing.T) {
	t.Parallel()
	plain := till(t, 1)
	db := worktest.Open(t, plain.DSN)
	for _, since := range []time.Duration{23 * time.Hour, 25 * time.Hour, 30 * time.Hour} {
		worktest.Exec(t, plain, `UPDATE order_checks SET refund_next_at = NULL, refund_since = ?`, time.Now().UTC().Add(-since))
		result := worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
			item := claimRefunds(ctx, t, db)[0]
			if since < 25*time.Hour {
				item.Since = time.Now().Add(-since)
			}
			_, err := refundWriter(db).Write(ctx, []orders.RefundResult{ended(item, putOff())})
			return err
		})
		require.NoError(t, result.Err)
		require.Equal(t, since > 24*time.Hour, len(refundEvents(t, plain)) == 1)
	}
	require.Equal(t, []string{"refund_due 0 - - - free 3 15 since -"}, refundRows(t, plain))
}

// What the shop changes meanwhile stays as it is, and what it has locked is left for later without waiting.
func TestRefundLeavesTheShopsRows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change, want string
		tally        batch.Tally
	}{
		"refunded by hand":   {`status = 'refunded', refunded_amount = 499`, "refunded 499 - - - free 0 - - -", batch.Tally{Released: 1}},
		"taken back":         {`status = 'succeeded'`, "succeeded 0 - - - free 0 - - -", batch.Tally{Released: 1}},
		"another key though": {`transaction_key = 'theirs'`, "refunded 500 at pay_1 - free 0 - - -", batch.Tally{Succeeded: 1, Amounts: map[string]int64{"KRW": 500}}},
	} {
		t.Run(name, func(t *testing.T) {
			plain := till(t, 1)
			db := worktest.Open(t, plain.DSN)
			worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
				item := claimRefunds(ctx, t, db)[0]
				worktest.Exec(t, plain, `UPDATE payments SET `+c.change)
				tally, err := refundWriter(db).Write(ctx, []orders.RefundResult{ended(item, done())})
				require.NoError(t, err)
				require.Equal(t, c.tally, tally)
				return nil
			})
			require.Equal(t, []string{c.want}, refundRows(t, plain))
			require.Len(t, refundEvents(t, plain), int(c.tally.Succeeded))
		})
	}
	t.Run("locked", func(t *testing.T) {
		plain := till(t, 2, 1)
		db := worktest.Open(t, plain.DSN)
		worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
			items := claimRefunds(ctx, t, db)
			shop, err := plain.BeginTxx(ctx, nil)
			require.NoError(t, err)
			defer func() { _ = shop.Rollback() }()
			_, err = shop.ExecContext(ctx, `UPDATE payments SET failure_reason = 'busy' WHERE id = 1`)
			require.NoError(t, err)
			tally, err := refundWriter(worktest.OpenPatient(t, plain.DSN)).Write(ctx, []orders.RefundResult{ended(items[0], done(), done()), ended(items[1], done())})
			require.NoError(t, err, "if it waited for the lock, it would not end")
			require.Equal(t, batch.Tally{Succeeded: 1, Released: 1, Amounts: map[string]int64{"KRW": 1000}}, tally)
			return nil
		})
		require.Equal(t, []string{
			"refund_due 0 - - - free 0 - since -", "refunded 500 at pay_2 - free 0 - since -", "refunded 500 at pay_3 - free 0 - - -",
		}, refundRows(t, plain))
	})
}

// Who lost the lease of an order writes nothing.
func TestRefundWithoutItsLease(t *testing.T) {
	t.Parallel()
	plain := till(t, 1, 1)
	db := worktest.Open(t, plain.DSN)
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		items := claimRefunds(ctx, t, db)
		worktest.Exec(t, plain, `UPDATE order_checks SET lease = UNHEX(REPEAT('ab', 16)) WHERE order_id = 1`)
		_, err := refundWriter(db).Write(ctx, []orders.RefundResult{ended(items[0], done()), ended(items[1], done())})
		require.NoError(t, err)
		require.Equal(t, []string{"refund_due 0 - - - held 1 - since -", "refunded 500 at pay_2 - free 0 - - -"}, refundRows(t, plain))
		require.Len(t, refundEvents(t, plain), 1)

		worktest.Exec(t, plain, `UPDATE job_runs SET status = 'abandoned'`)
		worktest.Exec(t, plain, `UPDATE order_checks SET lease = ? WHERE order_id = 1`, items[0].Lease[:])
		_, err = refundWriter(db).Write(ctx, []orders.RefundResult{ended(items[0], done())})
		require.ErrorIs(t, err, batch.ErrLeaseLost, "the run's own lease counts too")
		return nil
	})
}

// A settlement that was lost on its way is made again; one of which only the answer was lost is known by its rows.
func TestRefundAfterALostCommit(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testdb.Proxy) <-chan struct{}{
		"its answer": (*testdb.Proxy).LoseCommitAnswer, "itself": (*testdb.Proxy).LoseCommit,
	} {
		t.Run(name, func(t *testing.T) {
			plain := till(t, 1, 1)
			proxy := testdb.NewProxy(t, plain.DSN)
			db := worktest.Open(t, proxy.DSN)
			worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
				items := claimRefunds(ctx, t, db)
				results := []orders.RefundResult{ended(items[0], done()), ended(items[1], putOff())}
				lost := lose(proxy)
				_, err := refundWriter(db).Write(ctx, results)
				require.ErrorIs(t, err, mysql.ErrCommitUnknown)
				<-lost
				worktest.Free(t, plain, "orders", "payments", "order_checks") // until then the repeated write passes them over
				tally, err := refundWriter(db).Write(ctx, results)
				require.NoError(t, err)
				require.Equal(t, batch.Tally{Succeeded: 1, InDoubt: 1, Amounts: map[string]int64{"KRW": 500}}, tally)
				return nil
			})
			require.Equal(t, []string{"refunded 500 at pay_1 - free 0 - - -", "refund_due 0 - - - free 1 1 since -"}, refundRows(t, plain))
			require.Len(t, refundEvents(t, plain), 1)
		})
	}
}

// A settlement that fails for a reason of its own changes nothing; its row goes to review.
func TestRefundReject(t *testing.T) {
	t.Parallel()
	plain := till(t, 2)
	db := worktest.Open(t, plain.DSN)
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		item := claimRefunds(ctx, t, db)[0]
		broken := done()
		broken.Given = 1
		r := ended(item, broken, putOff())
		worktest.Exec(t, plain, `ALTER TABLE payments ADD CONSTRAINT whole CHECK (refunded_amount IN (0, 500))`)
		w := refundWriter(db)
		_, err := w.Write(ctx, []orders.RefundResult{r})
		require.Error(t, err)
		require.False(t, errors.Is(err, batch.ErrUnavailable))
		require.Empty(t, refundEvents(t, plain))
		tally, err := w.Reject(ctx, r, err)
		require.NoError(t, err)
		require.Equal(t, batch.Tally{Review: 1}, tally)
		return w.Keep(ctx, []orders.RefundResult{r})
	})
	require.Equal(t, []string{"review 0 - - - free 1 1 since refunded, bu", "refund_due 0 - - - free 1 1 since refunded, bu"}, refundRows(t, plain))
	require.Len(t, refundEvents(t, plain), 1)
	require.Equal(t, 1, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM payments WHERE failure_reason LIKE 'refunded, but that could not be written: error %'`))
}
