package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/registry"
	"duly/internal/witness"
)

// While answers wait on a host, no run there ends with a code that lets it be powered off.
func TestTheHostStaysUpWhileAnswersWait(t *testing.T) {
	t.Parallel()
	c := &config.Config{Database: config.Database{DSN: "duly@tcp(db:3306)/shop"}, Run: config.Run{Witness: t.TempDir()}}
	e := &Execution{Request: &registry.Request{Config: c}}
	code := func(before int) int {
		result := batch.Result{Exit: before}
		e.stayUp(&result)
		return result.Exit
	}
	require.Equal(t, batch.ExitDone, code(batch.ExitDone))
	require.NoError(t, witness.AnswersIn(c.Run.Witness, c.Database.Address()).Add([][]byte{[]byte("{}")}))
	for _, before := range []int{batch.ExitDone, batch.ExitReview} {
		require.Equal(t, batch.ExitUnfinished, code(before))
	}
	require.Equal(t, batch.ExitFailed, code(batch.ExitFailed))
	c.Run.Witness = config.None
	require.Equal(t, batch.ExitDone, code(batch.ExitDone))
}
