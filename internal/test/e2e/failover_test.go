package e2e_test

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/test/e2e"
	"duly/internal/test/testdb"
)

// failover is a cell of the matrix.
type failover struct {
	semi bool // no commit is lost
	dies bool // the worker, with the primary
	keys string
	// blind: the gateway can neither be asked by key nor listed.
	blind bool
}

// What a gateway still knows of keys after the fail-over.
const (
	keysKept    = "keys kept"
	postForgets = "POST forgets"
	allForget   = "all forget"
	keptNever   = "no keys"
)

func (f failover) name() string {
	commits, worker, gateway := "lost commits", "worker survives", "able"
	if f.semi {
		commits = "semi-sync"
	}
	if f.dies {
		worker = "worker dies"
	}
	if f.blind {
		gateway = "blind"
	}
	return commits + ", " + worker + ", " + f.keys + ", " + gateway
}

// failovers are the cells: those that differ most, or all of them if DULY_TEST_FAILOVER is set.
func failovers() []failover {
	if os.Getenv("DULY_TEST_FAILOVER") == "" {
		return []failover{
			{semi: true, keys: postForgets},
			{semi: false, keys: allForget, blind: true},
			{semi: false, dies: true, keys: keptNever, blind: true},
			{semi: false, dies: true, keys: keysKept},
		}
	}
	var all []failover
	for _, semi := range []bool{true, false} {
		for _, dies := range []bool{true, false} {
			for _, keys := range []string{keysKept, postForgets, allForget, keptNever} {
				for _, blind := range []bool{false, true} {
					all = append(all, failover{semi, dies, keys, blind})
				}
			}
		}
	}
	return all
}

const (
	failoverRows = 40
	lagsAt       = 9  // the request at which the replica stops to follow
	failsAt      = 21 // the one at which the primary is lost
)

// TestFailover moves the database to a replica in the middle of a run, with or without the loss of commits. Nobody is
// charged twice. A worker that survives stops, since it cannot know what was lost; where commits are, a gateway that nobody can ask is
// sent nothing more.
func TestFailover(t *testing.T) {
	t.Parallel()
	if testdb.Engine() != "mariadb" {
		return // the statements of replication are MariaDB's
	}
	for _, cell := range failovers() {
		t.Run(cell.name(), func(t *testing.T) {
			t.Parallel()
			cell.try(t)
		})
	}
}

func (f failover) try(t *testing.T) {
	t.Helper()
	pair := testdb.NewPair(t, f.semi)
	db := pair.Primary.New(t)
	pair.Follow(t)
	w := worldOn(t, db, simulator.Config{NoKeys: f.keys == keptNever, FindForgets: f.keys == allForget})
	proxy := testdb.NewProxy(t, db.DSN)
	w.set("DULY_DATABASE_DSN", proxy.DSN)
	w.set("DULY_RUN_WITNESS", t.TempDir())
	w.set("DULY_RUN_LEASE", time.Minute)
	if f.keys == keptNever {
		w.set("DULY_GATEWAYS_MAIN_KEY_LIFE", 0)
	}
	if f.blind {
		w.set("DULY_GATEWAYS_MAIN_LOOK_UP", false)
		w.set("DULY_GATEWAYS_MAIN_LIST", false)
	}
	methods := make([]string, failoverRows)
	for i := range methods {
		methods[i] = fmt.Sprintf("pm_ok:%d", i)
	}
	w.enrol(methods...)
	if !f.semi {
		w.gate.on(lagsAt, func() { pair.Lag(t) })
	}

	var schema string
	require.NoError(t, db.GetContext(t.Context(), &schema, "SELECT DATABASE()"))
	forgets := f.keys == postForgets || f.keys == allForget
	moved := make(chan struct{})
	var p *process
	var started sync.WaitGroup
	started.Add(1)
	w.gate.on(failsAt, func() {
		defer close(moved)
		started.Wait()
		proxy.Refuse()
		if f.dies {
			p.signal(syscall.SIGKILL)
			<-p.ended
		}
		pair.Promote(t)
		proxy.Switch(t, pair.Replica.DSN(schema))
		if forgets {
			w.sim.Advance(aDay)
		}
		proxy.Admit()
	})
	p = w.bill(where{})
	started.Done()
	<-p.ended
	<-moved

	replica, err := sqlx.Connect("mysql", pair.Replica.DSN(schema)+"?parseTime=true&clientFoundRows=true")
	require.NoError(t, err)
	defer func() { require.NoError(t, replica.Close()) }()
	if !f.dies {
		require.Equal(t, batch.ExitFailed, p.exit(), "%s", p.printed())
		require.Contains(t, string(p.printed()), "another database server answers")
	}
	if f.dies {
		e2e.EndLease(t, replica, p.pid)
		if forgets {
			e2e.Age(t, replica, aDay)
		}
	}
	sent := len(w.gate.times())
	code := w.bill(where{}).exit()
	quiet, err := replica.ExecContext(t.Context(), `UPDATE known_servers SET suspected_at = suspected_at - INTERVAL 1 HOUR WHERE suspected_at IS NOT NULL`)
	require.NoError(t, err)
	if n, err := quiet.RowsAffected(); err != nil || n > 0 { // requests of the lost history may still arrive
		require.NoError(t, err)
		require.Equal(t, batch.ExitUnfinished, code)
		require.Len(t, w.gate.times(), sent, "nothing is sent")
	} else {
		require.True(t, f.semi, "a loss is suspected")
	}
	for range 3 {
		code := w.bill(where{}).exit()
		if f.blind && !f.semi {
			require.Equal(t, batch.ExitFailed, code)
			require.Len(t, w.gate.times(), sent, "nothing more is sent")
		}
	}
	require.Empty(t, w.sim.DoubleCharged())
	if f.semi && !f.blind {
		require.Len(t, w.sim.Successes(), failoverRows)
	}
}
