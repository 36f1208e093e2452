package archtest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDecisionsHaveOneNumber: two decisions that are written side by side take the same free number, and a reference to it
// then means either.
func TestDecisionsHaveOneNumber(t *testing.T) {
	files, err := filepath.Glob("../../docs/adr/[0-9]*.md")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	name := regexp.MustCompile(`^(\d{4})-[a-z0-9-]+\.md$`)
	seen := map[int]string{}
	for _, file := range files {
		base := filepath.Base(file)
		parts := name.FindStringSubmatch(base)
		if !assert.NotNil(t, parts, "%s is named NNNN-subject.md", base) {
			continue
		}
		number, err := strconv.Atoi(parts[1])
		require.NoError(t, err)
		assert.Empty(t, seen[number], "%s has a number that is taken", base)
		seen[number] = base
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(string(text), fmt.Sprintf("# %d. ", number)), "the title of %s begins with its number", base)
	}
}

var update = flag.Bool("update", false, "write the index of decisions anew")

// TestTheIndexOfDecisions: each decision has its date and status under its title, and the index says them too.
func TestTheIndexOfDecisions(t *testing.T) {
	files, err := filepath.Glob("../../docs/adr/[0-9]*.md")
	require.NoError(t, err)
	const begin, end = "<!-- index: written by go test ./internal/archtest -update -->\n\n", "\n<!-- end of index -->"
	head := regexp.MustCompile(`^# (\d+)\. (.+)\n\n(\d{4}-\d\d-\d\d) · ((?:proposed|accepted|superseded by).*)\n\n`)
	table := "| | decision | date | status |\n|---|---|---|---|\n"
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		parts := head.FindSubmatch(text)
		if assert.NotNil(t, parts, "%s begins with its title and a line such as: 2026-01-31 · accepted", filepath.Base(file)) {
			table += fmt.Sprintf("| %s | [%s](%s) | %s | %s |\n", parts[1], parts[2], filepath.Base(file), parts[3], parts[4])
		}
	}
	const path = "../../docs/adr/README.md"
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(page), begin)
	require.True(t, ok)
	now, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(before+begin+table+end+after), 0o600))
		return
	}
	require.Equal(t, table, now, "go test ./internal/archtest -update writes it")
}
