package testdb_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/testdb"
	"duly/migrations"
)

func TestMain(m *testing.M) { os.Exit(testdb.Main(m)) }

func TestNewIsMigrated(t *testing.T) {
	db := testdb.New(t)
	require.NoError(t, migrations.Check(t.Context(), db.DB.DB))
}
