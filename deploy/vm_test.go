//go:build linux

package deploy_test

import (
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/config"
)

// The VM is powered off by the exit code, and what is unfinished is run again, not for ever.
func TestTheVMIsPoweredOffByTheExitCode(t *testing.T) {
	for name, c := range map[string]struct {
		codes string
		runs  int
		code  int
		off   bool
	}{
		"done":                         {"0", 1, 0, true},
		"done, in review":              {"3", 1, 3, true},
		"not run":                      {"5", 1, 5, true},
		"failed":                       {"1", 1, 1, false},
		"bad configuration":            {"2", 1, 2, false},
		"killed":                       {"137", 1, 137, false},
		"no such program":              {"127", 1, 127, false},
		"unfinished, then done":        {"4 0", 2, 0, true},
		"stopped twice, then done":     {"130 143 3", 3, 3, true},
		"hung up, then done":           {"129 0", 2, 0, true},
		"unfinished, then failed":      {"4 1", 2, 1, false},
		"unfinished every time":        {"4 4 4 0", 3, 4, false},
		"unfinished, then not allowed": {"143 5", 2, 5, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t, c.codes)
			code, out, errs := run(t, f.command(t, vmScript, "billing", "--limit", "7"))
			require.Equal(t, c.code, code, errs)
			require.Empty(t, out)
			require.Equal(t, strings.Repeat("run billing --limit 7 --no-progress\n", c.runs), f.text("calls"))
			require.Equal(t, c.off, fileThere(f, "off"), errs)
			require.Equal(t, strings.Repeat("DULY_LOG_LEVEL=debug\n", c.runs), f.text("environment"), "the script's own are no keys of duly's")
		})
	}
}

func fileThere(f folder, name string) bool {
	_, err := os.Stat(f.file(name))
	return err == nil
}

func TestTheVMIsKeptUp(t *testing.T) {
	f := newFolder(t, "0 0")
	f.write(t, "keep-up", "")
	code, _, errs := run(t, f.command(t, vmScript))
	require.Zero(t, code)
	require.Contains(t, errs, "keep-up is there: the VM stays up")
	require.Equal(t, "run nightly --no-progress\n", f.text("calls"))

	require.NoError(t, os.Remove(f.file("keep-up")))
	code, _, _ = run(t, f.command(t, vmScript, "--stay-up", "nightly"))
	require.Zero(t, code)
	require.False(t, fileThere(f, "off"), "powering off is somebody else's")
	for exit, off := range map[string]bool{"143": false, "1": false, "TERM": false, "4": false, "0": true} {
		code, _, _ = run(t, f.command(t, vmScript, "--power-off", exit))
		require.Zero(t, code)
		require.Equal(t, off, fileThere(f, "off"), exit)
		_ = os.Remove(f.file("off"))
	}
}

// Answers of gateways that the database did not take wait on the VM for the next run there.
func TestTheVMStaysUpForSavedAnswers(t *testing.T) {
	for _, variable := range []string{"DULY_RUN_WITNESS", "STATE_DIRECTORY"} {
		f := newFolder(t, "0 0")
		state := t.TempDir()
		answers := state + "/answers-0123456789abcdef.jsonl"
		require.NoError(t, os.WriteFile(answers, []byte("{}\n"), 0o600))
		command := func() (int, string) {
			cmd := f.command(t, vmScript)
			cmd.Env = append(cmd.Env, variable+"="+state)
			code, _, errs := run(t, cmd)
			return code, errs
		}
		code, errs := command()
		require.Zero(t, code)
		require.Contains(t, errs, "answers of gateways wait in "+answers+": the VM stays up")
		require.False(t, fileThere(f, "off"))
		require.NoError(t, os.Remove(answers))
		code, errs = command()
		require.Zero(t, code)
		require.True(t, fileThere(f, "off"), errs)
	}
}

func TestADryRunOfTheVM(t *testing.T) {
	f := newFolder(t, "0")
	code, _, errs := run(t, f.command(t, vmScript, "--dry-run", "billing"))
	require.Zero(t, code)
	require.Contains(t, errs, "/duly run billing --no-progress\n")
	require.Contains(t, errs, "would power off: touch ")
	require.Empty(t, f.text("calls"))
	require.False(t, fileThere(f, "off"))
	require.False(t, fileThere(f, "lock"))
}

// A number with a leading zero is the number that people read.
func TestANumberWithALeadingZero(t *testing.T) {
	cmd := newFolder(t, "0").command(t, vmScript, "--dry-run")
	cmd.Env = append(cmd.Env, "DULY_WAIT=08", "DULY_TRIES=09")
	_, _, errs := run(t, cmd)
	require.Contains(t, errs, "9 times in all, first after 8s")
}

// The environment file of the service is read by the program as well, which takes no key of the scripts for one of its own.
func TestTheScriptsVariablesAreNoKeys(t *testing.T) {
	for _, script := range []string{vmScript, cronScript} {
		_, line, found := strings.Cut(read(t, script), "\nunset DULY ")
		require.True(t, found, script)
		line, _, _ = strings.Cut(line, "\n")
		for name := range strings.FieldsSeq(line) {
			_, err := config.Load(config.Options{NoFile: true, Env: []string{name + "=5"}})
			require.NoError(t, err, name)
		}
	}
	_, err := config.Load(config.Options{NoFile: true, Env: []string{"DULY_TRYS=5"}})
	require.ErrorContains(t, err, "DULY_TRYS", "a slip is found")
}

func TestMistakesOnTheVM(t *testing.T) {
	f := newFolder(t, "0")
	for name, c := range map[string]struct{ env, arg, says string }{
		"tries":           {"DULY_TRIES=none", "billing", `DULY_TRIES is "none"`},
		"no tries":        {"DULY_TRIES=0", "billing", "DULY_TRIES is 0"},
		"no tries at all": {"DULY_TRIES=000", "billing", "DULY_TRIES is 0"},
		"too many":        {"DULY_WAIT=10000000000", "billing", "at most nine digits"},
		"wait":            {"DULY_WAIT=1m", "billing", `DULY_WAIT is "1m"`},
		"flag first":      {"X=", "--limit", "the job comes before"},
		"lock":            {"DULY_LOCK=/no/where/lock", "billing", "cannot write /no/where/lock"},
		"no exit code":    {"X=", "--power-off", "takes one exit code"},
	} {
		cmd := f.command(t, vmScript, c.arg)
		cmd.Env = append(cmd.Env, c.env)
		code, _, errs := run(t, cmd)
		require.Equal(t, 2, code, name)
		require.Contains(t, errs, c.says, name)
	}
	require.Empty(t, f.text("calls"))
}

// Two do not overlap, and a signal is handed on to the run, which drains; then the VM stays up.
func TestAVMThatIsStopped(t *testing.T) {
	// Under nohup the script would ignore SIGHUP, as every child of a process that ignores it; one that handles it passes on nothing.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(handled) })
	for name, c := range map[string]struct {
		signal syscall.Signal
		run    string
	}{
		"SIGTERM": {syscall.SIGTERM, "wait"}, "SIGINT": {syscall.SIGINT, "wait"}, "SIGHUP": {syscall.SIGHUP, "wait"},
		"and the run had done its work": {syscall.SIGTERM, "ends-well"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t, c.run+" 0")
			first := f.command(t, vmScript, "billing")
			var errs strings.Builder
			first.Stderr = &errs
			require.NoError(t, first.Start())
			require.Eventually(t, func() bool { return fileThere(f, "running") }, 2*time.Minute, 2*time.Millisecond)

			code, _, second := run(t, f.command(t, vmScript, "billing"))
			require.Equal(t, 75, code)
			require.Contains(t, second, "another one is running here")

			require.NoError(t, first.Process.Signal(c.signal))
			require.Error(t, first.Wait())
			require.Equal(t, 143, first.ProcessState.ExitCode())
			require.Contains(t, errs.String(), "stopped by a signal: the VM stays up")
			require.False(t, fileThere(f, "off"))
			require.Equal(t, 1, strings.Count(f.text("calls"), "run"), "what was stopped on purpose is not run again")

			code, _, _ = run(t, f.command(t, vmScript, "billing"))
			require.Zero(t, code, "the lock is free again")
		})
	}
}
