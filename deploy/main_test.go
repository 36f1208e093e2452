// Package deploy_test checks what is deployed: scripts, units, manifests and templates.
package deploy_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The scripts that run duly and go by its exit code.
const (
	vmScript   = "bin/duly-vm"
	cronScript = "cron/duly-cron"
)

// read is the text of a file of this folder.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

// folder has a program named duly that writes down how it was called and ends with one exit code after the other.
type folder struct{ path string }

const fakeProgram = `#!/bin/sh
here=$(dirname -- "$0")
printf '%s\n' "$*" >>"$here/calls"
env | grep '^DULY_' >>"$here/environment"
printf 'a line of the run\n' >&2
code=$(head -n 1 "$here/codes")
sed -i 1d "$here/codes"
if [ "$code" = wait ]; then
	trap 'exit 143' TERM
	: >"$here/running"
	while :; do sleep 0.02; done
fi
if [ "$code" = ends-well ]; then
	trap 'exit 0' TERM
	: >"$here/running"
	while :; do sleep 0.02; done
fi
exit "$code"
`

func newFolder(t *testing.T, codes string) folder {
	t.Helper()
	f := folder{t.TempDir()}
	f.write(t, "duly", fakeProgram)
	f.write(t, "codes", strings.ReplaceAll(codes, " ", "\n")+"\n")
	return f
}

func (f folder) file(name string) string { return filepath.Join(f.path, name) }

func (f folder) write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(f.file(name), []byte(text), 0o755))
}

// text is what a file of the folder says; empty if there is none.
func (f folder) text(name string) string {
	text, err := os.ReadFile(f.file(name))
	if err != nil {
		return ""
	}
	return string(text)
}

// command is a script of this folder with the program beside it.
func (f folder) command(t *testing.T, script string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := filepath.Abs(script)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), path, args...)
	own := []string{
		"DULY_WAIT=0", "DULY_TRIES=3", "DULY_LOCK=" + f.file("lock"), "DULY_POWEROFF=touch " + f.file("off"), "DULY_KEEP_UP=" + f.file("keep-up"),
	}
	if script == cronScript {
		own = []string{"DULY_LOGS=" + f.path, "DULY_LOCKS=" + f.path}
	}
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "DULY=" + f.file("duly"), "DULY_LOG_LEVEL=debug"}, own...)
	return cmd
}

// run runs a command to its end.
func run(t *testing.T, cmd *exec.Cmd) (code int, out, errs string) {
	t.Helper()
	var o, e strings.Builder
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); !ok {
		require.NoError(t, err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}
