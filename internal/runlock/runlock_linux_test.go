package runlock_test

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/runlock"
)

// memory is a folder on tmpfs: where every Linux that these tests run on has one.
const memory = "/dev/shm"

const database = "127.0.0.1:3306/shop"

func token() []byte { return []byte("0123456789abcdef") }

// folder is a folder of the test's own on tmpfs.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(memory, "duly-test-") //nolint:usetesting // t.TempDir is on a disk
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func open(t *testing.T, dir string) *runlock.Host {
	t.Helper()
	h, err := runlock.Open(dir, database, func(string) string { return "" }, time.Now)
	require.NoError(t, err)
	require.NotNil(t, h)
	return h
}

// file is the only file of a folder.
func file(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, names, 1)
	return names[0]
}

// gone reports whether the process is proven to be gone, and lets the file be.
func gone(h *runlock.Host, token []byte, proof string) bool {
	r := h.Gone(token, proof)
	if r == nil {
		return false
	}
	r.Close()
	return true
}

// TestMain is also the process that is killed: it takes a lock, says its proof, and waits.
func TestMain(m *testing.M) {
	if dir := os.Getenv("RUNLOCK_TEST_DIR"); dir != "" {
		hold(dir)
		return
	}
	os.Exit(m.Run())
}

func hold(dir string) {
	h, err := runlock.Open(dir, database, os.Getenv, time.Now)
	if err != nil {
		panic(err)
	}
	l, err := h.Take(token())
	if err != nil {
		panic(err)
	}
	child := exec.Command("sleep", "600") // it inherits what is not closed on exec, and outlives this process
	if os.Getenv("RUNLOCK_TEST_CHILD") != "" {
		if err := child.Start(); err != nil {
			panic(err)
		}
	}
	proof, err := l.Next()
	if err != nil {
		panic(err)
	}
	fmt.Println(proof, child.Process != nil && child.Process.Pid > 0, pid(child))
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func pid(c *exec.Cmd) int {
	if c.Process == nil {
		return 0
	}
	return c.Process.Pid
}

// holder starts a process that holds a lock in dir, and returns its proof.
func holder(t *testing.T, dir string, env ...string) (*exec.Cmd, string) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(append(os.Environ(), "RUNLOCK_TEST_DIR="+dir), env...)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	require.NoError(t, err)
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	var proof string
	var has bool
	var child int
	_, err = fmt.Sscan(line, &proof, &has, &child)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = in.Close()
		_ = c.Process.Kill()
		_ = c.Wait()
		if child > 0 {
			_ = syscall.Kill(child, syscall.SIGKILL)
		}
	})
	return c, proof
}

// A process that lives, or is stopped, is not gone; one that was killed is, with a child of it alive. Tests that start processes are not
// parallel: between fork and exec a new process has all open files, and with them the locks that other tests let go.
func TestAProcessThatIsKilled(t *testing.T) {
	dir := folder(t)
	h := open(t, dir)
	c, proof := holder(t, dir, "RUNLOCK_TEST_CHILD=1")
	require.False(t, gone(h, token(), proof), "it lives")
	require.Empty(t, h.Leftovers())
	require.NoError(t, c.Process.Signal(syscall.SIGSTOP))
	require.False(t, gone(h, token(), proof), "it is stopped")
	require.NoError(t, c.Process.Kill())
	_ = c.Wait()
	require.True(t, gone(h, token(), proof))
	require.True(t, gone(h, token(), proof), "looking at it changes nothing")

	r := h.Gone(token(), proof)
	require.NotNil(t, r)
	require.Nil(t, h.Gone(token(), proof), "somebody else has it in hand")
	r.Remove()
	require.Nil(t, h.Gone(token(), proof))
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, names)
}

// A child that was given the lock lives on with it: the process counts as alive.
func TestAChildThatHoldsTheLock(t *testing.T) {
	dir := folder(t)
	h := open(t, dir)
	l, err := h.Take(token())
	require.NoError(t, err)
	proof, err := l.Next()
	require.NoError(t, err)
	held, err := os.Open(file(t, dir)) // an open file of its own has no part in the lock
	require.NoError(t, err)
	require.False(t, gone(h, token(), proof))
	l.Release(false)
	require.NoError(t, syscall.Flock(int(held.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
	child := exec.Command("sleep", "600")
	child.ExtraFiles = []*os.File{held}
	require.NoError(t, child.Start())
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	require.NoError(t, held.Close())
	require.False(t, gone(h, token(), proof), "a child has it")
}

// mutation changes what stands at a path.
type mutation struct {
	name   string
	change func(t *testing.T, path string)
}

// rewritten replaces a part of a file's text, in the file itself.
func rewritten(t *testing.T, path, from, to string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), from)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte(strings.Replace(string(text), from, to, 1)), 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// Nothing but the very file that the process locked, as it left it, proves that it is gone.
func TestWhatProvesNothing(t *testing.T) {
	t.Parallel()
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	require.NoError(t, err)
	for _, m := range []mutation{
		{"removed", func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Remove(path))
		}},
		{"a copy in its place", func(t *testing.T, path string) {
			t.Helper()
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path+".new", text, 0o600))
			require.NoError(t, os.Rename(path+".new", path))
		}},
		{"a link", func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Rename(path, path+".real"))
			require.NoError(t, os.Symlink(path+".real", path))
		}},
		{"a second name", func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Link(path, path+".other"))
		}},
		{"a pipe", func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Remove(path))
			require.NoError(t, syscall.Mkfifo(path, 0o600))
		}},
		{"writable for others", func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Chmod(path, 0o666))
		}},
		{"another boot", func(t *testing.T, path string) {
			t.Helper()
			rewritten(t, path, strings.TrimSpace(string(boot)), "00000000-0000-4000-8000-000000000000")
		}},
		{"another run", func(t *testing.T, path string) {
			t.Helper()
			rewritten(t, path, hex.EncodeToString(token()), strings.Repeat("ab", 16))
		}},
		{"another format", func(t *testing.T, path string) {
			t.Helper()
			rewritten(t, path, "lock 1", "lock 2")
		}},
		{"cut", func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Truncate(path, 100))
		}},
		{"empty", func(t *testing.T, path string) {
			t.Helper()
			require.NoError(t, os.Truncate(path, 0))
		}},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			h := open(t, dir)
			l, err := h.Take(token())
			require.NoError(t, err)
			proof, err := l.Next()
			require.NoError(t, err)
			l.Release(false)
			require.True(t, gone(h, token(), proof), "as it was left")
			m.change(t, file(t, dir))
			require.False(t, gone(h, token(), proof))
		})
	}
}

// The newest heartbeat that the database has must be the last that the process wrote, or the one before: a heartbeat from elsewhere, of
// the same process on a copy of the machine, shows that it lives.
func TestTheProofIsOfTheLastHeartbeat(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	h := open(t, dir)
	l, err := h.Take(token())
	require.NoError(t, err)
	var proofs []string
	for range 4 {
		proof, err := l.Next()
		require.NoError(t, err)
		require.NotContains(t, proofs, proof)
		proofs = append(proofs, proof)
		if len(proofs) < 4 { // the last one never came to the database
			l.Confirm(proof)
		}
	}
	l.Release(false)
	require.False(t, gone(h, token(), proofs[0]))
	require.False(t, gone(h, token(), proofs[1]), "an older heartbeat")
	require.True(t, gone(h, token(), proofs[2]), "the last that was confirmed")
	require.True(t, gone(h, token(), proofs[3]), "its COMMIT may have had no answer")
	require.False(t, gone(h, token(), ""), "a run without a lock")
	id, _, _ := strings.Cut(proofs[3], ":")
	require.False(t, gone(h, token(), id+":1:"+strings.Repeat("0", 32)), "a heartbeat from elsewhere")
	require.False(t, gone(h, []byte("fedcba9876543210"), proofs[3]), "another run")
}

func TestWhereLocksAreTaken(t *testing.T) {
	t.Parallel()
	none := func(string) string { return "" }
	disk := t.TempDir()
	_, err := runlock.Open(disk, database, none, time.Now)
	require.ErrorContains(t, err, "is not on tmpfs")
	dir := folder(t)
	_, err = runlock.Open(filepath.Join(dir, "missing"), database, none, time.Now)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	_, err = runlock.Open(filepath.Join(dir, "file"), database, none, time.Now)
	require.ErrorContains(t, err, "is no folder")
	require.NoError(t, os.Chmod(dir, 0o777))
	_, err = runlock.Open(dir, database, none, time.Now)
	require.ErrorContains(t, err, "can be changed by others")
	require.NoError(t, os.Chmod(dir, 0o777|os.ModeSticky))
	open(t, dir)

	// The usual folders: systemd's comes first; one on a disk is passed over.
	require.NoError(t, os.Remove(filepath.Join(dir, "file")))
	h, err := runlock.Open("", database, func(name string) string {
		return map[string]string{"RUNTIME_DIRECTORY": dir + ":/elsewhere", "XDG_RUNTIME_DIR": disk}[name]
	}, time.Now)
	require.NoError(t, err)
	l, err := h.Take(token())
	require.NoError(t, err)
	info, err := os.Stat(file(t, dir))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	require.NotContains(t, file(t, dir), hex.EncodeToString(token()), "a listing of the folder does not show the token")
	_, err = open(t, dir).Take(token())
	require.ErrorIs(t, err, os.ErrExist, "a file that is there is never taken for one's own")
	l.Release(true)
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, names)
	require.NoError(t, os.Symlink(filepath.Join(disk, "target"), filepath.Join(dir, filepath.Base(info.Name()))))
	_, err = open(t, dir).Take(token())
	require.Error(t, err, "no link is followed")
	require.NoFileExists(t, filepath.Join(disk, "target"))
}

// Files of processes that are gone are found, unless they are young.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	now := time.Now()
	h, err := runlock.Open(dir, database, func(string) string { return "" }, func() time.Time { return now })
	require.NoError(t, err)
	alive, err := h.Take([]byte("a run that lives"))
	require.NoError(t, err)
	_, err = alive.Next()
	require.NoError(t, err)
	defer alive.Release(true)
	dead, err := h.Take(token())
	require.NoError(t, err)
	_, err = dead.Next()
	require.NoError(t, err)
	dead.Release(false)
	require.Empty(t, h.Leftovers(), "young")
	now = now.Add(2 * time.Minute)
	found := h.Leftovers()
	require.Len(t, found, 1)
	require.Equal(t, token(), found[0].Token)
	found[0].Remove()
	require.Empty(t, h.Leftovers())
}

// A run without a lock does what it did before.
func TestNoLock(t *testing.T) {
	t.Parallel()
	var h *runlock.Host
	l, err := h.Take(token())
	require.NoError(t, err)
	proof, err := l.Next()
	require.NoError(t, err)
	require.Empty(t, proof)
	l.Confirm(proof)
	l.Release(true)
	require.Empty(t, h.Boot())
	require.Nil(t, h.Gone(token(), "proof"))
	require.Empty(t, h.Leftovers())
}

// The address of a database may be written in several ways: what proves that a run is gone is found under each, and what does not prove it
// in none.
func TestAnotherSpellingOfTheDatabase(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	here := open(t, dir)
	there, err := runlock.Open(dir, "localhost:3306/shop", func(string) string { return "" }, time.Now)
	require.NoError(t, err)
	l, err := here.Take(token())
	require.NoError(t, err)
	first, err := l.Next()
	require.NoError(t, err)
	l.Confirm(first)
	proof, err := l.Next()
	require.NoError(t, err)
	l.Confirm(proof)
	require.False(t, gone(there, token(), proof), "it lives")
	next, err := l.Next()
	require.NoError(t, err)
	l.Release(false)
	require.False(t, gone(there, token(), first), "the row of a database that was copied while it lived")
	require.False(t, gone(there, []byte("another database"), proof))
	require.True(t, gone(there, token(), proof))
	require.True(t, gone(there, token(), next))
	there.Gone(token(), next).Remove()
	require.False(t, gone(here, token(), next))
}

// Files of other databases are left to those for as long as they may prove something.
func TestLeftoversOfOtherDatabases(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	now := time.Now()
	other, err := runlock.Open(dir, "other:3306/shop", func(string) string { return "" }, func() time.Time { return now })
	require.NoError(t, err)
	l, err := open(t, dir).Take(token())
	require.NoError(t, err)
	_, err = l.Next()
	require.NoError(t, err)
	l.Release(false)
	now = now.Add(23 * time.Hour)
	require.Empty(t, other.Leftovers())
	now = now.Add(2 * time.Hour)
	found := other.Leftovers()
	require.Len(t, found, 1)
	found[0].Remove()
}

// What went wrong names the file once.
func TestAFileThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	l, err := open(t, dir).Take(token())
	require.NoError(t, err)
	require.Equal(t, dir, l.Dir())
	l.Release(false)
	_, err = l.Next()
	require.ErrorContains(t, err, "file already closed")
	require.Equal(t, 1, strings.Count(err.Error(), dir), err.Error())
}
