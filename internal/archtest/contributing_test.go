package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// guides are the pages whose commands contributors type.
func guides(t *testing.T) map[string]string {
	t.Helper()
	all := pages(t, filepath.Join("..", ".."))
	picked := map[string]string{}
	for _, page := range []string{"CONTRIBUTING.md", "README.md", "SECURITY.md", "deploy/README.md", "docs/debugging.md", "docs/own-job.md", "docs/adding-a-gateway.md"} {
		require.Contains(t, all, page)
		picked[page] = all[page]
	}
	return picked
}

// code lists what stands in a page as code: in backticks, and the lines of its blocks.
func code(text string) []string {
	var out []string
	parts := strings.Split(text, "```")
	for i, part := range parts {
		if i%2 == 1 {
			out = append(out, strings.Split(part, "\n")[1:]...)
			continue
		}
		for j, piece := range strings.Split(part, "`") {
			if j%2 == 1 {
				out = append(out, piece)
			}
		}
	}
	return out
}

// TestGuidesNameTargets: what contributors are told to make is a target of the Makefile.
func TestGuidesNameTargets(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	require.NoError(t, err)
	target := regexp.MustCompile(`^make ([a-z-]+)`)
	found := 0
	for page, text := range guides(t) {
		for _, line := range code(text) {
			if match := target.FindStringSubmatch(line); match != nil {
				found++
				assert.Regexp(t, `(?m)^`+match[1]+`:`, string(makefile), "%s: %s", page, line)
			}
		}
	}
	require.Greater(t, found, 10)
}

// TestGuidesNameTests: each `go test` that contributors are told to type names a package that is there, and tests that are in it.
func TestGuidesNameTests(t *testing.T) {
	command := regexp.MustCompile(`go test [^|#&]*?(\./[a-z0-9/_.]+)`)
	pattern := regexp.MustCompile(`-run '?\^?([A-Za-z|]+)`)
	found := 0
	for page, text := range guides(t) {
		for _, line := range code(text) {
			match := command.FindStringSubmatch(line)
			if match == nil {
				continue
			}
			found++
			folder := filepath.Join("..", "..", strings.TrimSuffix(match[1], "/..."))
			require.DirExists(t, folder, "%s: %s", page, line)
			names := tests(t, folder)
			if run := pattern.FindStringSubmatch(line); run != nil {
				for part := range strings.SplitSeq(run[1], "|") {
					assert.True(t, slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, part) }), "%s: %s: no test %s", page, line, part)
				}
			}
		}
	}
	require.Greater(t, found, 15)
}

// tests are the names of the tests and examples in a folder.
func tests(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	require.NoError(t, err)
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Example|Fuzz)\w*)\(`)
	var names []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, match := range declared.FindAllSubmatch(text, -1) {
			names = append(names, string(match[1]))
		}
	}
	return names
}

// TestContributingNamesDeclineTables: every gateway's table of decline codes is named where contributors look for it.
func TestContributingNamesDeclineTables(t *testing.T) {
	tables, err := filepath.Glob("../../internal/gateway/*/declines.go")
	require.NoError(t, err)
	require.NotEmpty(t, tables)
	text := guides(t)["CONTRIBUTING.md"]
	for _, table := range tables {
		require.Contains(t, text, strings.TrimPrefix(filepath.ToSlash(table), "../../"))
	}
}

// TestEveryPageIsListed: a reader finds every page in the index of the documentation.
func TestEveryPageIsListed(t *testing.T) {
	all := pages(t, filepath.Join("..", ".."))
	for page := range all {
		if name, ok := strings.CutPrefix(page, "docs/"); ok && !strings.Contains(name, "/") && name != "README.md" {
			assert.Contains(t, all["docs/README.md"], "("+name+")")
		}
	}
	for _, page := range []string{"CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "deploy/README.md"} {
		assert.Contains(t, all["docs/README.md"], "(../"+page+")")
	}
}
