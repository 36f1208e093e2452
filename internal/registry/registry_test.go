package registry

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/jobs"
)

// Whatever asks for a job by name asks the registry: a job that has an entry can be run, paused and told of.
func TestEveryEntryIsFoundByItsName(t *testing.T) {
	t.Parallel()
	names := Names()
	require.Equal(t, jobs.NightlyJob, names[len(names)-1])
	for _, job := range Jobs() {
		found, ok := Find(job.Name)
		require.True(t, ok, job.Name)
		require.Equal(t, job.Does, found.Does)
		require.True(t, slices.Contains(names, job.Name), job.Name)
	}
	_, ok := Find("fly")
	require.False(t, ok)
}

// What waits for somebody names the list that has it, each once.
func TestWaitsNext(t *testing.T) {
	const change, other = "1 invoice not charged until a planned change of the payment method is fixed (1): duly list changes --kind method", "1 subscription due and not billed"
	for _, c := range []struct {
		n    int
		left []string
		want []string
	}{
		{1, []string{other}, []string{"duly list unknown"}},
		{1, []string{change}, []string{"duly list changes"}},
		{1, []string{change, "3 charges of gateway main until duly resume gateway main"}, []string{"duly list changes"}},
		{3, []string{other, change, change}, []string{"duly list changes", "duly list unknown"}},
	} {
		require.Equal(t, c.want, waitsNext(c.n, c.left), c.left)
	}
}
