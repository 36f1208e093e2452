package writers_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/test/worktest"
)

// A settlement is noted once it is committed. One whose attempt is gone ends the run and keeps the answer; an attempt
// that somebody else has taken over does not.
func TestASettlementAfterLostCommits(t *testing.T) {
	t.Parallel()
	plain := shop(t, 4)
	db := worktest.Open(t, plain.DSN)
	result := worktest.Run(t, db, func(ctx context.Context, x *batch.StepExecution) error {
		items := claim(ctx, t, db)
		write := func(item billing.Claimed) {
			_, err := settle(t, db).Write(ctx, []billing.Result{paid(item)})
			require.NoError(t, err)
		}
		write(items[0])
		_, settled := x.Acknowledged.Marks()
		require.Equal(t, &batch.Mark{ID: items[0].ID, Key: items[0].Charge.Key, Lease: items[0].Lease}, settled)

		worktest.Exec(t, plain, `UPDATE payment_attempts SET lease = 'somebody else 16' WHERE id = ?`, items[1].ID)
		write(items[1])
		require.NoError(t, x.Halted(), "taken over")

		worktest.Exec(t, plain, `DELETE FROM payment_attempts WHERE id = ?`, items[2].ID)
		write(items[2])
		require.ErrorIs(t, x.Halted(), batch.ErrHistoryLost)
		require.ErrorContains(t, x.Halted(), items[2].Charge.Key)
		return nil
	})
	require.NotNil(t, result)
	require.Equal(t, []string{"sub_2_20260131-1", "sub_3_20260131-1"},
		worktest.List[string](t, plain, `SELECT idempotency_key FROM gateway_answers ORDER BY id`))
}

// On another server than the one that the run began on nothing is settled: the answers are kept there, and the run ends.
func TestASettlementOnAnotherServer(t *testing.T) {
	t.Parallel()
	plain := shop(t, 2)
	db := worktest.Open(t, plain.DSN)
	own, other := worktest.Servers(t, db)
	worktest.Run(t, db, func(ctx context.Context, x *batch.StepExecution) error {
		items := claim(ctx, t, db)
		w := settle(t, db)
		w.Server = own
		_, err := w.Write(ctx, []billing.Result{paid(items[0])})
		require.NoError(t, err)
		require.NoError(t, x.Halted())
		w.Server = other
		_, err = w.Write(ctx, []billing.Result{paid(items[1])})
		require.ErrorIs(t, err, batch.ErrHistoryLost)
		require.ErrorIs(t, x.Halted(), batch.ErrOtherServer)
		return nil
	})
	require.Equal(t, []string{"succeeded", "in_flight"}, worktest.List[string](t, plain, `SELECT status FROM payment_attempts ORDER BY id`))
}
