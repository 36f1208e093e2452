package private

import (
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIsServerOf(t *testing.T) {
	for command, want := range map[string]bool{
		"/usr/sbin/mariadbd --no-defaults --datadir=/d/data --socket=/s":                         true,
		"/usr/sbin/mysqld --datadir=/d/data":                                                     true,
		"/c/lib/ld-linux.so.2 --library-path /c/lib /c/mysqld --no-defaults --datadir=/d/data x": true,
		"/usr/sbin/mariadbd --no-defaults --datadir=/d/data2 --socket=/s":                        false,
		"/usr/sbin/mariadbd --no-defaults --datadir=/d --socket=/s":                              false,
		"/usr/sbin/mariadbd --no-defaults --socket=/s":                                           false,
		"grep mysql --datadir=/d/data":                                                           false,
		"vi --datadir=/d/data mariadbd":                                                          false,
		"":                                                                                       false,
	} {
		require.Equal(t, want, process{pid: 1, command: command}.isServerOf("/d/data"), command)
	}
}

// An id that was remembered and has been given to another process since is not
// signalled.
func TestSignalServerSparesOthers(t *testing.T) {
	other := exec.Command("sleep", "60")
	require.NoError(t, other.Start())
	require.NoError(t, signalServer(t.Context(), "/nowhere/data", other.Process.Pid, syscall.SIGKILL))
	require.NoError(t, other.Process.Signal(syscall.SIGTERM))
	err := other.Wait()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	status, ok := exit.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	require.Equal(t, syscall.SIGTERM, status.Signal(), "the stranger was killed")
}
