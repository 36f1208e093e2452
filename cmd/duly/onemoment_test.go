package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

// betweenTwoReads runs a command, lets something happen once it has read of the charges and waits for a table that it reads after them,
// and lets it go on.
func (s *shop) betweenTwoReads(t *testing.T, table, happens string, args ...string) ended {
	t.Helper()
	conn, err := s.db.Connx(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	_, err = conn.ExecContext(t.Context(), "LOCK TABLES "+table+" WRITE")
	require.NoError(t, err)
	end := s.begin(t, args...)
	eventually(t, func() bool {
		return s.number(t, `SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table%' AND DB = DATABASE()`) > 0
	})
	s.exec(t, happens)
	_, err = conn.ExecContext(t.Context(), "UNLOCK TABLES")
	require.NoError(t, err)
	return end()
}

// What a screen says is of one moment: claims of a run that settles them while status reads belong to that run, and not to runs that ended.
func TestStatusIsOfOneMoment(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.live(t, 1)
	s.attempt(t, "in_flight", "charging", "")
	s.attempt(t, "in_flight", "charging", "")
	got := s.betweenTwoReads(t, "audit_findings", "UPDATE payment_attempts SET status = 'succeeded' WHERE id = 1", "status")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.NotContains(t, got.out, "their runs have ended")
	require.NotContains(t, got.out, "Claimed")
	require.Contains(t, got.out, "\n> run 1   billing · heartbeat ")

	// Nor does a run that ends meanwhile count as one that lives and as the last one.
	got = s.betweenTwoReads(t, "audit_findings", "UPDATE job_runs SET status = 'completed', exit_code = 0, finished_at = UTC_TIMESTAMP(6)", "status")
	require.Contains(t, got.out, "\n> run 1   billing · heartbeat ")
	require.NotContains(t, got.out, "Last run")
	require.Contains(t, s.duly(t, "status").out, "Claimed   1, their runs have ended · duly run billing --step recover\n")
}

// Likewise what is shown of an invoice: what was found about it is not of another moment.
func TestAnInvoiceIsOfOneMoment(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.live(t, 1)
	s.attempt(t, "in_flight", "charging", "")
	got := s.betweenTwoReads(t, "pauses",
		`INSERT INTO audit_findings (kind, reference, detail) SELECT 'charged_twice', reference, '{}' FROM payment_attempts`, "show", "invoice", "1", "--json")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.out, `"findings": []`)
}
