package private

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// childDir in the environment makes this test binary a process that starts the
// server of that folder, tells its id, and stops it when its input ends.
const (
	childDir  = "PRIVATE_TEST_DIR"
	childTied = "PRIVATE_TEST_TIED"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(runChild(dir, os.Getenv(childTied) != ""))
	}
	goleak.VerifyTestMain(m)
}

func runChild(dir string, tied bool) int {
	server, err := Start(context.Background(), Options{Dir: dir, Fast: true, Tied: tied})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(server.Pid())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := server.Stop(context.Background()); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// child is another process that has started a server.
type child struct {
	command *exec.Cmd
	input   io.Closer
	server  int // process id
}

func startChild(t *testing.T, dir string, env ...string) *child {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	command := exec.Command(program)
	command.Env = append(append(os.Environ(), childDir+"="+dir), env...)
	input, err := command.StdinPipe()
	require.NoError(t, err)
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	server, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err, line)
	return &child{command: command, input: input, server: server}
}

// kill ends the process, not its server, without warning.
func (c *child) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, c.command.Process.Kill())
	require.Error(t, c.command.Wait())
}

// finish lets the process stop its server and end.
func (c *child) finish(t *testing.T) {
	t.Helper()
	require.NoError(t, c.input.Close())
	require.NoError(t, c.command.Wait())
}

// newDir is a folder for a server; no server is left on it after the test.
func newDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "duly-private-") //nolint:usetesting // t.TempDir is too long for a socket
	require.NoError(t, err)
	t.Cleanup(func() {
		if pid := running(t, dir); pid != 0 {
			t.Errorf("a server is left behind: process %d", pid)
			require.NoError(t, endServer(context.Background(), filepath.Join(dir, "data"), pid, time.Second))
		}
		require.NoError(t, os.RemoveAll(dir))
	})
	return dir
}

// running is the process id of the folder's server, 0 if there is none.
func running(t *testing.T, dir string) int {
	t.Helper()
	pid, err := serverOf(context.Background(), filepath.Join(dir, "data"))
	require.NoError(t, err)
	return pid
}

// begin starts a server that is stopped after the test at the latest.
func begin(t *testing.T, options Options) *Server {
	t.Helper()
	options.Fast = true
	server, err := Start(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop(context.Background())) })
	return server
}

func end(t *testing.T, server *Server) {
	t.Helper()
	require.NoError(t, server.Stop(t.Context()))
}

// ask runs one query for one value.
func ask(t *testing.T, server *Server, query string) string {
	t.Helper()
	db, err := sql.Open("mysql", server.DSN(""))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	var value string
	require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&value))
	return value
}

func tell(t *testing.T, server *Server, statements ...string) {
	t.Helper()
	db, err := sql.Open("mysql", server.DSN(""))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, statement := range statements {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
}

func signal(t *testing.T, pid int, number syscall.Signal) {
	t.Helper()
	require.NoError(t, syscall.Kill(pid, number))
}

// ends waits until the channel is closed.
func ends(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		t.Fatal("the server's end was not noticed")
	}
}
