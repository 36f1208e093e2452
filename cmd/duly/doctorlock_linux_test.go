package main

import (
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/checkup"
)

// A folder in which no run can be locked costs a wait after a crash, and no money: doctor warns of it, and says how to mend it.
func TestDoctorTriesTheLock(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	good, err := os.MkdirTemp("/dev/shm", "duly-test-") //nolint:usetesting // t.TempDir is on a disk
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(good)) })
	for dir, want := range map[string]string{
		"/nope":     "open /nope: no such file or directory",
		t.TempDir(): "is not on tmpfs",
		"/proc/1":   "/proc/1 is not on tmpfs",
		good:        "",
		"none":      "",
	} {
		one := *s
		one.env = append(slices.Clone(s.env), "DULY_RUN_LOCK_DIR="+dir)
		got := one.duly(t, "doctor", "--json")
		require.Equal(t, batch.ExitDone, got.code, got.out)
		all := document[[]checkup.Check](t, got)
		lock := all[slices.IndexFunc(all, func(c checkup.Check) bool { return c.Check == "lock" })]
		require.True(t, lock.OK)
		if want == "" {
			require.Empty(t, lock.Mend, dir)
			continue
		}
		require.Contains(t, lock.Detail, "a run that was killed is not taken over at once on this host, the next one waits for its lease (1m0s): ")
		require.Contains(t, lock.Detail, want)
		require.Equal(t, "set run.lock_dir to a folder on tmpfs that belongs to root or to duly's user, such as /run/duly, or to none", lock.Mend)
		require.Contains(t, one.duly(t, "doctor").out, "\n! lock ")
	}
	files, err := os.ReadDir(good)
	require.NoError(t, err)
	require.Empty(t, files, "it leaves nothing behind")
}
