package text_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/text"
)

// A command that lost its id to the folding is not typed with another one that stands beside it.
func TestAFoldedReasonShowsNoCommandWithoutItsID(t *testing.T) {
	t.Parallel()
	reason := "planned change %d (amount from 2026-11-29): value \"x\" is no number; correct or delete its row, or duly resolve change %[1]d --as ignored"
	one := text.Counted{Kind: "subscription", Text: fmt.Sprintf(reason, 8), N: 1}
	require.Equal(t, []text.Counted{one}, text.Alike([]text.Counted{one}))
	two := text.Alike([]text.Counted{one, {Kind: "subscription", Text: fmt.Sprintf(reason, 9), N: 1}})
	require.Len(t, two, 1)
	require.Equal(t, `planned change … (amount from 2026-11-29): value "x" is no number; correct or delete its row, or ignore it: duly list changes shows the ids`, two[0].Text)
}
