package mysql_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// Everything that is read in a snapshot is of one moment, in whichever way it is read, and what others write meanwhile is seen after it.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	pauses := func(at *mysql.DB) (counts []int) {
		var one int
		require.NoError(t, at.GetContext(t.Context(), &one, `SELECT COUNT(*) FROM pauses`))
		require.NoError(t, at.SelectContext(t.Context(), &counts, `SELECT COUNT(*) FROM pauses`))
		counts = append(counts, one)
		require.NoError(t, at.QueryRowxContext(t.Context(), `SELECT COUNT(*) FROM pauses`).Scan(&one))
		counts = append(counts, one)
		var found []string
		require.NoError(t, mysql.SelectIn(t.Context(), at, &found, `SELECT subject FROM pauses WHERE subject IN (?)`, []string{"billing"}))
		rows, err := at.QueryContext(t.Context(), `SELECT subject FROM pauses`)
		require.NoError(t, err)
		n := 0
		for rows.Next() {
			n++
		}
		require.NoError(t, errors.Join(rows.Err(), rows.Close()))
		return append(counts, len(found), n)
	}
	require.NoError(t, mysql.Snapshot(t.Context(), db, func(at *mysql.DB) error {
		require.Equal(t, []int{0, 0, 0, 0, 0}, pauses(at))
		worktest.Exec(t, plain, `INSERT INTO pauses (subject, who, reason, since) VALUES ('billing', 'kim', 'prices', UTC_TIMESTAMP(6))`)
		require.Equal(t, []int{0, 0, 0, 0, 0}, pauses(at))
		_, err := at.QueryContext(t.Context(), `DELETE FROM pauses`)
		require.Error(t, err, "it only reads")
		return nil
	}))
	require.Equal(t, []int{1, 1, 1, 1, 1}, pauses(db))
}

// A connection that is lost under way makes a new snapshot, of everything; other errors do not.
func TestSnapshotIsReadAgain(t *testing.T) {
	t.Parallel()
	db := worktest.Open(t, testdb.New(t).DSN)
	tries := 0
	require.NoError(t, mysql.Snapshot(t.Context(), db, func(at *mysql.DB) error {
		var one int
		require.NoError(t, at.GetContext(t.Context(), &one, `SELECT 1`))
		if tries++; tries == 1 {
			var id int64
			require.NoError(t, at.GetContext(t.Context(), &id, `SELECT CONNECTION_ID()`))
			_, err := db.ExecContext(t.Context(), `KILL ?`, id)
			require.NoError(t, err)
			return at.GetContext(t.Context(), &one, `SELECT 1`)
		}
		return nil
	}))
	require.Equal(t, 2, tries)
	tries = 0
	failed := errors.New("a bug")
	require.ErrorIs(t, mysql.Snapshot(t.Context(), db, func(*mysql.DB) error { tries++; return failed }), failed)
	require.Equal(t, 1, tries)
	require.ErrorIs(t, mysql.Snapshot(t.Context(), db, func(*mysql.DB) error { tries++; return batch.ErrUnavailable }), batch.ErrUnavailable)
	require.Equal(t, 1+mysql.Reconnect, tries)
}
