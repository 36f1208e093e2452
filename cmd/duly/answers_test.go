package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/witness"
)

// What a gateway answered and the database did not take is saved on the host. The exit code keeps the host up, and the next run
// there, of whatever job, adds it to the tables; the charge is settled by it, and the gateway is not asked.
func TestAnswersThatTheDatabaseDoesNotTake(t *testing.T) {
	t.Parallel()
	plain := newShop(t)
	s, _ := plain.witnessed(t)
	dir := strings.TrimPrefix(s.env[0], "DULY_RUN_WITNESS=")
	for range 3 {
		s.enrol(t, "ok", 9900)
	}
	s.exec(t, `CREATE TRIGGER attempts BEFORE UPDATE ON payment_attempts FOR EACH ROW
IF NEW.subscription_id = 2 AND NEW.status <> 'in_flight' THEN SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1969, MESSAGE_TEXT = 'broken'; END IF`)
	s.exec(t, `CREATE TRIGGER answers BEFORE INSERT ON gateway_answers FOR EACH ROW SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1969, MESSAGE_TEXT = 'broken'`)
	got := s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitUnfinished, got.code, got.out+got.err)
	files, err := filepath.Glob(filepath.Join(dir, "answers-*.jsonl"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.Contains(t, got.out, "kept in "+files[0])
	info, err := os.Stat(files[0])
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.Equal(t, int64(2), s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid'"))
	require.Equal(t, "saved answers", failing(t, s.duly(t, "doctor", "--json")).Check)

	got = s.duly(t, "run", "report")
	require.Equal(t, batch.ExitUnfinished, got.code, "they stay while the database does not take them")
	require.Contains(t, got.err, "could not be added to the database")
	require.FileExists(t, files[0])

	s.exec(t, "DROP TRIGGER attempts")
	s.exec(t, "DROP TRIGGER answers")
	require.Equal(t, batch.ExitDone, s.duly(t, "pause", "billing", "--reason", "prices change").code)
	got = s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitNotRun, got.code)
	require.Contains(t, got.out+got.err, " saved answers of gateways were added to the database")
	require.NoFileExists(t, files[0])
	require.Positive(t, s.number(t, "SELECT COUNT(*) FROM gateway_answers"))
	require.Equal(t, batch.ExitDone, s.duly(t, "resume", "billing").code)

	asked := s.sim.Stats().Requests["findPayment"]
	got = s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
	require.Equal(t, int64(3), s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid'"))
	require.Equal(t, asked, s.sim.Stats().Requests["findPayment"], "the kept answer settled it")
	require.Equal(t, int64(3), s.requests())
}

// Lines that are no answers are set aside, and stop nothing.
func TestSavedAnswersThatCannotBeRead(t *testing.T) {
	t.Parallel()
	plain := newShop(t)
	s, _ := plain.witnessed(t)
	dir := strings.TrimPrefix(s.env[0], "DULY_RUN_WITNESS=")
	file := witness.AnswersIn(dir, config.Database{DSN: config.Secret(s.db.DSN)}.Address())
	answer := fmt.Sprintf(`{"idempotency_key":"sub_%d_20260131-1","run_id":7,"answer":{"reference":"r","customer_id":"c","money":{"amount":1,"currency":"KRW"},
"outcome":{"kind":"succeeded","payment_id":"pay_1"}},"saved_at":"2026-01-31T00:00:00Z"}`, 1)
	require.NoError(t, file.Add([][]byte{[]byte("half a li"), []byte(strings.ReplaceAll(answer, "\n", ""))}))
	got := s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
	require.Contains(t, got.err, "saved answers of gateways cannot be read")
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM gateway_answers WHERE run_id = 7"))
	require.FileExists(t, file.Path()+".unreadable")
}
