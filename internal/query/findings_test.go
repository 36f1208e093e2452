package query_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/query"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

func TestFindings(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	for i := range 5 {
		worktest.Exec(t, plain, `INSERT INTO audit_findings (kind, reference, gateway_payment_id, detail, run_id) VALUES ('unknown_here', ?, 'pay_1', '{"text": "why"}', ?)`, i, 7+i/3)
	}
	worktest.Exec(t, plain, `UPDATE audit_findings SET resolved_at = UTC_TIMESTAMP(6), resolution = 'ignored' WHERE id = 4`)

	list, n, err := query.OpenFindings(t.Context(), db, 2)
	require.NoError(t, err)
	require.EqualValues(t, 4, n)
	require.Len(t, list, 2)
	require.EqualValues(t, 5, list[0].ID)
	require.EqualValues(t, 3, list[1].ID)
	require.Equal(t, "why", list[0].Text())

	one, err := query.FindFinding(t.Context(), db, 4)
	require.NoError(t, err)
	require.Equal(t, "ignored", *one.Resolution)
	one, err = query.FindFinding(t.Context(), db, 6)
	require.NoError(t, err)
	require.Nil(t, one)

	list, err = query.FindingsOf(t.Context(), db, 7, 10)
	require.NoError(t, err)
	require.Len(t, list, 3)
	n, err = query.NewFindings(t.Context(), db, 8)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
}

func TestAuditedTo(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	until := func() string {
		at, err := query.AuditedTo(t.Context(), db)
		require.NoError(t, err)
		if at.IsZero() {
			return ""
		}
		return at.Format(time.RFC3339Nano)
	}
	ran := func(job, params string) {
		worktest.Exec(t, plain, `INSERT INTO job_runs (job, business_date, params, status, lease, lease_ms, host, pid, version)
VALUES (?, '2026-01-31', ?, 'completed', '1234567890123456', 60000, 'host', 1, 'v')`, job, params)
	}
	require.Empty(t, until())
	ran("billing", `{"audited_to": "2026-03-01T00:00:00.000000Z"}`)
	ran("audit", `{}`)
	ran("audit", `{"audited_to": ""}`)
	require.Empty(t, until())
	ran("audit", `{"audited_to": "2026-01-31T12:00:00.000001Z"}`)
	ran("audit", `{"audited_to": "2026-01-31T11:00:00.000000Z"}`) // it began before the other ended
	require.Equal(t, "2026-01-31T12:00:00.000001Z", until())
	ran("audit", `{}`)
	require.Equal(t, "2026-01-31T12:00:00.000001Z", until())
}
