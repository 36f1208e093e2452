package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const page = "# Commands\n\n## duly\n\n```text\nduly charges.\n\nUsage:\n  duly COMMAND\n\nCommands:\n  list  List what waits\n        for somebody\n```\n\n" +
	"## duly list\n\n```text\nLists what waits.\nThese kinds:\n\n  - a\\b\n\n'…' is a sign.\n\nUsage:\n  duly list [flags]\n\nExamples:\n  duly list --all\n\nFlags:\n      --all    all\n  -h, --help   help\n```\n"

func TestManual(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "commands.md")
	require.NoError(t, os.WriteFile(path, []byte(page), 0o600))
	require.NoError(t, run([]string{"man", path, folder, "1.2.3", "2026-01-31"}, io.Discard))
	text, err := os.ReadFile(filepath.Join(folder, "duly-list.1"))
	require.NoError(t, err)
	require.Equal(t, `.TH "DULY-LIST" 1 "2026-01-31" "duly 1.2.3" "duly"
.nh
.ad l
.SH NAME
duly\-list \- List what waits for somebody
.SH SYNOPSIS
.nf
duly list [flags]
.fi
.SH DESCRIPTION
Lists what waits.
These kinds:
.PP
.nf
  \- a\eb
.fi
.PP
\&'\[u2026]' is a sign.
.SH FLAGS
.nf
    \-\-all    all
\-h, \-\-help   help
.fi
.SH EXAMPLES
.nf
duly list \-\-all
.fi
.SH SEE ALSO
.BR duly (1)
`, string(text))
}

// Every command of the real page has a manual page with a line about it.
func TestEveryCommandHasAManualPage(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, writeManual("../../docs/commands.md", folder, "dev", "2026-01-31"))
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	text, err := os.ReadFile("../../docs/commands.md")
	require.NoError(t, err)
	require.Len(t, files, strings.Count(string(text), "\n## duly"))
	require.Greater(t, len(files), 20)
}

func TestNotices(t *testing.T) {
	version, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Version}}", "github.com/stretchr/testify").Output()
	require.NoError(t, err)
	testify := &debug.Module{Path: "github.com/stretchr/testify", Version: strings.TrimSpace(string(version))}
	text, err := notices(&debug.BuildInfo{GoVersion: "go1.26", Path: "duly/cmd/duly", Deps: []*debug.Module{{Path: "elsewhere", Replace: testify}}})
	require.NoError(t, err)
	require.Contains(t, string(text), "duly is linked of the Go standard library and of 1 modules.")
	require.Contains(t, string(text), "\nGo 1.26: LICENSE\n")
	require.Contains(t, string(text), "\ngithub.com/stretchr/testify "+testify.Version+": LICENSE\n")
	require.Contains(t, string(text), "MIT License")

	var out bytes.Buffer
	empty := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(empty, "licensed.go"), nil, 0o600))
	require.ErrorIs(t, notice(&out, "m", empty), errNoLicence)
	require.NoError(t, os.WriteFile(filepath.Join(empty, "LICENSE-MIT"), []byte("free"), 0o600))
	require.NoError(t, notice(&out, "m", empty))
	require.Contains(t, out.String(), "m: LICENSE-MIT\n")
	require.ErrorIs(t, run([]string{"fly"}, io.Discard), errUsage)
}
