package mysql_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/runs"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// A server goes by what it calls itself, a node of a cluster by its cluster.
func TestIdentify(t *testing.T) {
	t.Parallel()
	const none, cluster, other = "00000000-0000-0000-0000-000000000000", "6a1b2c3d-aaaa-bbbb-cccc-0123456789ab", "7a1b2c3d-aaaa-bbbb-cccc-0123456789ab"
	name := func(variables ...string) string {
		is := map[string]string{"hostname": "db1", "port": "3306", "datadir": "/var/lib/mysql/"}
		for _, v := range variables {
			key, value, _ := strings.Cut(v, "=")
			is[key] = value
		}
		s := mysql.Identify(is)
		require.True(t, s.Known())
		require.LessOrEqual(t, len(s.Name), 64)
		return s.Name
	}
	node := "wsrep_cluster_state_uuid="
	require.Equal(t, "u-1", name("server_uuid=u-1"))
	require.Equal(t, name("server_uuid=u-1"), name("server_uuid=u-1", "datadir=/data", node+none))
	require.Equal(t, cluster, name("server_uuid=u-1", node+cluster))
	require.Equal(t, cluster, name("server_uid=1", node+cluster), "each node has another uid, and all of them one history")
	require.NotEqual(t, name("server_uid=1", node+cluster), name("server_uid=1", node+other))
	require.NotEqual(t, name("server_uid=1"), name("server_uid=2"))
	require.NotEqual(t, name("server_uid=1"), name("server_uid=1", "datadir=/restored"))
	require.NotEqual(t, name(), name("port=3307"), "before servers had an uid")
	require.NotEqual(t, name(), name("hostname=db2"))
}

// A statement tells which server answers it.
func TestAServerIsTheOneThatAnswers(t *testing.T) {
	t.Parallel()
	db := worktest.Open(t, testdb.New(t).DSN)
	own, other := worktest.Servers(t, db)
	again, err := mysql.Identity(t.Context(), db)
	require.NoError(t, err)
	require.Equal(t, own, again)
	answer := func(s mysql.Server) string {
		var column *string
		require.NoError(t, db.GetContext(t.Context(), &column, "SELECT "+s.Column()+" AS server"))
		if column == nil {
			return ""
		}
		return *column
	}
	require.NoError(t, own.Check(answer(own)))
	require.ErrorIs(t, other.Check(answer(other)), batch.ErrHistoryLost)
	require.NoError(t, mysql.Server{}.Check(answer(mysql.Server{})), "any")

	kind := "server_uid"
	if testdb.Engine() == "mysql" {
		kind = "server_uuid"
	}
	node := mysql.Identify(map[string]string{kind: "1", "wsrep_cluster_state_uuid": "6a1b2c3d"})
	require.ErrorIs(t, node.Check(answer(node)), batch.ErrOtherServer, "this server belongs to no cluster")
}

// A run is renewed, and settles, on the server that it began on.
func TestARunOnAnotherServer(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	r := &runs.Repository{DB: worktest.Open(t, plain.DSN), Now: time.Now}
	own, other := worktest.Servers(t, r.DB)
	run, err := r.Start(t.Context(), worktest.Spec())
	require.NoError(t, err)
	holdOn := func(s mysql.Server) error {
		return mysql.Tx(t.Context(), r.DB, "test", func(tx *sqlx.Tx) error { return runs.HoldOn(t.Context(), tx, run, s) })
	}
	r.Server = own
	require.NoError(t, r.Beat(t.Context(), run, nil))
	require.NoError(t, holdOn(own))
	r.Server = other
	beat := worktest.Get[string](t, plain, `SELECT heartbeat_at FROM job_runs`)
	require.ErrorIs(t, r.Beat(t.Context(), run, nil), batch.ErrHistoryLost)
	require.Equal(t, beat, worktest.Get[string](t, plain, `SELECT heartbeat_at FROM job_runs`))
	require.ErrorIs(t, holdOn(other), batch.ErrHistoryLost)
	r.Server = own
	worktest.Exec(t, plain, `UPDATE job_runs SET status = 'abandoned'`)
	require.ErrorIs(t, r.Beat(t.Context(), run, nil), batch.ErrLeaseLost)
	require.NotErrorIs(t, r.Beat(t.Context(), run, nil), batch.ErrHistoryLost)
	require.ErrorIs(t, holdOn(own), batch.ErrLeaseLost)
}
