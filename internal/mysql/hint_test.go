package mysql_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	driver "github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// reach tries to reach the database and returns what is said of it, in one line.
func reach(t *testing.T, dsn string) error {
	t.Helper()
	err := mysql.Ping(t.Context(), worktest.Open(t, dsn))
	require.Error(t, err)
	require.NotContains(t, err.Error(), "\n")
	require.NotContains(t, err.Error(), "s3cr3t")
	return err
}

// What keeps duly out is told in one line that says what is right; what an operator must fix first is no outage.
func TestWhatKeepsUsOut(t *testing.T) {
	t.Parallel()
	t.Run("passwords", func(t *testing.T) {
		plain := testdb.New(t)
		worktest.Exec(t, plain, `CREATE USER 'clerk'@'localhost' IDENTIFIED BY 's3cr3t'`)
		worktest.Exec(t, plain, `GRANT ALL ON *.* TO 'clerk'@'localhost'`)
		t.Cleanup(func() { worktestExec(t, plain, `DROP USER 'clerk'@'localhost'`) })
		for statement, says := range map[string]string{
			``: "wrong user or password in database.dsn",
			`ALTER USER 'clerk'@'localhost' PASSWORD EXPIRE`: "the password of the database user has expired; set a new one",
			`ALTER USER 'clerk'@'localhost' ACCOUNT LOCK`:    "the database user is locked",
		} {
			password := "s3cr3t"
			if statement == "" {
				password = "wrong"
			} else {
				worktest.Exec(t, plain, statement)
			}
			err := reach(t, asUser(t, plain.DSN, "clerk", password))
			require.ErrorIs(t, err, mysql.ErrDSN)
			require.NotErrorIs(t, err, batch.ErrUnavailable)
			require.ErrorContains(t, err, says)
			if statement != "" {
				worktest.Exec(t, plain, `ALTER USER 'clerk'@'localhost' IDENTIFIED BY 's3cr3t' ACCOUNT UNLOCK`)
			}
		}
	})
	t.Run("schemas", func(t *testing.T) {
		plain := testdb.New(t)
		name := plain.DSN[strings.LastIndexByte(plain.DSN, '/')+1:]
		err := reach(t, strings.Replace(plain.DSN, "/"+name, "/nowhere", 1))
		require.ErrorIs(t, err, mysql.ErrDSN)
		require.ErrorContains(t, err, "nowhere")
	})
	t.Run("TLS", func(t *testing.T) {
		for _, c := range []struct {
			args       []string
			tls        bool
			parameters string
			says       string
		}{
			{nil, true, "tls=true", "the TLS handshake failed; fix the tls parameter of database.dsn"},
			{[]string{testdb.WithoutTLS()}, false, "tls=true", "database.dsn asks for TLS and the server does not support it"},
			{[]string{"--require-secure-transport=ON"}, true, "", "the server requires TLS"},
		} {
			var args []string
			if c.tls {
				args, _ = testdb.TLSArgs(t)
			}
			dsn := overTCP(t, append(args, c.args...)...)
			if c.parameters != "" {
				dsn = with(dsn, c.parameters)
			}
			err := reach(t, dsn)
			require.ErrorIs(t, err, mysql.ErrDSN, c.says)
			require.ErrorContains(t, err, c.says)
			require.NotErrorIs(t, err, batch.ErrUnavailable)
		}
	})
	t.Run("limits of an account", func(t *testing.T) {
		plain := testdb.New(t)
		worktest.Exec(t, plain, `CREATE USER 'bounded'@'localhost' IDENTIFIED BY 's3cr3t'`)
		worktest.Exec(t, plain, `GRANT ALL ON *.* TO 'bounded'@'localhost'`)
		t.Cleanup(func() { worktestExec(t, plain, `DROP USER 'bounded'@'localhost'`) })
		dsn := asUser(t, plain.DSN, "bounded", "s3cr3t")
		worktest.Exec(t, plain, `ALTER USER 'bounded'@'localhost' WITH MAX_USER_CONNECTIONS 1`)
		held, err := worktest.Open(t, dsn).Connx(t.Context())
		require.NoError(t, err)
		err = reach(t, dsn)
		require.NoError(t, held.Close())
		require.ErrorContains(t, err, "the database user has no free connection (MAX_USER_CONNECTIONS of its account): ")
		require.NotContains(t, err.Error(), "hour")
		worktest.Exec(t, plain, `ALTER USER 'bounded'@'localhost' WITH MAX_USER_CONNECTIONS 0 MAX_CONNECTIONS_PER_HOUR 1`)
		one, err := worktest.Open(t, dsn).Connx(t.Context())
		if err == nil {
			require.NoError(t, one.Close())
		}
		require.ErrorContains(t, reach(t, dsn), "the database user has reached an hourly limit of its account: ")
	})
	t.Run("too many", func(t *testing.T) {
		server := testdb.NewServer(t, "--max-connections=10")
		plain := server.New(t)
		user := unprivileged(t, server, plain)
		user.SetMaxOpenConns(100)
		var held []*sqlx.Conn
		defer func() {
			for _, conn := range held {
				require.NoError(t, conn.Close())
			}
		}()
		for {
			conn, err := user.Connx(t.Context())
			if err != nil {
				break
			}
			held = append(held, conn)
			require.Less(t, len(held), 20)
		}
		err := reach(t, asUser(t, plain.DSN, "duly", "pw"))
		require.ErrorIs(t, err, batch.ErrUnavailable, "it passes")
		require.ErrorContains(t, err, "the server has no free connection (max_connections)")
		require.False(t, mysql.IsMisconfigured(err))
	})
}

// overTCP starts a server and returns a DSN of it by TCP: a socket counts as secure.
func overTCP(t *testing.T, args ...string) string {
	t.Helper()
	free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	server := testdb.NewServer(t, append(args, "--skip-networking=0", "--bind-address=127.0.0.1", "--port="+port)...)
	plain := server.New(t)
	for _, host := range []string{"127.0.0.1", "localhost"} {
		worktest.Exec(t, plain, `CREATE USER 'clerk'@'`+host+`' IDENTIFIED BY 's3cr3t'`)
		worktest.Exec(t, plain, `GRANT ALL ON *.* TO 'clerk'@'`+host+`'`)
	}
	return "clerk:s3cr3t@tcp(" + address + ")/mysql"
}

// A session that a proxy gives away, or never sets up, is noticed when it is made and when it is used, before anything is written.
func TestSessionsThatAreForgotten(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ piece, by, says string }{
		"time zone":  {"time_zone = '+00:00'", "time_zone = '-09:00'", "time zone -09:00"},
		"isolation":  {"ISOLATION LEVEL READ COMMITTED", "ISOLATION LEVEL SERIALIZABLE  ", "isolation level SERIALIZABLE"},
		"mode":       {"STRICT_ALL_TABLES,ALLOW_INVALID_DATES", "PIPES_AS_CONCAT,NO_AUTO_VALUE_ON_ZERO", "sql_mode"},
		"autocommit": {"autocommit = 1", "autocommit = 0", "autocommit 0"},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := testdb.NewProxy(t, testdb.New(t).DSN)
			proxy.Rewrite(t, c.piece, c.by)
			err := mysql.Ping(t.Context(), worktest.Open(t, proxy.DSN))
			require.True(t, mysql.IsMisconfigured(err))
			require.ErrorIs(t, err, mysql.ErrDSN)
			require.ErrorContains(t, err, "session settings are lost between statements: found "+c.says)
			require.ErrorContains(t, err, "a proxy that keeps session settings")
		})
	}
	t.Run("later", func(t *testing.T) {
		plain := testdb.New(t)
		proxy := testdb.NewProxy(t, plain.DSN)
		db := worktest.Open(t, proxy.DSN)
		require.NoError(t, mysql.Ping(t.Context(), db))
		require.NoError(t, mysql.CheckSessions(t.Context(), db))
		proxy.BeforeEach("SET time_zone = '-09:00'")
		err := mysql.CheckSessions(t.Context(), db)
		require.True(t, mysql.IsMisconfigured(err), "%v", err)
		require.ErrorContains(t, err, "time zone -09:00")
		proxy.Mend()
		require.NoError(t, mysql.CheckSessions(t.Context(), db), "the connection was not used again")
	})
}

// worktestExec is worktest.Exec for the end of a test, whose context is gone.
func worktestExec(t *testing.T, db *testdb.DB, query string) {
	t.Helper()
	if _, err := db.Exec(query); err != nil {
		t.Error(err)
	}
}

// What an operator must fix first is told from what passes.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for number, want := range map[uint16]bool{
		1044: true, 1045: true, 1049: true, 1054: true, 1130: true, 1142: true, 1146: true, 1348: true, 1820: true, 1862: true, 3118: true, 3159: true,
		1040: false, 1047: false, 1205: false, 1213: false, 1226: false, 1290: false, 1406: false, 1969: false, 2013: false,
	} {
		require.Equal(t, want, mysql.IsMisconfigured(&driver.MySQLError{Number: number}), number)
	}
	require.False(t, mysql.IsMisconfigured(errors.New("another")))
	require.False(t, mysql.IsMisconfigured(nil))
}
