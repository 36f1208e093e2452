package private

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// errNoProgram says that the server program is not on this machine.
var errNoProgram = errors.New("no database server program")

// Program is a database server program: how to run it, and how to fill an
// empty data folder for it. The zero value is no program; MariaDB and MySQL
// make one. It is immutable and may be shared.
type Program struct {
	server  string
	options []string
	install func(data string) []string
}

// MariaDB finds the MariaDB server among the programs of this machine. The
// error is errNoProgram, with what to install, if there is none.
func MariaDB() (Program, error) {
	server, err := find("mariadbd")
	if err != nil {
		return Program{}, fmt.Errorf("%w: install MariaDB (on Debian: apt-get install mariadb-server-core mariadb-client-core): %w", errNoProgram, err)
	}
	installer, err := find("mariadb-install-db")
	if err != nil {
		return Program{}, fmt.Errorf("%w: install MariaDB whole (on Debian: apt-get install mariadb-server-core mariadb-client-core): %w", errNoProgram, err)
	}
	return Program{
		server:  server,
		options: []string{"--skip-log-bin"},
		install: func(data string) []string {
			return []string{
				installer, "--no-defaults", "--datadir=" + data,
				"--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=4M",
			}
		},
	}, nil
}

// MySQL is the MySQL server that starts by the file "mysqld" in folder. The
// error is errNoProgram if there is none.
func MySQL(folder string) (Program, error) {
	server := filepath.Join(folder, "mysqld")
	if _, err := exec.LookPath(server); err != nil {
		return Program{}, fmt.Errorf("%w: no MySQL in %s: %w", errNoProgram, folder, err)
	}
	return Program{
		server:  server,
		options: []string{"--mysqlx=OFF", "--skip-log-bin", "--performance-schema=OFF", "--secure-file-priv=NULL"},
		install: func(data string) []string {
			return []string{server, "--no-defaults", "--datadir=" + data, "--initialize-insecure", "--innodb-redo-log-capacity=8M"}
		},
	}, nil
}

// version is what the program says about itself, one line.
func (p Program) version(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, p.server, "--no-defaults", "--version").Output() //nolint:gosec // G204: the program was found by find, not named by a stranger
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", p.server, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// fill makes a data folder with the system tables in the empty folder data.
func (p Program) fill(ctx context.Context, data string) error {
	// In a shared folder, a server that starts at the same time removes the
	// temporary tables of this one.
	temporary, err := os.MkdirTemp("", "duly-")
	if err != nil {
		return fmt.Errorf("make a folder for temporary tables: %w", err)
	}
	defer func() { _ = os.RemoveAll(temporary) }()
	args := append(p.install(data), asRoot()...)
	command := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // G204: see version
	command.Env = append(os.Environ(), "TMPDIR="+temporary)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("fill the data folder %s: %w: %s", data, err, firstLines(string(out), 5))
	}
	return nil
}

// asRoot is the option without which a server refuses to run as root.
func asRoot() []string {
	if os.Geteuid() != 0 {
		return nil
	}
	return []string{"--user=root"}
}

// find looks in PATH, then where packages put servers that are for
// administrators only and so are in few users' PATH.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return filepath.Abs(path)
	}
	for _, dir := range []string{"/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/usr/local/bin", "/usr/local/mysql/bin", "/opt/homebrew/bin", "/opt/homebrew/opt/mariadb/bin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

// firstLines is the beginning of a text, for error messages.
func firstLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[:min(n, len(lines))], "\n")
}

// lastLines is the end of a text, for error messages.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
