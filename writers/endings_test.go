package writers_test

import (
	"context"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/billing/dunning"
	"duly/internal/endings"
	"duly/internal/mysql"
	"duly/internal/test/worktest"
)

// A subscription whose customer pauses it before its last decline is settled, or at that moment, is not marked as one that dunning paused.
func TestAPauseOfTheCustomersIsNotMarked(t *testing.T) {
	t.Parallel()
	plain := inReview(t)
	db := worktest.OpenPatient(t, plain.DSN)
	pause := func(ctx context.Context) error {
		return mysql.Tx(ctx, db, "settle", func(tx *sqlx.Tx) error {
			rows := []endings.Row{{Invoice: 1, Subscription: 1, Dunning: dunning.Frozen{Policy: "once", AfterLast: dunning.PauseAfterLast, Paused: true}}}
			return endings.Mark(ctx, tx, rows, func() error { return endings.Pause(ctx, tx, [][]any{{1}}) })
		})
	}
	marks := func() int {
		return worktest.Get[int](t, plain, `SELECT COUNT(*) FROM invoices WHERE dunning REGEXP '[0-9]{20}$'`)
	}
	holder, err := plain.BeginTxx(t.Context(), nil)
	require.NoError(t, err)
	_, err = holder.ExecContext(t.Context(), `UPDATE subscriptions SET status = 'paused' WHERE id = 1`)
	require.NoError(t, err)
	require.NoError(t, waitsForALock(t, plain, pause, holder.Commit))
	require.Zero(t, marks(), "at that moment")
	require.NoError(t, pause(t.Context()))
	require.Zero(t, marks(), "before")

	worktest.Exec(t, plain, `UPDATE subscriptions SET status = 'past_due', updated_at = updated_at - INTERVAL 1 HOUR WHERE id = 1`)
	require.Eventually(t, func() bool { // an instant without microseconds marks nothing
		worktest.Exec(t, plain, `UPDATE subscriptions SET status = 'past_due' WHERE id = 1`)
		require.NoError(t, pause(t.Context()))
		return marks() == 1
	}, worktest.Patience, time.Millisecond)
}
