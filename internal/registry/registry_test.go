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
