package archtest

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is stored or printed as JSON holds no name and no number that a change of the code changes unseen.
func TestDocumentsHaveNamesOfTheirOwn(t *testing.T) {
	packages, err := sources(filepath.Join("..", ".."))
	require.NoError(t, err)
	require.True(t, packages["internal/payment"].numbers["Kind"], "the packages were not found")
	require.Empty(t, unnamed(packages))
}

// What breaks the rule is found, also in another package and inside maps, slices and pointers.
func TestUnnamed(t *testing.T) {
	packages, err := sources(filepath.Join("testdata", "documents"))
	require.NoError(t, err)
	require.Equal(t, []string{
		"a.Document.Bare has no name in JSON",
		"a.Document.Far is a named.Level, whose constants are numbers",
		"a.Document.Inner has no name in JSON",
		"a.Document.Kind is a Kind, whose constants are numbers",
		"a.Document.Kinds is a Kind, whose constants are numbers",
		"a.Document.Money is a Money, whose fields have no names in JSON",
		"a.Document.Moneys is a Money, whose fields have no names in JSON",
	}, unnamed(packages))
}
