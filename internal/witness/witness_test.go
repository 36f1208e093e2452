package witness_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/witness"
)

func mark(attempt uint64) witness.Mark {
	return witness.Mark{Run: attempt / 10, Attempt: attempt, Key: "sub_1_20260131-1"}
}

func TestTheNewestMarkIsKept(t *testing.T) {
	for _, durable := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "state", "duly")
		f := witness.In(dir, "db:3306/shop")
		f.Sync = durable
		got, err := f.Read()
		require.NoError(t, err)
		require.Nil(t, got)
		require.NoError(t, f.Keep(mark(5)))
		require.NoError(t, f.Keep(mark(3)), "an older one changes nothing")
		other := witness.In(dir, "db:3306/shop") // another process
		require.NoError(t, other.Keep(mark(9)))
		require.NoError(t, f.Keep(mark(7)))
		got, err = f.Read()
		require.NoError(t, err)
		require.Equal(t, new(mark(9)), got)
		info, err := os.Stat(f.Path())
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

		got, err = witness.In(dir, "db:3306/other").Read()
		require.NoError(t, err)
		require.Nil(t, got, "each database has its own")

		require.NoError(t, f.Replace(new(mark(2))))
		require.NoError(t, f.Keep(mark(4)), "after the confirmation of a history that was set back")
		got, err = f.Read()
		require.NoError(t, err)
		require.Equal(t, new(mark(4)), got)
		require.NoError(t, f.Replace(nil))
		require.NoError(t, f.Replace(nil))
		got, err = f.Read()
		require.NoError(t, err)
		require.Nil(t, got)
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
	got, err := witness.In(dir, "db/shop").Read()
	require.NoError(t, err)
	require.Equal(t, new(mark(200)), got)
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
	got, err := f.Read()
	require.NoError(t, err)
	require.Equal(t, new(mark(1)), got)
}
