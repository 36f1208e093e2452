package exit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/exit"
)

func TestLastWords(t *testing.T) {
	var words exit.LastWords
	var said []string
	ctx := words.With(t.Context())
	exit.BeforeEnding(ctx, func() { said = append(said, "left: pay_1") })
	done := exit.BeforeEnding(ctx, func() { said = append(said, "what is over") })
	done()
	exit.BeforeEnding(t.Context(), func() { said = append(said, "what nobody asks for") })()
	words.Say(time.Minute)
	require.Equal(t, []string{"left: pay_1"}, said)

	// Words that nobody takes keep nobody alive.
	never := make(chan struct{})
	defer close(never)
	exit.BeforeEnding(ctx, func() { <-never })
	words.Say(time.Millisecond)
}
