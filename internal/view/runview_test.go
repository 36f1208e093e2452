package view

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/runs"
)

func TestWhenAStepEnded(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, time.January, 31, 2, minute, 0, 0, time.UTC) }
	ended := at(4)
	run := runs.PastRun{Status: "running", Beat: at(5), LeaseMS: 60_000}
	require.Equal(t, at(4), stepEnd(run, runs.PastStep{Started: at(1), Finished: &ended}, at(9)))
	require.Equal(t, at(6), stepEnd(run, runs.PastStep{Started: at(1)}, at(6)), "it is live")
	require.Equal(t, at(5), stepEnd(run, runs.PastStep{Started: at(1)}, at(9)), "it died")
	require.Equal(t, at(8), stepEnd(run, runs.PastStep{Started: at(8)}, at(9)))
}
