package migrations_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/test/testdb"
	"duly/migrations"
)

// columns are those of each table.
func columns(t *testing.T, db *testdb.DB) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, name := range list(t, db, "SELECT CONCAT(table_name, ' ', column_name) FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, column_name") {
		table, column, _ := strings.Cut(name, " ")
		all[table] = append(all[table], column)
	}
	return all
}

// duty are tables whose rows are nobody's data: marks, and what the tables themselves are kept by.
func duty() []string { return []string{"claim_probe", "outbox_marks", migrations.Table} }

// Every table is either somebody's data or known to be none: a table that a migration adds is named.
func TestTablesAreAllTables(t *testing.T) {
	var all []string
	for table := range columns(t, testdb.New(t)) {
		all = append(all, table)
	}
	require.ElementsMatch(t, all, slices.Concat(migrations.Tables(), duty()))
}

// No way back takes a column or a table with somebody's rows in it.
func TestTheWayBackLosesNoRows(t *testing.T) {
	clean, db := testdb.New(t), testdb.New(t)
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	lenient := func(statement string) {
		_, err := conn.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	lenient("SET SESSION sql_mode = '', SESSION foreign_key_checks = 0")
	if testdb.Engine() == "mariadb" {
		lenient("SET SESSION check_constraint_checks = 0")
	} else {
		for _, check := range list(t, db, "SELECT CONCAT(table_name, ' DROP CHECK ', constraint_name) FROM information_schema.table_constraints WHERE table_schema = DATABASE() AND constraint_type = 'CHECK'") {
			lenient("ALTER TABLE " + check)
		}
	}
	checked := 0
	for range known(t, clean) {
		full := columns(t, clean)
		_, err := migrations.Down(t.Context(), clean.DB.DB)
		require.NoError(t, err)
		rest := columns(t, clean)
		for table, names := range full {
			if slices.Equal(names, rest[table]) || slices.Contains(duty(), table) {
				continue
			}
			lenient("INSERT INTO " + table + " () VALUES ()")
			_, err := migrations.Down(t.Context(), db.DB.DB)
			require.ErrorIs(t, err, migrations.ErrRows, "with a row in %s", table)
			require.ErrorContains(t, err, table+" has rows")
			lenient("DELETE FROM " + table)
			checked++
		}
		_, err = migrations.Down(t.Context(), db.DB.DB)
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, checked, len(migrations.Tables()))
}
