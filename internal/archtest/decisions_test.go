package archtest

import (
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
