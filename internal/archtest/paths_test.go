package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pages are the documents for people, by their paths from the root of the tree.
func pages(t *testing.T, root string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md", "deploy/*.md", "deploy/*/*.md", ".github/*.md", ".github/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		for _, file := range found {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			name, err := filepath.Rel(root, file)
			require.NoError(t, err)
			texts[filepath.ToSlash(name)] = string(text)
		}
	}
	return texts
}

// What the documentation names of the source is there: a reader who opens it finds it. Decisions keep the names of their day.
func TestDocsNameWhatExists(t *testing.T) {
	root := filepath.Join("..", "..")
	named := regexp.MustCompile("`((?:cmd|jobs|steps|readers|writers|config|migrations|internal|scripts|deploy|bench|tools|docs)/[A-Za-z0-9_./-]+)`")
	found := 0
	for page, text := range pages(t, root) {
		if strings.HasPrefix(page, "docs/adr/") || page == "CHANGELOG.md" {
			continue
		}
		for _, match := range named.FindAllStringSubmatch(text, -1) {
			found++
			_, err := os.Stat(filepath.Join(root, match[1]))
			assert.NoError(t, err, "%s names it", page)
		}
	}
	require.Greater(t, found, 50, "nothing was looked for")
}

// A link from one page leads to a file that is there, and to a heading of it.
func TestDocsLinkWhatExists(t *testing.T) {
	root := filepath.Join("..", "..")
	texts := pages(t, root)
	link := regexp.MustCompile(`\]\(([^)#:\s]*)(?:#([^)\s]+))?\)`)
	found := 0
	for page, text := range texts {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			found++
			target := page
			if match[1] != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(page), match[1]))
			}
			_, err := os.Stat(filepath.Join(root, target))
			assert.NoError(t, err, "%s leads there", page)
			if match[2] != "" {
				assert.Contains(t, headings(texts[target]), match[2], "%s leads to this heading of %s", page, target)
			}
		}
	}
	require.Greater(t, found, 150, "nothing was looked for")
}

// headings are the names by which links lead to the headings of a page.
func headings(text string) []string {
	punctuation := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	var names []string
	for line := range strings.Lines(text) {
		if title := strings.TrimLeft(line, "#"); title != line {
			name := punctuation.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
			names = append(names, strings.ReplaceAll(name, " ", "-"))
		}
	}
	return names
}
