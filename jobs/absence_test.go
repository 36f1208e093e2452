package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/httpapi"
)

// An attempt that may not be sent again is not absent before its last request can have arrived, whatever controls say.
func TestAnAbsenceIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := doubted(t, 2, never)
	w.client = func(c *httpapi.Config) { c.LongestRequest = 2 * time.Hour } // keys are kept for a day
	result := w.on("2026-02-01").look()
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Equal(t, 2, w.attempts("in_doubt"))

	result = w.on("2026-02-02").look()
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, 2, w.attempts("released"))
}
