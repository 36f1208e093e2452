package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/payment"
)

// On a host that is configured as a worker with the least rights, people act by database.operator_dsn, and by nothing else.
func TestOperatorsHaveALoginOfTheirOwn(t *testing.T) {
	s := newShop(t).guard(t)
	s.enrol(t, "soft", 12900)
	s.enrol(t, "ok", 12900)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	worker := s.as(workerRole)
	commands := [][]string{
		{"pause", "billing", "--reason", "prices"},
		{"resume", "billing"},
		{"pause", "gateway", "main", "--reason", "theirs"},
		{"resume", "gateway", "main"},
		{"resolve", "invoice", "1", "--as", "void", "--reason", "asked for"},
		{"doctor", "--history-confirmed", "--reason", "compared"},
	}
	require.Equal(t, batch.ExitDone, worker.duly(t, commands[0]...).code, "a worker pauses a gateway, so that it can pause anything")
	got := worker.duly(t, "resume", "billing")
	require.Equal(t, batch.ExitFailed, got.code, got.err)
	require.Contains(t, got.err, "denied")
	require.Equal(t, batch.ExitDone, s.duly(t, "resume", "billing").code)

	file := filepath.Join(t.TempDir(), "operator")
	require.NoError(t, os.WriteFile(file, []byte(s.userDSN(actingRole)+"\n"), 0o600))
	worker.env = append(worker.env, "DULY_DATABASE_OPERATOR_DSN_FILE="+file)
	for _, command := range commands {
		got := worker.duly(t, command...)
		require.Equal(t, batch.ExitDone, got.code, "%v %s", command, got.err)
	}
	require.Equal(t, int64(len(commands)+2), s.number(t, "SELECT COUNT(*) FROM operator_actions"))
}

// What is wrong with a login names the login: its password, and a right that it lacks, with what to do about it before anything else.
func TestAMistakeOfALoginNamesIt(t *testing.T) {
	s := newShop(t).guard(t)
	s.exec(t, "INSERT INTO pauses (subject, who, reason) VALUES ('billing', 'kim', 'x')")
	worker := s.as(workerRole)
	got := worker.duly(t, "resume", "billing")
	require.Equal(t, batch.ExitFailed, got.code)
	require.Regexp(t, "^duly: resume: database error: the user of database.dsn may not do that; set database.operator_dsn to a login with the role duly_operator_write of deploy/sql/grants.sql: .*(DELETE|SELECT with locking clause) command denied", got.err)

	looks := s.as(workerRole)
	looks.env = append(looks.env, "DULY_DATABASE_OPERATOR_DSN="+s.userDSN(operatorRole))
	got = looks.duly(t, "resume", "billing")
	require.Equal(t, batch.ExitFailed, got.code)
	require.Regexp(t, "^duly: resume: database error: the user of database.operator_dsn lacks a right; give it the role duly_operator_write of deploy/sql/grants.sql: ", got.err)

	mistyped := s.as(workerRole)
	mistyped.env = append(mistyped.env, "DULY_DATABASE_OPERATOR_DSN="+strings.Replace(s.db.DSN, "root@", "u_"+actingRole+":wrong@", 1))
	got = mistyped.duly(t, "resume", "billing")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, "wrong user or password in database.operator_dsn")
	require.Equal(t, batch.ExitDone, mistyped.duly(t, "status").code, "it is not asked about what only looks")
	require.Contains(t, mistyped.duly(t, "doctor").out, "wrong user or password in database.operator_dsn")

	got = s.as(operatorRole).duly(t, "run", "billing")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Regexp(t, "^duly: give the user of database.dsn the role duly_worker of deploy/sql/grants.sql: cannot write .*; and [0-9]+ more\n$", got.err)
	require.NotContains(t, got.err, "unavailable", "the database is there")
}

// What docs say of the worker's login: it does what writes the tables that a worker writes, and nothing else.
func TestWhatAWorkersLoginCanDo(t *testing.T) {
	s := backlog(t).guard(t)
	worker := s.as(workerRole)
	s.live(t, 2)
	_, known := s.attempt(t, "succeeded", "paid", payment.Succeeded)
	for _, c := range []struct {
		line   string
		denied bool
	}{
		{line: "pause outbox --reason x"},
		{line: "resume outbox", denied: true},
		{line: "pause gateway main --reason x"},
		{line: "resume gateway main", denied: true},
		{line: "resolve attempt 5 --as ignored --reason x"},
		{line: "resolve invoice 3 --as void --reason x"},
		{line: "resolve order 1 --as ignored --reason x"},
		{line: "resolve order 4711 --as ignored --reason x"},
		{line: "requeue order 2"},
		{line: "resolve finding 1 --as ignored --reason x"},
		{line: "requeue event 901"},
		{line: "throttle 2 --rate 5"},
		{line: "stop 2"},
		{line: "doctor --control main " + known, denied: true},
		{line: "doctor --history-confirmed --reason x"},
	} {
		got := worker.duly(t, strings.Fields(c.line)...)
		want := batch.ExitDone
		if c.denied {
			want = batch.ExitFailed
			require.Contains(t, got.err, "command denied", c.line)
		}
		require.Equal(t, want, got.code, "%s: %s", c.line, got.err)
	}
}

// A login is judged by its role: people who look need no rights to write.
func TestDoctorJudgesALoginByItsRole(t *testing.T) {
	s := newShop(t).guard(t)
	for role, says := range map[string]string{
		workerRole: "as needed by duly_worker (a worker)", operatorRole: "as needed by duly_operator (an operator who looks)",
		actingRole: "as needed by duly_operator_write (an operator who acts)", migratorRole: "as needed by duly_migrator (who migrates)",
	} {
		got := s.as(role).duly(t, "doctor", "--verbose")
		require.Equal(t, batch.ExitDone, got.code, got.out)
		require.Contains(t, got.out, says)
		require.Equal(t, role == workerRole || role == migratorRole, strings.Contains(got.out, "skip locked"))
	}
	both := s.as(workerRole)
	both.env = append(both.env, "DULY_DATABASE_OPERATOR_DSN="+s.userDSN(actingRole))
	got := both.duly(t, "doctor", "--verbose")
	require.Equal(t, batch.ExitDone, got.code, got.out)
	require.Regexp(t, `✓ operator +as needed by duly_operator_write \(an operator who acts\)`, got.out)

	both.env = append(both.env, "DULY_DATABASE_OPERATOR_DSN="+s.userDSN(operatorRole))
	got = both.duly(t, "doctor")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.out, "give the user of database.operator_dsn the role duly_operator_write of deploy/sql/grants.sql")

	s.exec(t, "REVOKE INSERT ON pauses FROM duly_operator_write")
	got = s.as(actingRole).duly(t, "doctor")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.out, "not allowed: INSERT on pauses")
	s.exec(t, "GRANT INSERT ON pauses TO duly_operator_write")
}

// The webhook is asked for, and sent a test event if that is wanted; files that every user can read are named.
func TestDoctorTriesTheWebhookAndLooksAtSecrets(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	receiver := &hook{status: http.StatusNoContent}
	server := httptest.NewServer(receiver)
	t.Cleanup(server.Close)
	folder := t.TempDir()
	secret := filepath.Join(folder, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("whsec_"+strings.Repeat("QUJD", 8)), 0o600))
	s.env = append(s.env, "DULY_OUTBOX_URL="+server.URL+"/hook", "DULY_OUTBOX_SECRET_FILE="+secret)
	got := s.duly(t, "doctor", "--verbose")
	require.Equal(t, batch.ExitDone, got.code, got.out)
	require.Contains(t, got.out, "not tried: duly doctor --webhook sends a test event")
	require.Contains(t, got.out, "no file with a secret can be read by every user of this host")

	got = s.duly(t, "doctor", "--webhook", "--verbose")
	require.Equal(t, batch.ExitDone, got.code, got.out)
	require.Contains(t, got.out, "took a test event")

	require.NoError(t, os.Chmod(secret, 0o644))
	receiver.status = http.StatusUnauthorized
	got = s.duly(t, "doctor", "--webhook")
	require.Equal(t, batch.ExitUsage, got.code, got.out)
	require.Contains(t, got.out, "every user of this host can read outbox.secret_file: "+secret)
	require.Contains(t, got.out, "chmod o-r "+secret)
	require.Contains(t, got.out, "401")

	require.NoError(t, os.Chmod(secret, 0o666))
	got = s.duly(t, "doctor")
	require.Contains(t, got.out, "other users of this host can change outbox.secret_file: "+secret)
	require.Contains(t, got.out, " · chmod 600 "+secret)

	server.Close()
	got = s.duly(t, "doctor")
	require.Equal(t, batch.ExitUsage, got.code, got.out)
	require.Contains(t, got.out, "\n  webhook")
}
