package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/app"
	"duly/internal/batch"
	"duly/internal/view"
)

// A log file that takes no lines is said once, and the command does not end with 0.
func TestALogFileThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "soft", 100)
	s.env = append(s.env, "DULY_LOG_FILE=/dev/full", "DULY_LOG_LEVEL=debug")
	got := s.duly(t, "run", "billing", "--no-progress")
	require.Equal(t, batch.ExitFailed, got.code, got.err)
	require.Regexp(t, `(?s)duly: log\.file: no space left on device: lines are missing in it`, got.err)
	require.NotRegexp(t, `(?s)no space left.*no space left`, got.err)
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM job_runs WHERE exit_code = 0"), "the run itself did all that it could")
}

// A page that could not be written is refused before the run.
func TestAPageThatCannotBeWrittenIsRefusedFirst(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "ok", 100)
	got := s.duly(t, "run", "billing", "--report", "/proc/self/page.html")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, "duly: --report: write /proc/self/page.html: ")
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM job_runs"))
}

// A token that somebody pastes into a reason is not stored.
func TestAReasonHoldsNoSecret(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("whsec_QUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJD"), 0o600))
	s.env = append(s.env, "DULY_OUTBOX_URL=http://127.0.0.1:9/hook", "DULY_OUTBOX_SECRET_FILE="+secret)
	reason := "--reason=refused whsec_QUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJD since noon"
	require.Equal(t, batch.ExitDone, s.duly(t, "pause", "billing", reason).code)
	require.Equal(t, batch.ExitDone, s.duly(t, "resume", "billing", reason).code)
	require.Equal(t, int64(2), s.number(t, "SELECT COUNT(*) FROM operator_actions WHERE reason = 'refused [redacted] since noon'"))
}

// A job that does not run says so in a document as well.
func TestAPausedJobHasADocument(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.exec(t, "INSERT INTO pauses (subject, who, reason) VALUES ('billing', 'ada', 'holiday')")
	got := s.duly(t, "run", "billing", "--json")
	require.Equal(t, batch.ExitNotRun, got.code)
	doc := document[view.Summary](t, got)
	require.Equal(t, app.StatusNotRun, doc.Status)
	require.Equal(t, batch.ExitNotRun, doc.Exit)
	require.Contains(t, doc.Error, "ada paused billing")
	require.Contains(t, got.err, "duly: not run: ada paused billing")
}
