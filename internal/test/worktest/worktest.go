// Package worktest holds what the tests of readers, writers and jobs share: connections as the program makes
// them, shops full of subscriptions, and runs around a piece of work.
package worktest

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/runs"
	"duly/internal/test/testdb"
)

// Lease is the length of the leases of Run.
const Lease = time.Minute

// Open connects to the database as the program does, but waits for locks for one second only.
func Open(t testing.TB, dsn string) *mysql.DB {
	t.Helper()
	db, err := mysql.Open(dsn, mysql.Options{LockWait: time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// OpenPatient is Open, but waits for locks as long as it takes: what must not wait for one would not end.
func OpenPatient(t testing.TB, dsn string) *mysql.DB {
	t.Helper()
	db, err := mysql.Open(dsn, mysql.Options{LockWait: time.Hour})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Servers are the server that db is on, and one that answers as it does and is another.
func Servers(t testing.TB, db *mysql.DB) (own, other mysql.Server) {
	t.Helper()
	own, err := mysql.Identity(t.Context(), db)
	require.NoError(t, err)
	variables := map[string]string{"server_uid": "another"}
	if testdb.Engine() == "mysql" {
		variables = map[string]string{"server_uuid": "another"}
	}
	return own, mysql.Identify(variables)
}

// ReturningAndNot returns the server that db is on, as it is ("returned") and as one without INSERT … RETURNING ("read"). On MySQL both are alike.
func ReturningAndNot(t testing.TB, db *mysql.DB) map[string]mysql.Server {
	t.Helper()
	server, _ := Servers(t, db)
	require.Equal(t, testdb.Engine() == "mariadb", server.Returns)
	reading := server
	reading.Returns = false
	return map[string]mysql.Server{"returned": server, "read": reading}
}

// Patience is how long tests wait for what must happen, on a machine that has much else to do.
const Patience = 2 * time.Minute

// Free waits until no row of the tables is locked: a server notices a lost connection only after a while.
func Free(t testing.TB, db *testdb.DB, tables ...string) {
	t.Helper()
	for _, table := range tables {
		var n []int
		require.NoError(t, db.SelectContext(t.Context(), &n, "SELECT 1 FROM "+table+" FOR UPDATE"))
	}
}

// Volume is how many rows a test takes: some, or as many as `make volume` asks for.
func Volume(some, all int) int {
	if os.Getenv("DULY_TEST_VOLUME") == "all" {
		return all
	}
	return some
}

// Run does one piece of work as a step of a run, kept in the database, and returns how the run ended.
func Run(t testing.TB, db *mysql.DB, do func(ctx context.Context, x *batch.StepExecution) error) batch.Result {
	t.Helper()
	return RunStep(t, db, batch.Tasklet{StepName: "work", Do: func(_ context.Context, x *batch.StepExecution) error {
		return do(x.Work, x)
	}})
}

// RunStep does one step as a run.
func RunStep(t testing.TB, db *mysql.DB, step batch.Step) batch.Result {
	t.Helper()
	runner := &batch.Runner{
		Repository: &runs.Repository{DB: db, Now: time.Now}, Heartbeat: 5 * time.Second, Drain: time.Second,
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	result, err := runner.Run(t.Context(), batch.Job{Name: "billing", Steps: []batch.Step{step}}, Spec())
	require.NoError(t, err)
	return result
}

// Spec is what a run is started with.
func Spec() batch.Spec {
	return batch.Spec{
		Job: "billing", BusinessDate: "2026-01-31", Params: []byte("{}"), Lease: Lease, Host: "host", PID: 1, Version: "test",
	}
}

// Exec runs a statement.
func Exec(t testing.TB, db *testdb.DB, query string, args ...any) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), query, args...)
	require.NoError(t, err)
}

// Get reads one value.
func Get[T any](t testing.TB, db *testdb.DB, query string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, db.GetContext(t.Context(), &v, query, args...))
	return v
}

// List reads one column.
func List[T any](t testing.TB, db *testdb.DB, query string, args ...any) []T {
	t.Helper()
	var v []T
	require.NoError(t, db.SelectContext(t.Context(), &v, query, args...))
	return v
}

// Day is a date written as 2026-01-31.
func Day(t testing.TB, s string) payment.Date {
	t.Helper()
	d, err := payment.ParseDate(s)
	require.NoError(t, err)
	return d
}
