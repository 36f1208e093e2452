package testdb

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// DB is a migrated database for one test, with open connections to it.
type DB struct {
	*sqlx.DB

	// DSN is how the program under test reaches the database. It has none of the
	// parameters that the program has to set itself.
	DSN string
}

// shared is the server of this test binary.
var shared struct {
	once   sync.Once
	server *Server
	remove func() error
	err    error
	inMain bool
}

// atOnce is how many parallel tests run at the same time, unless the command
// line or the caller of Main says otherwise: a part of them waits.
const atOnce = "4"

// Main runs the tests and ends the server that they shared. It returns the
// exit code for TestMain, which is not 0 either if a goroutine is left behind.
func Main(m *testing.M, leaks ...goleak.Option) int {
	shared.inMain = true
	if err := runAtOnce(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if shared.remove != nil {
		if err := shared.remove(); err != nil {
			fmt.Fprintln(os.Stderr, "end the tests' database server:", err)
			code = max(code, 1)
		}
	}
	if code != 0 {
		return code
	}
	if err := goleak.Find(leaks...); err != nil {
		fmt.Fprintln(os.Stderr, "goroutines left behind:", err)
		return 1
	}
	return 0
}

func runAtOnce() error {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	if err := flag.Set("test.parallel", atOnce); err != nil {
		return fmt.Errorf("say how many tests run at once: %w", err)
	}
	return nil
}

// New makes a migrated database for this test on the shared server. After the
// test it is emptied for another one, or dropped if it was altered.
func New(t testing.TB) *DB {
	t.Helper()
	return sharedServer(t).New(t)
}

// Empty is New without any table.
func Empty(t testing.TB) *DB {
	t.Helper()
	return sharedServer(t).Empty(t)
}

func sharedServer(t testing.TB) *Server {
	t.Helper()
	require.True(t, shared.inMain, "the package's TestMain must call testdb.Main")
	shared.once.Do(func() { shared.server, shared.remove, shared.err = start() })
	require.NoError(t, shared.err)
	return shared.server
}

// New makes a migrated database for this test, or empties one that another
// test has left.
func (s *Server) New(t testing.TB) *DB {
	t.Helper()
	script, err := s.schema()
	require.NoError(t, err)
	db, name := s.again(t)
	if db == nil {
		name = s.name()
		db, err = s.create(t.Context(), name, script)
		require.NoError(t, err)
	}
	return s.lend(t, db, name, s.leave)
}

// Empty makes a database without any table for this test; it is dropped after the test.
func (s *Server) Empty(t testing.TB) *DB {
	t.Helper()
	name := s.name()
	db, err := s.create(t.Context(), name, "")
	require.NoError(t, err)
	return s.lend(t, db, name, drop)
}

func (s *Server) name() string { return fmt.Sprintf("test_%d", s.last.Add(1)) }

// lend gives the database to the test until it ends.
func (s *Server) lend(t testing.TB, db *sqlx.DB, name string, end func(*sqlx.DB, string) error) *DB {
	t.Helper()
	t.Cleanup(func() {
		if err := end(db, name); err != nil {
			t.Errorf("the test has left a transaction open: %v", err)
		}
	})
	return &DB{DB: db, DSN: s.DSN(name)}
}

// drop closes the connections and removes the database. A transaction that is
// still open keeps it from being dropped; the error says so instead of waiting.
// A server that the test has killed is no error: its folder goes anyway.
func drop(db *sqlx.DB, name string) error {
	defer func() { _ = db.Close() }()
	_, err := db.ExecContext(context.Background(), "SET SESSION lock_wait_timeout = 5; DROP DATABASE "+name)
	if refused, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return refused
	}
	return nil
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
