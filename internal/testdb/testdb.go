package testdb

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"
)

// DB is a migrated database for one test, with open connections to it.
type DB struct {
	*sqlx.DB

	// DSN is how the program under test reaches the database. It has none of the
	// parameters that the program has to set itself.
	DSN string
}

// shared is the server of this test binary.
//
//nolint:gochecknoglobals // testing gives a test binary no other place for what its tests share
var shared struct {
	once   sync.Once
	server *Server
	remove func() error
	err    error
	inMain bool
}

// Main runs the tests and ends the server that they shared. It returns the
// exit code for TestMain.
func Main(m *testing.M) int {
	shared.inMain = true
	code := m.Run()
	if shared.remove == nil {
		return code
	}
	if err := shared.remove(); err != nil {
		fmt.Fprintln(os.Stderr, "end the tests' database server:", err)
		return max(code, 1)
	}
	return code
}

// New makes a migrated database for this test on the shared server; it is
// dropped after the test.
func New(t testing.TB) *DB {
	t.Helper()
	require.True(t, shared.inMain, "the package's TestMain must call testdb.Main")
	shared.once.Do(func() { shared.server, shared.remove, shared.err = start() })
	require.NoError(t, shared.err)
	return shared.server.New(t)
}

// New makes a migrated database for this test; it is dropped after the test.
func (s *Server) New(t testing.TB) *DB {
	t.Helper()
	script, err := s.schema()
	require.NoError(t, err)
	name := fmt.Sprintf("test_%d", s.last.Add(1))
	db, err := s.create(t.Context(), name, script)
	require.NoError(t, err)
	t.Cleanup(func() {
		// A test may have left its server killed; the folder goes anyway.
		_, _ = db.ExecContext(context.Background(), "DROP DATABASE "+name)
		_ = db.Close()
	})
	return &DB{DB: db, DSN: s.DSN(name)}
}

// connect opens connections with the parameters that tests need to read what
// the program wrote.
func connect(dsn string) (*sqlx.DB, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the DSN: %w", err)
	}
	config.ParseTime = true
	config.ClientFoundRows = true
	config.MultiStatements = true
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("use the DSN: %w", err)
	}
	return sqlx.NewDb(sql.OpenDB(connector), "mysql"), nil
}
