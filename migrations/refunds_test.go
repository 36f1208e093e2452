package migrations_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/test/testdb"
)

// Whatever the shop writes into a refund that may have been executed, it is not lost: the statement fails, and what was changed before the
// constraint was there goes to review.
func TestARefundThatMayBeExecutedIsNotTakenBack(t *testing.T) {
	db := testdb.New(t)
	back(t, db, "00014_refund_checks.sql")
	exec(t, db, `INSERT INTO refunds (id, payment_id, reason, status, unsettled, restock, settled_at) VALUES
(1, 11, 'r', 'cancelled', 1, 0, UTC_TIMESTAMP(6)), (2, 12, 'r', 'requested', 1, 0, NULL), (3, 13, 'r', 'in_doubt', 1, 2, NULL), (4, 14, 'r', 'cancelled', NULL, 1, UTC_TIMESTAMP(6)),
(5, 15, 'r', 'refunded', 1, 0, NULL)`)
	exec(t, db, `INSERT INTO refunds (id, payment_id, reason, status, origin) VALUES (6, 16, 'r', 'requested', 'x'), (7, 17, 'r', 'requested', 'provider'), (8, 18, 'r', 'refunded', 'provider'),
(9, 19, 'r', 'requested', 'refund_due'), (10, 20, 'r', 'in_flight', 'x'), (11, 21, 'r', 'refused', 'x')`)
	up(t, db)
	require.Equal(t, []string{
		"1 review 1 0 it was changed to cancelled while it may have been executed", "2 review 1 0 it was changed to requested while it may have been executed", "3 in_doubt 1 1", "4 cancelled 1",
		"5 review 1 0 it was changed to refunded while it may have been executed",
	}, list(t, db, `SELECT CONCAT_WS(' ', id, status, unsettled, restock, detail) FROM refunds WHERE id < 6 ORDER BY id`))
	require.Equal(t, []string{
		"6 request review no run has executed it, since its origin was x: was it made already?", "7 request review no run has executed it, since its origin was provider: was it made already?",
		"8 provider refunded", "9 refund_due requested", "10 request review no run has executed it, since its origin was x: was it made already?", "11 request refused",
	}, list(t, db, `SELECT CONCAT_WS(' ', id, origin, status, detail) FROM refunds WHERE id > 5 ORDER BY id`))
	require.Zero(t, number(t, db, `SELECT COUNT(*) FROM refunds WHERE status = 'review' AND unsettled = 1 AND (settled_at IS NOT NULL OR next_try_at IS NULL)`))
	for _, status := range []string{"cancelled", "requested", "refunded", "refused"} {
		_, err := db.ExecContext(t.Context(), `UPDATE refunds SET status = ? WHERE unsettled = 1`, status)
		require.ErrorContains(t, err, "refunds_unsettled")
	}
	_, err := db.ExecContext(t.Context(), `INSERT INTO refunds (payment_id, reason, restock) VALUES (16, 'r', 2)`)
	require.ErrorContains(t, err, "refunds_restock_flag")
	for _, origin := range []string{"provider", "x"} {
		_, err = db.ExecContext(t.Context(), `INSERT INTO refunds (payment_id, reason, origin) VALUES (16, 'r', ?)`, origin)
		require.ErrorContains(t, err, "refunds_origin")
	}
	exec(t, db, `UPDATE refunds SET status = 'cancelled' WHERE unsettled IS NULL AND origin = 'request'`)
	back(t, db, "00014_refund_checks.sql")
	require.Equal(t, 11, number(t, db, "SELECT COUNT(*) FROM refunds"))
	up(t, db)
}
