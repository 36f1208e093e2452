package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the documentation names of the source is there: a reader who opens it finds it.
func TestDocsNameWhatExists(t *testing.T) {
	root := filepath.Join("..", "..")
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	pages = append(pages, filepath.Join(root, "README.md"))
	named := regexp.MustCompile("`((?:cmd|jobs|steps|readers|writers|config|migrations|internal|scripts|deploy|bench)/[a-z0-9_./-]+)`|\\]\\((\\.\\./[^)#]+|[a-z0-9_/-]+\\.md)")
	found := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, match := range named.FindAllStringSubmatch(string(text), -1) {
			path := filepath.Join(root, match[1])
			if match[1] == "" {
				path = filepath.Join(filepath.Dir(page), match[2])
			}
			found++
			_, err := os.Stat(path)
			assert.NoError(t, err, "%s names it", filepath.Base(page))
		}
	}
	require.Greater(t, found, 50, "nothing was looked for")
}
