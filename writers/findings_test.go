package writers_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/audit"
	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/writers"
)

func finding(reference, text string) audit.Finding {
	return audit.Finding{Kind: audit.UnknownHere, Reference: reference, GatewayPaymentID: "pay_1", Detail: audit.Detail{Text: text}}
}

// find writes findings as one run does, which ends with the exit code of its tally.
func find(t *testing.T, db *mysql.DB, now time.Time, review int64, found ...audit.Finding) {
	t.Helper()
	worktest.Run(t, db, func(ctx context.Context, x *batch.StepExecution) error {
		x.Count(batch.Tally{Review: review})
		return store.Findings(ctx, db, now, found)
	})
}

// rows are the findings in words: text, run, whether they are open, and when they were seen.
func rows(t *testing.T, plain *testdb.DB) []string {
	t.Helper()
	return worktest.List[string](t, plain, `SELECT CONCAT_WS(' ', reference, JSON_UNQUOTE(JSON_EXTRACT(detail, '$.text')), run_id,
IF(resolved_at IS NULL, 'open', resolution), DATE_FORMAT(first_seen_at, '%e'), DATE_FORMAT(last_seen_at, '%e')) FROM audit_findings ORDER BY id`)
}

func TestAFindingIsOneRow(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	day := func(d int) time.Time { return time.Date(2026, 1, d, 12, 0, 0, 0, time.UTC) }
	find(t, db, day(1), 2, finding("b", "text"), finding("a", "text"), finding("b", "text"))
	require.Equal(t, []string{"a text 1 open 1 1", "b text 1 open 1 1"}, rows(t, plain), "in the order of the key, so that two audits wait for each other in one order")
	find(t, db, day(3), 0, finding("a", "text"), finding("b", "other text"))
	require.Equal(t, []string{"a text 1 open 1 3", "b other text 1 open 1 3"}, rows(t, plain))
	find(t, db, day(2), 0, finding("a", "text"))
	require.Equal(t, "a text 1 open 1 3", rows(t, plain)[0], "a clock that was set back")
	find(t, db, day(4), 1, finding("A", "text"))
	require.Len(t, rows(t, plain), 3, "references are compared by letter case")
	find(t, db, day(4), 0)
	require.Len(t, rows(t, plain), 3)
}

func TestFindingsThatNobodyWasToldOf(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		status, exit, want string
	}{
		{"'completed'", "3", "a text 1 open 1 1"},
		{"'completed'", "4", "a text 3 open 1 1"},
		{"'failed'", "1", "a text 3 open 1 1"},
		{"'abandoned'", "NULL", "a text 3 open 1 1"},
		{"'stopped'", "143", "a text 3 open 1 1"},
		{"'running'", "NULL", "a text 1 open 1 1"}, // it has yet to end
	} {
		plain := testdb.New(t)
		db := worktest.Open(t, plain.DSN)
		find(t, db, now, 1, finding("a", "text"))
		worktest.Exec(t, plain, `UPDATE job_runs SET status = `+c.status+`, exit_code = `+c.exit)
		find(t, db, now, 0, finding("a", "text"))
		require.Equal(t, "a text 1 open 1 1", rows(t, plain)[0], "seeing it again is not telling of it")
		worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
			return writers.BeginAudit(ctx, db, payment.Window{From: now, To: now}, now)
		})
		require.Equal(t, []string{c.want}, rows(t, plain), c)
		require.Equal(t, "2026-01-01T12:00:00.000000Z", worktest.Get[string](t, plain, `SELECT JSON_UNQUOTE(JSON_EXTRACT(params, '$.audited_to')) FROM job_runs WHERE id = 3`))
	}
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	find(t, db, now, 0, finding("a", "text"))
	require.NoError(t, operator.ResolveFinding(t.Context(), db, 1, payment.AsIgnored, now, action("finding:1")))
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		return writers.BeginAudit(ctx, db, payment.Window{From: now, To: now}, now)
	})
	require.Equal(t, []string{"a text 1 ignored: because 1 1"}, rows(t, plain))
}

func TestAResolvedFinding(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	find(t, db, now, 0, finding("a", "text")) // and nobody was told of it
	require.NoError(t, operator.ResolveFinding(t.Context(), db, 1, payment.AsIgnored, now.AddDate(0, 0, 1), action("finding:1")))
	require.Equal(t, []string{"a text 1 ignored: because 1 1"}, rows(t, plain))
	require.Equal(t, "resolve finding:1 ada because", worktest.Get[string](t, plain, `SELECT CONCAT_WS(' ', action, subject, who, reason) FROM operator_actions`))

	err := operator.ResolveFinding(t.Context(), db, 1, payment.AsRefunded, now, action("finding:1"))
	_, refused := errors.AsType[store.RefusedError](err)
	require.True(t, refused)
	require.ErrorContains(t, err, "finding 1 was resolved on 2026-01-02 12:00:00: ignored: because")
	require.ErrorIs(t, operator.ResolveFinding(t.Context(), db, 2, payment.AsRefunded, now, action("finding:2")), operator.ErrNotThere)
	require.Equal(t, 1, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM operator_actions`))

	find(t, db, now.AddDate(0, 0, 2), 0, finding("a", "text"))
	require.Equal(t, []string{"a text 1 ignored: because 1 3"}, rows(t, plain))
	find(t, db, now.AddDate(0, 0, 3), 1, finding("a", "changed"))
	require.Equal(t, []string{"a changed 3 open 1 4"}, rows(t, plain))
}
