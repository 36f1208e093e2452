package mysql_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// with adds parameters to a DSN.
func with(dsn, parameters string) string {
	separator := "?"
	if strings.Contains(dsn, "?") {
		separator = "&"
	}
	return dsn + separator + parameters
}

func TestSessionsAreAsTheProgramNeedsThem(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	for _, parameters := range []string{
		"",
		"parseTime=false&loc=Asia%2FSeoul&time_zone=%27%2B09%3A00%27",
		"clientFoundRows=false&interpolateParams=false&multiStatements=true",
		"sql_mode=%27%27&autocommit=0&innodb_lock_wait_timeout=500",
		"charset=latin1",
	} {
		t.Run(parameters, func(t *testing.T) {
			db := worktest.Open(t, with(plain.DSN, parameters))
			ctx := t.Context()
			var got struct {
				Zone      string
				Mode      string
				Isolation string
				Commit    int
				Wait      int
				Frozen    int
				Charset   string
			}
			isolation := "@@transaction_isolation"
			if testdb.Engine() == "mariadb" {
				isolation = "@@tx_isolation"
			}
			require.NoError(t, db.GetContext(ctx, &got, `SELECT @@time_zone AS zone, @@sql_mode AS mode, `+isolation+` AS isolation,
@@autocommit AS commit, @@innodb_lock_wait_timeout AS wait, @@wait_timeout AS frozen, @@character_set_client AS charset`))
			require.Equal(t, "+00:00", got.Zone)
			require.Contains(t, got.Mode, "STRICT_ALL_TABLES")
			require.Equal(t, "READ-COMMITTED", got.Isolation)
			require.Equal(t, 1, got.Commit)
			require.Equal(t, 1, got.Wait)
			require.Equal(t, 60, got.Frozen)
			require.Equal(t, "utf8mb4", got.Charset)

			at := time.Date(2026, 1, 31, 12, 0, 0, 123456000, time.FixedZone("KST", 9*3600))
			_, err := db.ExecContext(ctx, `INSERT INTO gateway_answers (idempotency_key, answer, run_id, created_at) VALUES ('k', '{}', 1, ?)`, at)
			require.NoError(t, err)
			var back time.Time
			require.NoError(t, db.GetContext(ctx, &back, `SELECT created_at FROM gateway_answers`))
			require.Equal(t, at.UTC(), back, "instants are UTC")
			result, err := db.ExecContext(ctx, `UPDATE gateway_answers SET run_id = 1`)
			require.NoError(t, err)
			n, err := result.RowsAffected()
			require.NoError(t, err)
			require.EqualValues(t, 1, n, "rows found are counted, changed or not")
			_, err = db.ExecContext(ctx, `UPDATE gateway_answers SET idempotency_key = REPEAT('x', 65)`)
			require.Error(t, err, "nothing is cut silently")
			_, err = db.ExecContext(ctx, `DELETE FROM gateway_answers; SELECT 1`)
			require.Error(t, err, "one statement at a time")
			_, err = db.ExecContext(ctx, `DELETE FROM gateway_answers`)
			require.NoError(t, err)
			const text = "한국어 ✓ \\ ' \""
			var echo string
			require.NoError(t, db.GetContext(ctx, &echo, `SELECT ?`, text))
			require.Equal(t, text, echo)
			require.EqualValues(t, 0, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM gateway_answers`), "it was committed")
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{
		"", "secret", "user:secret@tcp(host:3306)", "user:secret@tcp(host:3306)/", "user:secret@tcp(host:3306/shop",
		"user:secret@tcp(host:3306)/shop?tls=no-such-config", "user:secret@tcp(host:3306)/shop?loc=Nowhere",
		"user:secret@tcp(host:3306)/shop?collation=gbk_chinese_ci",
	} {
		_, err := mysql.Open(dsn, mysql.Options{})
		require.ErrorIs(t, err, mysql.ErrDSN, dsn)
		require.NotContains(t, err.Error(), "secret")
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestOpenSaysWhere(t *testing.T) {
	t.Parallel()
	db, err := mysql.Open("user:secret@tcp(db.example:3307)/shop", mysql.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.Equal(t, "db.example", db.Host)
	require.Equal(t, "shop", db.Schema)
}

func TestTLSParametersPass(t *testing.T) {
	t.Parallel()
	args, _ := testdb.TLSArgs(t)
	server := testdb.NewServer(t, args...)
	db := server.New(t)
	strict := worktest.Open(t, with(db.DSN, "tls=true"))
	require.Error(t, mysql.Ping(t.Context(), strict), "nobody vouches for the certificate")
	secure := worktest.Open(t, with(db.DSN, "tls=skip-verify"))
	var name, cipher string
	require.NoError(t, secure.QueryRowxContext(t.Context(), `SHOW STATUS LIKE 'Ssl_cipher'`).Scan(&name, &cipher))
	require.NotEmpty(t, cipher)
	require.NoError(t, mysql.Probe(t.Context(), secure))
}

func TestPing(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	proxy := testdb.NewProxy(t, plain.DSN)
	db := worktest.Open(t, proxy.DSN)
	require.NoError(t, mysql.Ping(t.Context(), db))
	proxy.Refuse()
	require.ErrorIs(t, mysql.Ping(t.Context(), db), batch.ErrUnavailable)
	proxy.Admit()
	require.NoError(t, mysql.Ping(t.Context(), db))
}

func TestReadClock(t *testing.T) {
	t.Parallel()
	db := worktest.Open(t, testdb.New(t).DSN)
	for _, off := range []time.Duration{0, time.Hour, -time.Hour} {
		clock, err := mysql.ReadClock(t.Context(), db, func() time.Time { return time.Now().Add(-off) })
		require.NoError(t, err)
		require.InDelta(t, off, clock.Offset, float64(clock.Error+time.Millisecond), "no further off than it says")
	}
}
