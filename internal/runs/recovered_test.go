package runs_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// A run that took over the last charge of a dead one has recovered it; as long as there is another, nobody has.
func TestRecovered(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	r := repository(t, plain)
	for id := 1; id <= 4; id++ {
		run, err := r.Start(t.Context(), worktest.Spec())
		require.NoError(t, err)
		worktest.Exec(t, plain, `UPDATE job_runs SET status = 'abandoned', recovered_by = IF(id = 3, 9, 0) WHERE id = ?`, run.ID)
	}
	worktest.Exec(t, plain, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount, currency, gateway, payment_method, body_version, status, run_id)
VALUES (1, 1, 1, 0, 'k', 'r', 'c', 1, 'KRW', 'main', 'pm', 1, 'in_flight', 2)`)
	require.NoError(t, r.Recovered(t.Context(), 7, nil))
	require.NoError(t, r.Recovered(t.Context(), 7, []uint64{1, 2, 3}))
	require.Equal(t, []sql.Null[int64]{{V: 7, Valid: true}, {Valid: true}, {V: 9, Valid: true}, {Valid: true}},
		worktest.List[sql.Null[int64]](t, plain, `SELECT recovered_by FROM job_runs ORDER BY id`))
}
