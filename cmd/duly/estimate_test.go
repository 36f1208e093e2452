package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A forecast says how long the charges take, if a run before it made enough of them, and what is not charged.
func TestForecastOfCharges(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for range 3 {
		s.enrol(t, "ok", 12900)
	}
	got := s.duly(t, "run", "billing", "--dry-run").out
	require.Regexp(t, `^\d+ \w+ \d{4} · forecast: nothing written, no gateway called\nWill charge   3 · 38,700 KRW\n$`, got)

	s.past(t)
	s.exec(t, "UPDATE job_runs SET status = 'completed', exit_code = 0")
	s.exec(t, `INSERT INTO step_runs (run_id, step, status, read_count, succeeded, amounts, started_at, finished_at) VALUES
(1, 'collect', 'completed', 20, 20, '{}', '2026-01-31 02:00:00', '2026-01-31 02:03:20')`)
	s.attempt(t, "in_doubt", "charging", "")
	s.attempt(t, "review", "review", "")
	got = s.duly(t, "run", "billing", "--dry-run").out
	require.Contains(t, got, "\nWill charge   3 · 38,700 KRW · about 30s\n")
	require.Contains(t, got, "\nWon't charge  1 in doubt (asked first) · 1 in review\n")
	require.Contains(t, s.duly(t, "run", "billing", "--dry-run", "--verbose").out, "\nfirst 3:\n")
}
