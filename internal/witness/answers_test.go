package witness_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/witness"
)

// lines makes lines of text.
func lines(text ...string) [][]byte {
	out := make([][]byte, len(text))
	for i, s := range text {
		out[i] = []byte(s)
	}
	return out
}

// drained are the lines of the file, which is gone then.
func drained(t *testing.T, a *witness.Answers) []string {
	t.Helper()
	var got []string
	aside, err := a.Drain(func(lines [][]byte) ([][]byte, error) {
		for _, line := range lines {
			got = append(got, string(line))
		}
		return nil, nil
	})
	require.NoError(t, err)
	require.Empty(t, aside)
	require.False(t, a.Pending())
	return got
}

func TestAnswersAreKeptUntilTheyAreUsed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	a := witness.AnswersIn(dir, "db:3306/shop")
	require.False(t, a.Pending())
	require.Empty(t, drained(t, a))
	require.NoError(t, a.Add(lines("1", "2")))
	require.NoError(t, a.Add(lines("3")))
	require.True(t, a.Pending())
	require.False(t, witness.AnswersIn(dir, "db:3306/other").Pending(), "each database has its own")
	info, err := os.Stat(a.Path())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	broken := errors.New("the database is away")
	_, err = a.Drain(func([][]byte) ([][]byte, error) { return nil, broken })
	require.ErrorIs(t, err, broken)
	require.True(t, a.Pending(), "they stay")
	require.Equal(t, []string{"1", "2", "3"}, drained(t, witness.AnswersIn(dir, "db:3306/shop")))
}

// Half a line, which a crash of the host has left, spoils no other.
func TestHalfALineIsSetAside(t *testing.T) {
	a := witness.AnswersIn(t.TempDir(), "db")
	require.NoError(t, a.Add(lines("1")))
	text, err := os.ReadFile(a.Path())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(a.Path(), append(text, "hal"...), 0o600))
	require.NoError(t, a.Add(lines("2")))
	var used []string
	aside, err := a.Drain(func(lines [][]byte) (bad [][]byte, err error) {
		for _, line := range lines {
			if bytes.Equal(line, []byte("hal")) {
				bad = append(bad, line)
			} else {
				used = append(used, string(line))
			}
		}
		return bad, nil
	})
	require.NoError(t, err)
	require.Equal(t, []string{"1", "2"}, used)
	text, err = os.ReadFile(aside)
	require.NoError(t, err)
	require.Equal(t, "hal\n", string(text))
	require.False(t, a.Pending())
}

func TestManyWorkersSaveAnswers(t *testing.T) {
	dir := t.TempDir()
	var work sync.WaitGroup
	for worker := range 4 {
		work.Go(func() {
			a := witness.AnswersIn(dir, "db")
			for i := range 25 {
				if err := a.Add(lines(fmt.Sprint(worker, " ", i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	require.Len(t, drained(t, witness.AnswersIn(dir, "db")), 100)
}

func TestAnswersWithoutAPlace(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	require.Error(t, witness.AnswersIn(filepath.Join(dir, "file"), "db").Add(lines("1")))
}
