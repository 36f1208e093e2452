package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

// What is mistyped gets the word that was meant, in one line and with exit code 2, before any database is opened.
func TestWhatIsMistypedIsNamed(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"run biling":                    `unknown job "biling"; did you mean billing?`,
		"run fly":                       `unknown job "fly": it is reconcile, notices, billing, outbox, report, audit, prune or nightly`,
		"pause biling --reason x":       `unknown job "biling"; did you mean billing?`,
		"statsu":                        `unknown command "statsu"; did you mean duly status?`,
		"biling":                        `unknown command "biling"; did you mean duly run billing?`,
		"fly":                           `unknown command "fly"; try duly help`,
		"help fly":                      `unknown command "fly"; try duly help`,
		"show invoce 7":                 `unknown command "show invoce"; did you mean duly show invoice?`,
		"migrate sideways":              `unknown command "migrate sideways"; duly migrate down, status or up`,
		"run billing --dat 1":           "unknown flag --dat; did you mean --date?",
		"status --wacth":                "unknown flag --wacth; did you mean --watch?",
		"status --colour":               "unknown flag --colour; try duly status --help",
		"status --watch --interval 5":   "--interval 5 has no unit: 5s or 5m?",
		"status --watch --interval 1ms": "--interval 1ms is too short: give 100ms or more, such as 2s",
		"list review --what invoic":     `--what: unknown value "invoic"; did you mean invoice?`,
	} {
		got := duly(t, same, nil, strings.Fields(line)...)
		require.Equal(t, batch.ExitUsage, got.code, line)
		require.Equal(t, "duly: "+want+"\n", got.err, line)
	}
	for typed, want := range map[string]string{
		"10": "--max-duration 10 has no unit: 10m or 10h?", "1.5": "--max-duration 1.5 has no unit: 1.5m or 1.5h?",
		"long": `--max-duration: "long" is not a duration such as 2h`, "-2h": "--max-duration -2h leaves no time: give one such as 2h",
		"1ms": "--max-duration 1ms is too short for any work: give 100ms or more",
	} {
		got := duly(t, same, []string{"DULY_DATABASE_DSN=duly@tcp(127.0.0.1:1)/shop", "DULY_GATEWAYS_MAIN_URL=http://127.0.0.1:1"}, "run", "billing", "--max-duration="+typed)
		require.Equal(t, batch.ExitUsage, got.code)
		require.Contains(t, got.err, want)
	}
}

// A database that cannot be reached is named with its address, and with the command that looks closer.
func TestUnreachableDatabases(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"duly@tcp(127.0.0.1:1)/shop":                "database 127.0.0.1:1 refuses connections; duly doctor",
		"duly@unix(/nowhere/mysql.sock)/shop":       "database /nowhere/mysql.sock is not there: no such socket; duly doctor",
		"duly@tcp(db.nowhere.invalid:3306)/shop":    "database db.nowhere.invalid:3306 is at an unknown host; duly doctor",
		"duly@tcp(127.0.0.1:1)/shop?timeout=1000ms": "database 127.0.0.1:1 refuses connections; duly doctor",
	} {
		got := duly(t, same, []string{"DULY_DATABASE_DSN=" + dsn}, "status")
		require.Equal(t, batch.ExitUnfinished, got.code, got.err)
		require.Equal(t, "duly: "+want+"\n", got.err)
	}
}
