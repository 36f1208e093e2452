package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// longestSocket is the longest socket path in bytes that every supported
// system takes (Linux has room for 107, macOS for 103).
const longestSocket = 103

// socketPath is where the server of the run folder listens: in that folder, or,
// if the path were too long, in a folder of its own among the temporary files,
// remembered in the run folder so that a later process finds the same server.
func socketPath(run string) (string, error) {
	path := filepath.Join(run, "mysql.sock")
	if len(path) <= longestSocket {
		return path, nil
	}
	note := filepath.Join(run, "socket")
	text, err := os.ReadFile(note) //nolint:gosec // G304: a name of ours in a folder of ours
	if err == nil {
		path = strings.TrimSpace(string(text))
		// Temporary files are cleaned up, and then anybody can make a folder of that name.
		if self().closed(filepath.Dir(path)) == nil {
			return path, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read where the socket is: %w", err)
	}
	dir, err := shortDir()
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "mysql.sock")
	if err := os.WriteFile(note, []byte(path+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write down where the socket is: %w", err)
	}
	return path, nil
}

// shortDir makes a folder with a short name that only this user can enter.
func shortDir() (string, error) {
	for _, parent := range []string{os.TempDir(), "/tmp"} {
		dir, err := os.MkdirTemp(parent, "duly-")
		if err != nil {
			return "", fmt.Errorf("make a folder for the socket: %w", err)
		}
		if len(filepath.Join(dir, "mysql.sock")) <= longestSocket {
			return dir, nil
		}
		if err := os.Remove(dir); err != nil {
			return "", fmt.Errorf("remove a folder: %w", err)
		}
	}
	return "", errors.New("no folder with a short enough name for the server's socket: set TMPDIR to one")
}

// removeSocket removes the socket and, if it has a folder of its own, that.
func removeSocket(run, socket string) {
	// A leftover harms nothing: the next server replaces it.
	_ = os.Remove(socket)
	_ = os.Remove(socket + ".lock")
	if filepath.Dir(socket) == run {
		return
	}
	_ = os.Remove(filepath.Dir(socket))
	_ = os.Remove(filepath.Join(run, "socket"))
}
