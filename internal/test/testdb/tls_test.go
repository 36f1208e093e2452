package testdb_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/test/testdb"
)

func TestTLSArgs(t *testing.T) {
	args, certificate := testdb.TLSArgs(t)
	require.FileExists(t, certificate)
	server := testdb.NewServer(t, args...)
	db, err := sql.Open("mysql", server.New(t).DSN+"?tls=skip-verify")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	var name, cipher string
	require.NoError(t, db.QueryRowContext(t.Context(), "SHOW STATUS LIKE 'Ssl_cipher'").Scan(&name, &cipher))
	require.NotEmpty(t, cipher)
}
