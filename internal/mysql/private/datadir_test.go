package private

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Two first starts at once, with an empty cache, make one template.
func TestTemplateIsMadeOnce(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache)
	program, err := MariaDB()
	require.NoError(t, err)
	found := make([]string, 2)
	var both sync.WaitGroup
	for i := range found {
		both.Go(func() {
			path, err := template(t.Context(), program)
			if err != nil {
				t.Error(err)
			}
			found[i] = path
		})
	}
	both.Wait()
	require.Equal(t, found[0], found[1])
	entries, err := os.ReadDir(filepath.Dir(found[0]))
	require.NoError(t, err)
	require.Len(t, entries, 2, "the template and its lock")
}

// A home that cannot be written, as services and CI have, only takes longer.
func TestStartWithoutCache(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/dev/null/cache")
	t.Setenv("HOME", "/dev/null")
	require.Equal(t, "1", ask(t, begin(t, Options{Dir: newDir(t)}), "SELECT 1"))
}
