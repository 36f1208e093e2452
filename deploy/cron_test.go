//go:build linux

package deploy_test

import (
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// cron mails what is printed: only what somebody should know of.
func TestCronTellsWhatSomebodyShouldKnow(t *testing.T) {
	for name, c := range map[string]struct {
		code string
		says string
	}{
		"done":       {"0", ""},
		"unfinished": {"4", ""},
		"stopped":    {"143", ""},
		"paused":     {"5", ""},
		"failed":     {"1", "exit code 1, failed"},
		"mistake":    {"2", "exit code 2, bad usage"},
		"in review":  {"3", "exit code 3, done, but something waits for an operator"},
		"killed":     {"137", "exit code 137, which is none of its own"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t, c.code)
			f.write(t, "billing.log", "the night before\n")
			code, out, errs := run(t, f.command(t, cronScript, "billing", "--limit", "7"))
			require.Equal(t, c.code, strconv.Itoa(code))
			require.Empty(t, errs)
			require.Equal(t, "run billing --limit 7 --no-progress\n", f.text("calls"))
			require.Contains(t, f.text("billing.log"), "a line of the run\n")
			require.Contains(t, f.text("billing.log"), " exit code "+c.code+"\n")
			if c.says == "" {
				require.Empty(t, out)
				return
			}
			require.Contains(t, out, c.says)
			require.Contains(t, out, "a line of the run\n")
			require.NotContains(t, out, "the night before")
		})
	}
}

func TestCronIsPatientWithWhatIsUnfinished(t *testing.T) {
	f := newFolder(t, "4 4 4 0 4")
	for turn, told := range []bool{false, false, true, false, false} {
		_, out, _ := run(t, f.command(t, cronScript, "reconcile"))
		require.Equal(t, told, strings.Contains(out, "unfinished for 3 turns in a row"), "turn %d: %s", turn, out)
	}
}

func TestCronSkipsATurnThatOverlaps(t *testing.T) {
	f := newFolder(t, "wait")
	first := f.command(t, cronScript, "billing")
	first.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what it starts ends with it
	require.NoError(t, first.Start())
	require.Eventually(t, func() bool { return fileThere(f, "running") }, 2*time.Minute, 2*time.Millisecond)
	code, out, errs := run(t, f.command(t, cronScript, "billing"))
	require.Equal(t, 75, code)
	require.Empty(t, out+errs)
	f.write(t, "codes", "0\n")
	code, _, _ = run(t, f.command(t, cronScript, "reconcile"))
	require.Zero(t, code, "another job is not kept from running")
	require.NoError(t, syscall.Kill(-first.Process.Pid, syscall.SIGTERM))
	require.Error(t, first.Wait())
	require.Equal(t, 143, first.ProcessState.ExitCode(), "the run drained, and the wrapper waited for it")
	require.Equal(t, "DULY_LOG_LEVEL=debug\nDULY_LOG_LEVEL=debug\n", f.text("environment"), "the script's own are no keys of duly's")
}

func TestMistakesUnderCron(t *testing.T) {
	f := newFolder(t, "0")
	for _, args := range [][]string{{}, {"--limit"}, {"bill/ing"}} {
		code, out, _ := run(t, f.command(t, cronScript, args...))
		require.Equal(t, 2, code)
		require.Contains(t, out, "say which job")
	}
	require.Empty(t, f.text("calls"))
}
