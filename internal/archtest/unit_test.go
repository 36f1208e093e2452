package archtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// testPackages lists the packages with tests that scripts/test-packages.sh names, by their folders.
func testPackages(t *testing.T, kind string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join("..", "..", "scripts", "test-packages.sh"), kind).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return strings.Fields(strings.ReplaceAll(string(out), module, ""))
}

// TestRulesNeedNoDatabase: the tests of the rules, of the engine and of the gateways are among those of `make unit`, which start nothing.
func TestRulesNeedNoDatabase(t *testing.T) {
	unit := testPackages(t, "unit")
	require.Subset(t, unit, []string{
		"config", "internal/audit", "internal/batch", "internal/billing", "internal/gateway", "internal/gateway/httpapi", "internal/model", "internal/orders", "internal/outbox", "internal/payment",
	})
	database := testPackages(t, "database")
	require.Subset(t, database, []string{"internal/test/e2e", "internal/test/testdb", "jobs", "readers", "writers"})
	for _, starts := range append(database, "deploy", "internal/mysql/private", "internal/report") {
		require.NotContains(t, unit, starts)
	}
}

// TestTheFirstTestsWaitForNothing: `make test` runs the tests that need Go alone before it installs or builds anything for the others.
func TestTheFirstTestsWaitForNothing(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	require.NoError(t, err)
	require.Regexp(t, regexp.MustCompile(`(?m)^test: unit .*\blint$`), string(makefile))
	require.Regexp(t, regexp.MustCompile(`(?m)^unit: ##`), string(makefile), "it needs no other target")
}
