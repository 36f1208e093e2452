package testdb

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"
)

// Pair is a primary with a replica that follows it, on MariaDB. The replica takes the primary's place when the test says so.
type Pair struct {
	Primary, Replica *Server

	primaryDB, replicaDB *sqlx.DB
	semi                 bool
}

// patience is how long a replica may take to come up to its primary.
const patience = time.Minute

// NewPair starts both. With semi, a commit is answered only when the replica has it (semi-synchronous replication); without,
// the replica may lag.
func NewPair(t testing.TB, semi bool) *Pair {
	t.Helper()
	port := freePort(t)
	p := &Pair{semi: semi}
	p.Primary = NewServer(t, "--server-id=1", "--log-bin=log", "--binlog-format=ROW", "--skip-networking=0", "--bind-address=127.0.0.1",
		fmt.Sprintf("--port=%d", port))
	p.Replica = NewServer(t, "--server-id=2", "--log-bin=log", "--binlog-format=ROW", "--log-slave-updates", "--read-only")
	p.primaryDB, p.replicaDB = open(t, p.Primary), open(t, p.Replica)
	statements := []string{"CREATE USER repl@'127.0.0.1' IDENTIFIED BY 'repl'", "GRANT REPLICATION SLAVE ON *.* TO repl@'127.0.0.1'"}
	if semi {
		statements = append(statements, "SET GLOBAL rpl_semi_sync_master_enabled = ON", "SET GLOBAL rpl_semi_sync_master_timeout = 60000")
		run(t, p.replicaDB, "SET GLOBAL rpl_semi_sync_slave_enabled = ON")
	}
	run(t, p.primaryDB, statements...)
	run(t, p.replicaDB, fmt.Sprintf("CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = %d, MASTER_USER = 'repl', MASTER_PASSWORD = 'repl', "+
		"MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1", port), "START SLAVE")
	p.Follow(t)
	return p
}

// ports counts the ports that this process has tried, so that parallel tests get different ones.
var ports atomic.Int32

// freePort returns an unused TCP port of 127.0.0.1 below the kernel's ephemeral range, so that no listener or connection of another test can take it
// before the server binds it.
func freePort(t testing.TB) int {
	t.Helper()
	const first, last = 10_000, 30_000
	for range last - first {
		port := first + (os.Getpid()*64+int(ports.Add(1)))%(last-first)
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			require.NoError(t, l.Close())
			return port
		}
	}
	t.Fatalf("no port between %d and %d is free", first, last)
	return 0
}

// Lag stops the replica: what is committed from now on is lost by a fail-over.
func (p *Pair) Lag(t testing.TB) {
	t.Helper()
	run(t, p.replicaDB, "STOP SLAVE")
}

// Follow waits until the replica has all that the primary has committed.
func (p *Pair) Follow(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool {
		var there, here string
		require.NoError(t, p.primaryDB.GetContext(context.Background(), &there, "SELECT @@global.gtid_binlog_pos"))
		require.NoError(t, p.replicaDB.GetContext(context.Background(), &here, "SELECT @@global.gtid_slave_pos"))
		return there == here
	}, patience, 10*time.Millisecond)
}

// Promote makes the replica a primary, with all that it was sent. Nobody may use the old one any more: what waits there for
// the replica's word goes on.
func (p *Pair) Promote(t testing.TB) {
	t.Helper()
	if p.semi {
		run(t, p.replicaDB, "STOP SLAVE IO_THREAD")
		require.Eventually(t, func() bool {
			status := map[string]any{}
			require.NoError(t, p.replicaDB.QueryRowxContext(context.Background(), "SHOW SLAVE STATUS").MapScan(status))
			var applied string
			require.NoError(t, p.replicaDB.GetContext(context.Background(), &applied, "SELECT @@global.gtid_slave_pos"))
			return fmt.Sprintf("%s", status["Gtid_IO_Pos"]) == applied
		}, patience, 10*time.Millisecond)
		run(t, p.primaryDB, "SET GLOBAL rpl_semi_sync_master_enabled = OFF")
	}
	run(t, p.replicaDB, "STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL read_only = OFF")
}

func open(t testing.TB, s *Server) *sqlx.DB {
	t.Helper()
	db, err := connect(s.DSN(""))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() }) // before the server ends
	return db
}

func run(t testing.TB, db *sqlx.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := db.ExecContext(context.Background(), statement)
		require.NoError(t, err, statement)
	}
}
