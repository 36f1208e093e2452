package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/app"
	"duly/internal/batch"
	"duly/internal/test/golden"
)

// Every mistake is told in one line that says what is right, with exit code 2, before anything is touched.
func TestMistakes(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	without := func(prefix string) []string {
		env := []string{}
		for _, pair := range s.env {
			if !strings.HasPrefix(pair, prefix) {
				env = append(env, pair)
			}
		}
		return env
	}
	with := func(pairs ...string) []string { return append(without("DULY_NOTHING"), pairs...) }
	file := filepath.Join(t.TempDir(), "duly.yaml")
	require.NoError(t, os.WriteFile(file, []byte("billing:\n  chunk_sise: 5\n"), 0o600))

	seoul, err := time.LoadLocation("Asia/Seoul")
	require.NoError(t, err)
	today := time.Now().In(seoul).Format(time.DateOnly)

	before := s.tables(t)
	var text strings.Builder
	for _, c := range []struct {
		name  string
		env   []string
		args  string
		each  func(*app.Command)
		lines int
	}{
		{name: "unknown command", args: "fly"},
		{name: "unknown flag", args: "run billing --dat 2026-01-31"},
		{name: "flag without its value", args: "run billing --date"},
		{name: "no job", args: "run"},
		{name: "unknown job", args: "run biling"},
		{name: "flag of another job", args: "run billing --order 5"},
		{name: "two jobs", args: "run billing billing"},
		{name: "no date", args: "run billing --date 2026-02-30"},
		{name: "date after today", args: "run billing --date 2199-01-31"},
		{name: "unknown step", args: "run billing --step colect"},
		{name: "step that the schedule does not have", args: "run billing --step retry-9"},
		{name: "id that is none", args: "run billing --subscription 4,x"},
		{name: "subscription that is not there", args: "run billing --subscription 4711"},
		{name: "number that is none", args: "run billing --limit many"},
		{name: "negative number", args: "run billing --chunk-size -1"},
		{name: "number of another base", args: "run billing --limit 010"},
		{name: "refund of nothing", args: "refund invoice 1 --reason x --amount 0"},
		{name: "amount of another base", args: "refund order 1 --reason x --amount 0100"},
		{name: "payment of another base", args: "refund order 1 --reason x --payment 0x1"},
		{name: "rate that is none", args: "run billing --rate fast"},
		{name: "rate of one request in centuries", args: "run billing --rate 0.0000000001/s"},
		{name: "no requests at once", args: "run billing --parallelism 0"},
		{name: "no rows a chunk", args: "run billing --chunk-size 0"},
		{name: "date before anything was due", args: "run billing --date 1970-01-01"},
		{name: "no time for anything", args: "run billing --max-duration 1ms"},
		{name: "duration that is none", args: "run billing --max-duration long"},
		{name: "chunks out of range", args: "run billing --chunk-size 10000"},
		{name: "re-run of nothing", args: "run billing --rerun 99"},
		{name: "no database", env: without("DULY_DATABASE"), args: "run billing"},
		{name: "no database, status", env: without("DULY_DATABASE"), args: "status"},
		{name: "DSN that is none", env: with("DULY_DATABASE_DSN=shop"), args: "run billing"},
		{name: "no gateway", env: without("DULY_GATEWAYS"), args: "run billing"},
		{name: "unknown key in the environment", env: with("DULY_BILLING_CHUNK_SISE=5"), args: "run billing"},
		{name: "unknown key in the file", args: "run billing --config " + file},
		{name: "no such file", args: "run billing --config nowhere.yaml"},
		{name: "log file that cannot be written", env: with("DULY_LOG_FILE=/nowhere/duly.log"), args: "run billing"},
		{name: "clock ahead", args: "run billing", each: func(a *app.Command) { a.Now = func() time.Time { return time.Now().Add(time.Minute) } }},
		{name: "clock behind", args: "status", each: func(a *app.Command) { a.Now = func() time.Time { return time.Now().Add(-time.Hour) } }},
		{name: "show nothing", args: "show"},
		{name: "show what there is not", args: "show customer 5"},
		{name: "show without an id", args: "show invoice"},
		{name: "show an id that is none", args: "show invoice 0x5"},
		{name: "show a run that is not there", args: "show run 99"},
		{name: "show a subscription that is not there", args: "show subscription 4711"},
		{name: "show an invoice that is not there", args: "show invoice 4711"},
		{name: "an argument too many", args: "runs 5"},
		{name: "no runs at all", args: "runs --limit 0"},
		{name: "migrate nowhere", args: "migrate"},
		{name: "migrate sideways", args: "migrate sideways"},
		{name: "several at once", env: without("DULY_"), args: "run billing --date soon --limit -1 --step fly", lines: 5},
	} {
		env := c.env
		if env == nil {
			env = s.env
		}
		each := c.each
		if each == nil {
			each = same
		}
		got := duly(t, each, env, strings.Fields(c.args)...)
		require.Equal(t, batch.ExitUsage, got.code, c.name)
		require.Empty(t, got.out, c.name)
		require.Equal(t, max(c.lines, 1), strings.Count(got.err, "\n"), c.name+": "+got.err)
		line := fmt.Sprintf("%s: duly %s\n%s", c.name, c.args, durations.ReplaceAllString(got.err, "TIME"))
		text.WriteString(strings.NewReplacer(file, "duly.yaml", today, "TODAY").Replace(line))
	}
	require.Equal(t, before, s.tables(t), "a mistake must touch nothing")
	golden.Equal(t, "mistakes.golden", text.String())
}

func TestSchemaOfAnotherVersion(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"older":  "DELETE FROM duly_migrations WHERE version_id > 0",
		"newer":  "INSERT INTO duly_migrations (version_id, is_applied) VALUES (99, TRUE)",
		"absent": "DROP TABLE duly_migrations",
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.exec(t, change)
			for _, args := range [][]string{{"run", "billing"}, {"status"}, {"runs"}, {"show", "run", "1"}} {
				got := s.duly(t, args...)
				require.Equal(t, batch.ExitUsage, got.code)
				require.Equal(t, 1, strings.Count(got.err, "\n"), got.err)
				require.Contains(t, got.err, "schema version")
			}
		})
	}
}

// A database that is down is no mistake: a later run will do it.
func TestDatabaseDown(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	env := append(s.env, "DULY_DATABASE_DSN=duly:"+secretToken+"@tcp(127.0.0.1:1)/shop")
	for _, args := range [][]string{{"run", "billing"}, {"status"}, {"migrate", "up"}} {
		got := duly(t, same, env, args...)
		require.Equal(t, batch.ExitUnfinished, got.code)
		require.Equal(t, 1, strings.Count(got.err, "\n"), got.err)
		require.Contains(t, got.err, "database 127.0.0.1:1 refuses connections; duly doctor\n")
	}
	env = append(s.env, "DULY_DATABASE_DSN="+strings.ReplaceAll(s.db.DSN, "/test_", "/nowhere_"))
	got := duly(t, same, env, "run", "billing")
	require.Equal(t, batch.ExitUsage, got.code, got.err)
	require.Contains(t, got.err, "Unknown database")
}
