package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/app"
	"duly/internal/batch"
	"duly/internal/checkup"
	"duly/internal/test/golden"
	"duly/internal/test/testdb"
)

// failing is the only check that failed.
func failing(t *testing.T, got ended) checkup.Check {
	t.Helper()
	require.Equal(t, batch.ExitUsage, got.code)
	var failed []checkup.Check
	for _, c := range document[[]checkup.Check](t, got) {
		if !c.OK {
			require.NotEmpty(t, c.Mend, c.Detail)
			failed = append(failed, c)
		}
	}
	require.Len(t, failed, 1, "%v", failed)
	return failed[0]
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.env = append(s.env, "DULY_RUN_LOCK_DIR=none")
	got := s.duly(t, "doctor")
	require.Equal(t, batch.ExitDone, got.code, got.out)
	all := s.duly(t, "doctor", "--verbose")
	require.Equal(t, batch.ExitDone, all.code, all.out)
	broken := *s
	broken.env = append(slices.Clone(s.env), "DULY_GATEWAYS_MAIN_URL=http://127.0.0.1:1", "DULY_BILLING_CHUNK_SIZE=2000")
	bad := broken.duly(t, "doctor")
	require.Equal(t, batch.ExitUsage, bad.code, bad.out)
	golden.Equal(t, "doctor.golden", steady(got.out+"$ duly doctor --verbose\n"+all.out+"$ duly doctor # a gateway that is down\n"+bad.out))

	for name, c := range map[string]struct {
		env    string
		each   func(*app.Command)
		check  string
		detail string
	}{
		"gateway down":      {env: "DULY_GATEWAYS_MAIN_URL=http://127.0.0.1:1", check: "gateway main", detail: "connection refused"},
		"wrong token":       {env: "DULY_GATEWAYS_MAIN_TOKEN=of-another", check: "gateway main", detail: "it refuses our token"},
		"database down":     {env: "DULY_DATABASE_DSN=duly@tcp(127.0.0.1:1)/shop", check: "database", detail: "refuses connections"},
		"unknown key":       {env: "DULY_BILLING_CHUNK_SISE=5", check: "configuration", detail: "did you mean"},
		"no database named": {env: "DULY_DATABASE_DSN=", check: "configuration", detail: "database.dsn: missing"},
		"clock off":         {each: func(a *app.Command) { a.Now = func() time.Time { return time.Now().Add(time.Hour) } }, check: "clock", detail: "ahead of"},
	} {
		t.Run(name, func(t *testing.T) {
			one := *s
			env := []string{}
			for _, pair := range s.env {
				if key, _, _ := strings.Cut(c.env, "="); !strings.HasPrefix(pair, key+"=") {
					env = append(env, pair)
				}
			}
			one.env = append(env, c.env)
			if c.each != nil {
				one.each = c.each
			}
			found := failing(t, one.duly(t, "doctor", "--json"))
			require.Equal(t, c.check, found.Check)
			require.Contains(t, found.Detail, c.detail)
		})
	}
}

// Where nothing is configured yet, each key that is missing is a problem of its own.
func TestDoctorWithoutAConfiguration(t *testing.T) {
	t.Parallel()
	s := shop{each: func(*app.Command) {}}
	got := s.duly(t, "doctor")
	require.Equal(t, batch.ExitUsage, got.code, got.out)
	require.Contains(t, got.out, "not ready: 2 problems")
	require.Contains(t, got.out, "database.dsn: missing")
	require.Contains(t, got.out, "gateways: none is configured")
	require.NotContains(t, got.out, `\n`)
}

func TestDoctorOfASchemaThatIsNotRight(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.exec(t, "ALTER TABLE events ENGINE=MyISAM")
	found := failing(t, s.duly(t, "doctor", "--json"))
	require.Equal(t, "engine", found.Check)
	require.Equal(t, "not InnoDB: events", found.Detail)

	s = newShop(t)
	s.exec(t, "DELETE FROM duly_migrations WHERE version_id > 0")
	require.Equal(t, "migrations", failing(t, s.duly(t, "doctor", "--json")).Check)
}

// A user without every privilege is told which are missing.
func TestDoctorOfAUser(t *testing.T) {
	server := testdb.NewServer(t, "--max-allowed-packet=1M")
	s := newShop(t)
	s.db = server.New(t)
	dsn := s.db.DSN
	schema := dsn[strings.LastIndexByte(dsn, '/')+1:]
	s.env = append(s.env, "DULY_DATABASE_DSN="+dsn)
	found := failing(t, s.duly(t, "doctor", "--json"))
	require.Equal(t, "packet size", found.Check)
	require.Contains(t, found.Mend, "billing.chunk_size to 128 or less")
	got := s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitUsage, got.code, "a chunk that cannot be written is found before anything is touched")
	require.Contains(t, got.err, "max_allowed_packet")

	s.env = append(s.env, "DULY_BILLING_CHUNK_SIZE=100")
	for _, statement := range []string{
		"CREATE USER clerk@localhost IDENTIFIED BY ''", "GRANT SELECT, UPDATE ON " + schema + ".* TO clerk@localhost",
		"GRANT INSERT ON " + schema + ".invoices TO clerk@localhost", "GRANT INSERT ON " + schema + ".events TO clerk@localhost",
	} {
		s.exec(t, statement)
	}
	s.env = append(s.env, "DULY_DATABASE_DSN="+strings.Replace(dsn, "root@", "clerk@", 1))
	found = failing(t, s.duly(t, "doctor", "--json"))
	require.Equal(t, "privileges", found.Check)
	require.True(t, strings.HasPrefix(found.Detail, "not allowed: INSERT on audit_findings; INSERT on bookings; INSERT, DELETE on daily_order_stats; "), found.Detail)
	require.Contains(t, found.Detail, "; DELETE on events; INSERT on gateway_accounts; INSERT on gateway_answers; INSERT, DELETE on job_runs; ")
	require.NotContains(t, found.Detail, "UPDATE")
	require.Contains(t, found.Mend, "GRANT INSERT, DELETE ON "+schema+".job_runs; ")
	s.exec(t, "GRANT INSERT, DELETE ON "+schema+".* TO clerk@localhost")
	require.Equal(t, batch.ExitDone, s.duly(t, "doctor").code)
	s.enrol(t, "ok", 100)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code, "and with them it runs")
}
