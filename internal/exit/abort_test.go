package exit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/exit"
)

func TestAbortHooks(t *testing.T) {
	var hooks exit.AbortHooks
	var said []string
	ctx := hooks.With(t.Context())
	exit.OnAbort(ctx, func() { said = append(said, "left: pay_1") })
	done := exit.OnAbort(ctx, func() { said = append(said, "what is over") })
	done()
	exit.OnAbort(t.Context(), func() { said = append(said, "what nobody asks for") })()
	hooks.Run(time.Minute)
	require.Equal(t, []string{"left: pay_1"}, said)

	// Words that nobody takes keep nobody alive.
	never := make(chan struct{})
	defer close(never)
	exit.OnAbort(ctx, func() { <-never })
	hooks.Run(time.Millisecond)
}
