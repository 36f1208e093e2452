package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

// What waits for somebody names the list that has it, each once.
func TestWaitsNext(t *testing.T) {
	change := batch.Waiting{Reason: "1 invoice not charged", Next: "duly list changes"}
	other := batch.Waiting{Reason: "1 subscription due and not billed", Next: "duly list unknown"}
	for _, c := range []struct {
		waits []batch.Waiting
		want  []string
	}{
		{nil, nil},
		{[]batch.Waiting{{Reason: "refund 1 is in review: duly list review"}}, nil},
		{[]batch.Waiting{change}, []string{"duly list changes"}},
		{[]batch.Waiting{other, change, change}, []string{"duly list changes", "duly list unknown"}},
	} {
		require.Equal(t, c.want, waitsNext(c.waits), c.waits)
	}
}
