package witness_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/witness"
)

func mark(attempt uint64) witness.Mark {
	return witness.Mark{Run: attempt / 10, Attempt: attempt, Key: "sub_1_20260131-1"}
}

// kept is the mark of a file.
func kept(t *testing.T, f *witness.File) *witness.Mark {
	t.Helper()
	got, err := f.Read()
	require.NoError(t, err)
	return got.Mark
}

func TestTheNewestMarkIsKept(t *testing.T) {
	for _, durable := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "state", "duly")
		f := witness.In(dir, "db:3306/shop")
		f.Sync = durable
		require.Nil(t, kept(t, f))
		require.NoError(t, f.Keep(mark(5)))
		require.NoError(t, f.Keep(mark(3)), "an older one changes nothing")
		other := witness.In(dir, "db:3306/shop") // another process
		require.NoError(t, other.Keep(mark(9)))
		require.NoError(t, f.Keep(mark(7)))
		require.Equal(t, new(mark(9)), kept(t, f))
		info, err := os.Stat(f.Path())
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

		require.Nil(t, kept(t, witness.In(dir, "db:3306/other")), "each database has its own")

		require.NoError(t, f.Replace(new(mark(2))))
		require.NoError(t, f.Keep(mark(4)), "after the confirmation of a history that was set back")
		require.Equal(t, new(mark(4)), kept(t, f))

		// What was lost is kept beside what is confirmed from then on, whatever its number, until the history is confirmed.
		require.NoError(t, f.Lose(mark(4)))
		require.Nil(t, kept(t, f))
		again := mark(2)
		again.At = time.Date(2026, time.January, 31, 3, 0, 0, 5000, time.UTC)
		require.NoError(t, f.Keep(again))
		got, err := witness.In(dir, "db:3306/shop").Read()
		require.NoError(t, err)
		require.Equal(t, witness.Kept{Mark: &again, Lost: new(mark(4))}, got)
		require.NoError(t, f.Lose(mark(1)), "another process has kept a newer one")
		require.Equal(t, &again, kept(t, f))
		require.NoError(t, f.Replace(new(mark(4))))
		got, err = f.Read()
		require.NoError(t, err)
		require.Equal(t, witness.Kept{Mark: new(mark(4))}, got)
		require.NoError(t, f.Replace(nil))
		require.NoError(t, f.Replace(nil))
		require.Nil(t, kept(t, f))
	}
}

func TestManyWorkersOnOneHost(t *testing.T) {
	dir := t.TempDir()
	var work sync.WaitGroup
	for worker := range uint64(4) {
		work.Go(func() {
			f := witness.In(dir, "db/shop")
			for i := range uint64(50) {
				if err := f.Keep(mark(1 + worker + 4*i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	require.Equal(t, new(mark(200)), kept(t, witness.In(dir, "db/shop")))
}

func TestAWitnessThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	require.Error(t, witness.In(filepath.Join(dir, "file"), "db").Keep(mark(1)))
	f := witness.In(dir, "db")
	require.NoError(t, os.WriteFile(f.Path(), []byte("{}"), 0o600))
	_, err := f.Read()
	require.ErrorContains(t, err, "delete it")
	require.NoError(t, f.Keep(mark(1)))
	require.Equal(t, new(mark(1)), kept(t, f))
}
