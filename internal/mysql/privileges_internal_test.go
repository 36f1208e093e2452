package mysql

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What doctor asks for an operator's commands is what the role of deploy/sql/grants.sql has: no right less, and none more.
func TestActingNeedsAreTheGrants(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("../../deploy/sql/grants.sql")
	require.NoError(t, err)
	granted := map[string]need{}
	grant := regexp.MustCompile(`(?m)^GRANT ([^;]*?) ON (\w+) TO ` + string(RoleActing) + `;`)
	right := regexp.MustCompile(`(\w+)(?: \(([^)]*)\))?`)
	for _, g := range grant.FindAllStringSubmatch(string(script), -1) {
		n := granted[g[2]]
		for _, r := range right.FindAllStringSubmatch(g[1], -1) {
			switch r[1] {
			case "INSERT":
				n.insert = true
			case "DELETE":
				n.delete = true
			case "UPDATE":
				n.update = strings.Split(r[2], ", ")
			}
		}
		granted[g[2]] = n
	}
	require.NotEmpty(t, granted)
	for table, asked := range actingNeeds() {
		got := granted[table]
		require.Equal(t, asked.insert, got.insert, "INSERT on %s", table)
		require.Equal(t, asked.delete, got.delete, "DELETE on %s", table)
		if slices.Equal(got.update, []string{""}) && len(asked.update) == 1 {
			continue // all columns of a table of duly's own
		}
		require.ElementsMatch(t, asked.update, got.update, "UPDATE on %s", table)
	}
	for table := range granted {
		require.Contains(t, actingNeeds(), table)
	}
}
