package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/checkup"
	"duly/internal/session"
	"duly/internal/suspicion"
	"duly/internal/test/worktest"
	"duly/internal/witness"
)

// witnessed is the shop with a witness.
func (s *shop) witnessed(t *testing.T) (*shop, *witness.File) {
	t.Helper()
	one, dir := *s, t.TempDir()
	one.env = append([]string{"DULY_RUN_WITNESS=" + dir}, s.env...)
	return &one, witness.In(dir, config.Database{DSN: config.Secret(s.db.DSN)}.Address())
}

// blind makes the gateway one that can neither be asked by key nor listed.
func (s *shop) blind() *shop {
	one := *s
	one.env = append([]string{"DULY_GATEWAYS_MAIN_LOOK_UP=false", "DULY_GATEWAYS_MAIN_LIST=false"}, s.env...)
	return &one
}

// restore sets the tables back to before the charges after one attempt.
func (s *shop) restore(t *testing.T, but uint64) {
	t.Helper()
	s.exec(t, `DELETE FROM payment_attempts WHERE id > ?`, but)
	s.exec(t, `DELETE FROM bookings WHERE kind = 'attempt' AND row_id > ?`, but)
	s.exec(t, `UPDATE invoices SET status = 'open', attempts = 0, paid_at = NULL WHERE id NOT IN (SELECT invoice_id FROM payment_attempts)`)
}

// sinceSuspected makes the suspicion that long ago.
func (s *shop) sinceSuspected(t *testing.T, d time.Duration) {
	t.Helper()
	s.exec(t, `UPDATE known_servers SET suspected_at = UTC_TIMESTAMP(6) - INTERVAL ? MICROSECOND WHERE suspected_at IS NOT NULL`, d.Microseconds())
}

// isTooEarly expects that a command is refused until no request of the lost history can arrive any more.
func (s *shop) isTooEarly(t *testing.T, args ...string) {
	t.Helper()
	got := s.duly(t, args...)
	require.Equal(t, batch.ExitUnfinished, got.code, "%s\n%s", got.out, got.err)
	require.Contains(t, got.out+got.err, "requests from before may still arrive until "+time.Now().UTC().Format("2006-"))
	require.Contains(t, got.out+got.err, "type it again after that: duly "+strings.Join(args[:2], " "))
}

func (s *shop) requests() int64 { return int64(s.sim.Stats().Requests["createPayment"]) }

// A billing run leaves a witness beside it. If the database does not show what it names, a gateway that nobody can ask is
// sent nothing until an operator has confirmed the history.
func TestARestoredDatabaseIsNoticedByTheWitness(t *testing.T) {
	t.Parallel()
	plain := newShop(t)
	s, file := plain.witnessed(t)
	s = s.blind()
	s.enrol(t, "ok", 9900)
	s.enrol(t, "ok", 9900)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	kept, err := file.Read()
	require.NoError(t, err)
	mark := *kept.Mark
	require.Equal(t, s.number(t, `SELECT MAX(id) FROM payment_attempts`), int64(mark.Attempt))
	require.WithinDuration(t, time.Now(), mark.At, worktest.Patience)
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM known_servers WHERE confirmed_by = 'the first start'`))

	s.restore(t, 1)
	sent := s.requests()
	s.isTooEarly(t, "run", "billing")
	noted := s.number(t, `SELECT CAST(UNIX_TIMESTAMP(suspected_at) * 1000000 AS SIGNED) FROM known_servers`)
	s.isTooEarly(t, "run", "billing")
	require.Equal(t, noted, s.number(t, `SELECT CAST(UNIX_TIMESTAMP(suspected_at) * 1000000 AS SIGNED) FROM known_servers`), "it counts from the first one")
	attempt := fmt.Sprint(s.number(t, `SELECT MAX(id) FROM payment_attempts`))
	for _, line := range []string{
		"doctor --history-confirmed --reason why", "adopt main --reason why", "resolve attempt " + attempt + " --as not_executed --reason why",
		"resolve attempt " + attempt + " pay_1 --as paid --reason why", "requeue invoice 1",
	} {
		s.isTooEarly(t, strings.Fields(line)...)
	}
	elsewhere := *s // a host without a witness
	elsewhere.env = append([]string{"DULY_RUN_WITNESS=none"}, s.env...)
	elsewhere.isTooEarly(t, "run", "billing")
	require.Contains(t, failing(t, s.duly(t, "doctor", "--json")).Detail, "requests from before may still arrive until")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing", "--dry-run").code)
	require.Equal(t, batch.ExitDone, s.duly(t, "adopt", "main").code)

	s.sinceSuspected(t, 3*time.Minute-20*time.Second) // a lease and the longest request
	s.isTooEarly(t, "run", "billing")
	s.sinceSuspected(t, 3*time.Minute)
	for range 2 {
		got := s.duly(t, "run", "billing")
		require.Equal(t, batch.ExitFailed, got.code, got.out)
		require.Contains(t, got.out+got.err, suspicion.ConfirmCommand)
		require.Contains(t, got.out+got.err, mark.Key)
	}
	require.Equal(t, sent, s.requests(), "nothing was sent")
	doctor := s.duly(t, "doctor", "--json")
	require.Equal(t, "history", failing(t, doctor).Check)
	still, err := file.Read()
	require.NoError(t, err)
	require.Equal(t, &mark, still.Lost, "what is lost stays until somebody confirms the history")

	require.Equal(t, batch.ExitUsage, s.duly(t, "doctor", "--history-confirmed").code)
	require.Equal(t, batch.ExitUsage, s.duly(t, "doctor", "--reason", "why").code)
	got := s.duly(t, "doctor", "--history-confirmed", "--reason", "compared with the provider's export", "--json")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.True(t, document[checkup.Confirmed](t, got).Done)
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM operator_actions WHERE action = 'confirm' AND subject = 'history' AND who = ?
AND reason = 'compared with the provider''s export'`, session.OperatorName()))
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM known_servers WHERE confirmed_by = ?`, session.OperatorName()))
	require.Equal(t, batch.ExitDone, s.duly(t, "doctor").code)
	got = s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitDone, got.code, got.out)
	require.Equal(t, sent+1, s.requests())

	s.restore(t, 1)
	s.isTooEarly(t, "run", "billing") // another loss is another suspicion
}

// Without a witness, a server that nobody has confirmed is one that a backup may have been restored on.
func TestARestoredDatabaseIsNoticedByItsServer(t *testing.T) {
	t.Parallel()
	plain := newShop(t)
	s := plain.blind()
	s.enrol(t, "ok", 9900)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	s.exec(t, `UPDATE known_servers SET server = 'another'`)
	s.enrol(t, "ok", 9900)
	sent := s.requests()
	plain.isTooEarly(t, "run", "billing")
	s.sinceSuspected(t, 3*time.Minute)
	plain.isTooEarly(t, "run", "billing") // its list is behind by a minute
	got := s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitFailed, got.code, got.out)
	require.Contains(t, got.out+got.err, suspicion.ConfirmCommand)
	require.Equal(t, sent, s.requests())
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM known_servers WHERE confirmed_at IS NULL`))
	s.sinceSuspected(t, 4*time.Minute)

	// A gateway that can be asked goes on by its own checks.
	got = plain.duly(t, "run", "billing")
	require.Equal(t, batch.ExitDone, got.code, got.out)
	require.Equal(t, sent+1, s.requests())

	s.enrol(t, "ok", 9900)
	require.Equal(t, batch.ExitFailed, s.duly(t, "run", "billing").code, "a run of another gateway confirms nothing")
	require.Equal(t, batch.ExitDone, s.duly(t, "doctor", "--history-confirmed", "--reason", "a new server").code)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
}

// The newest charge that a host knows of vouches for a new server, unless another host was charging as well: what that one
// was told of after it may be lost.
func TestAWitnessVouchesForANewServer(t *testing.T) {
	t.Parallel()
	plain := newShop(t)
	s, _ := plain.witnessed(t)
	s.enrol(t, "ok", 9900)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	s.exec(t, `UPDATE known_servers SET server = 'another'`)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Equal(t, int64(1), s.number(t, `SELECT COUNT(*) FROM known_servers WHERE confirmed_by = 'the witness of a worker'`))

	s.exec(t, `UPDATE known_servers SET server = SHA2(server, 256)`)
	s.exec(t, `INSERT INTO job_runs (job, business_date, params, status, lease, lease_ms, host, pid, version, heartbeat_at, started_at)
VALUES ('billing', '2026-01-31', '{}', 'completed', REPEAT('d', 16), 60000, 'other', 1, 'v', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))`)
	s.isTooEarly(t, "run", "billing")
}

// A run that finds commits lost by itself notes it, so that the next one waits although no host has a witness.
func TestALossThatARunFindsIsNoted(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "ok", 9900)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, err := s.db.ExecContext(r.Context(), `DELETE FROM payment_attempts`)
			assert.NoError(t, err)
		}
		s.sim.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	got := s.at(front.URL).duly(t, "run", "billing")
	require.Equal(t, batch.ExitFailed, got.code, got.out)
	require.Contains(t, got.out, "the database has lost commits")
	s.isTooEarly(t, "run", "billing")
	require.Contains(t, failing(t, s.duly(t, "doctor", "--json")).Detail, "run 1 found out that commits were lost")
}

// A witness that cannot be written is told of, and stops nothing.
func TestAWitnessThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	s.env = append(s.env, "DULY_RUN_WITNESS="+file)
	s.enrol(t, "ok", 9900)
	got := s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitDone, got.code, got.out)
	require.Contains(t, got.err, "the witness cannot be written")
	s.env = append(s.env, "DULY_RUN_WITNESS=relative")
	require.Equal(t, batch.ExitUsage, s.duly(t, "run", "billing").code)
}
