package archtest

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A page that says which function holds a rule names one that the package declares.
func TestDocsNameWhatIsDeclared(t *testing.T) {
	root := filepath.Join("..", "..")
	names := map[string]map[string]bool{} // by folder; those of types also without the type
	require.NoError(t, eachFile(root, func(folder, path string, text []byte) error {
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if names[folder] == nil {
			names[folder] = map[string]bool{}
		}
		for _, n := range declared(file) {
			names[folder][n.text], names[folder][n.of+"."+n.text] = true, true
		}
		return nil
	}))
	list := regexp.MustCompile("((?:`[a-z/]+`, )*`(?:readers|steps|writers|jobs|internal/[a-z/]+)`): ((?:`[A-Za-z.]+`(?:, )?)+)")
	word := regexp.MustCompile("`([^`]+)`")
	found := 0
	for page, text := range pages(t, root) {
		if strings.HasPrefix(page, "docs/adr/") {
			continue
		}
		for _, match := range list.FindAllStringSubmatch(text, -1) {
			for _, folder := range word.FindAllStringSubmatch(match[1], -1) {
				for _, name := range word.FindAllStringSubmatch(match[2], -1) {
					found++
					assert.True(t, names[folder[1]][name[1]], "%s: %s declares no %s", page, folder[1], name[1])
				}
			}
		}
	}
	require.Greater(t, found, 50, "nothing was looked for")
}
