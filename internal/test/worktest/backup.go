package worktest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/test/testdb"
)

// Backup copies every table of the database and returns what puts the copies back, as an operator restores a backup:
// rows, and the numbers that new ones get.
func Backup(t testing.TB, db *testdb.DB) (restore func()) {
	t.Helper()
	tables := List[string](t, db, `SELECT table_name FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND table_name NOT LIKE 'backup\_of\_%'`)
	for _, name := range tables {
		Exec(t, db, "CREATE TABLE backup_of_"+name+" AS SELECT * FROM "+name)
	}
	return func() {
		t.Helper()
		conn, err := db.Connx(t.Context())
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close()) }()
		for _, statement := range []string{"SET FOREIGN_KEY_CHECKS = 0", "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'"} {
			_, err := conn.ExecContext(t.Context(), statement)
			require.NoError(t, err)
		}
		for _, name := range tables {
			for _, statement := range []string{"TRUNCATE TABLE " + name, "INSERT INTO " + name + " SELECT * FROM backup_of_" + name} {
				_, err := conn.ExecContext(t.Context(), statement)
				require.NoError(t, err, statement)
			}
		}
		_, err = conn.ExecContext(t.Context(), "SET FOREIGN_KEY_CHECKS = 1")
		require.NoError(t, err)
	}
}
