package main

import (
	"context"
	"fmt"
	"strings"
)

// How the server is asked which statements take its time. It costs a few percent of both sides, and so is not done unless asked for.
const (
	forgetStatements = `TRUNCATE performance_schema.events_statements_summary_by_digest`
	longestDigest    = 160 // characters of a statement that are printed
	statementsShown  = 30
	timeOfStatements = `SELECT COALESCE(DIGEST_TEXT, '') AS text, COUNT_STAR AS times, SUM_TIMER_WAIT / 1e6 AS took, SUM_ROWS_EXAMINED AS examined
FROM performance_schema.events_statements_summary_by_digest ORDER BY took DESC LIMIT ?`
)

func statementOptions() []string {
	return []string{"--performance-schema=ON", "--max-digest-length=4096", "--performance-schema-max-digest-length=4096"}
}

// countStatements begins to count what each statement takes, if that is wanted.
func (l *lab) countStatements(ctx context.Context) error {
	if !l.statements {
		return nil
	}
	if _, err := l.admin.ExecContext(ctx, forgetStatements); err != nil {
		return fmt.Errorf("count the statements: %w", err)
	}
	return nil
}

// sayStatements prints the time in the server and the rows read of the statements since then, for each of n items.
func (l *lab) sayStatements(ctx context.Context, n int) error {
	if !l.statements {
		return nil
	}
	var found []struct {
		Text     string
		Times    int
		Took     float64 // µs
		Examined int
	}
	if err := l.admin.SelectContext(ctx, &found, timeOfStatements, statementsShown); err != nil {
		return fmt.Errorf("count the statements: %w", err)
	}
	for _, f := range found {
		text := strings.Join(strings.Fields(strings.ReplaceAll(f.Text, "`", "")), " ")
		if len(text) > longestDigest {
			text = text[:longestDigest] + "…"
		}
		l.say("    %6.1f µs and %5.2f rows read an item, %6d times: %s", f.Took/float64(n), float64(f.Examined)/float64(n), f.Times, text)
	}
	return nil
}
