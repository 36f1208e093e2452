package private

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
)

// errInUse says that other processes hold the folder in a way that Start
// cannot join.
var errInUse = errors.New("the private database is in use by another process")

// answerPatience is how long a server that is found running may take to
// answer, startPatience how long a new one, which may have to recover first.
const (
	answerPatience = 10 * time.Second
	startPatience  = 2 * time.Minute
)

// followEvery is how often a server that is not our child is looked at.
const followEvery = 200 * time.Millisecond

// Options say which server to run and how.
type Options struct {
	// Dir is the absolute path of the server's folder, made if missing. Only
	// what Start puts there is touched.
	Dir string
	// Program is the server program; the zero value takes the MariaDB that is found.
	Program Program
	// Args are further options of the server; they win over those of Start.
	Args []string
	// Fast gives up durability across a power cut, not across a killed server.
	Fast bool
	// Tied ends the server with this process, however that ends (Linux only;
	// elsewhere it is ignored). A tied server is never taken over: one that is
	// found running is ended and another started.
	Tied bool

	patience time.Duration // answerPatience, unless a test is in a hurry
}

// Server is a running private server. Its methods may be called concurrently.
type Server struct {
	folder folder
	pid    int
	users  *fileLock
	done   chan struct{}
	watch  context.CancelFunc

	stop    sync.Mutex
	stopped bool
}

// folder holds the paths of one private server.
type folder struct {
	dir, data, run, tmp, log, socket string
}

// Start starts the server of the folder, or joins the one that runs there. It
// returns once the server answers. ctx bounds the starting alone. Errors:
// errNoProgram, errInUse, or what the server said in its last lines.
func Start(ctx context.Context, options Options) (*Server, error) {
	at, err := prepare(options.Dir)
	if err != nil {
		return nil, err
	}
	if options.patience == 0 {
		options.patience = answerPatience
	}
	var server *Server
	err = holding(ctx, at.startLock(), func() error {
		if at.socket, err = socketPath(at.run); err != nil {
			return err
		}
		server, err = at.enter(ctx, options)
		return err
	})
	if err != nil {
		return nil, err
	}
	return server, nil
}

// prepare makes the folders. Those with the data and the socket are closed to
// other users, since the server asks no password.
func prepare(dir string) (folder, error) {
	if !filepath.IsAbs(dir) {
		return folder{}, fmt.Errorf("the private database's folder must be an absolute path, not %q", dir)
	}
	dir = filepath.Clean(dir)
	at := folder{
		dir:  dir,
		data: filepath.Join(dir, "data"),
		run:  filepath.Join(dir, "run"),
		tmp:  filepath.Join(dir, "tmp"),
		log:  filepath.Join(dir, "server.log"),
	}
	for _, inner := range []string{at.run, at.tmp} {
		if err := os.MkdirAll(inner, 0o700); err != nil {
			return folder{}, fmt.Errorf("make the private database's folder: %w", err)
		}
		// It may have been made by hand, open to others.
		if err := os.Chmod(inner, 0o700); err != nil { //nolint:gosec // G302: a folder needs its x bit
			return folder{}, fmt.Errorf("close the private database's folder to others: %w", err)
		}
		if err := self().closed(inner); err != nil {
			return folder{}, err
		}
	}
	if _, err := os.Lstat(at.data); err == nil {
		if err := self().closed(at.data); err != nil {
			return folder{}, err
		}
	}
	return at, self().holds(dir)
}

// startLock is held while somebody comes or goes.
func (at folder) startLock() string { return filepath.Join(at.run, "start.lock") }

// usersLock is held shared by everybody who uses the server.
func (at folder) usersLock() string { return filepath.Join(at.run, "users.lock") }

// enter joins the running server or starts one, and holds the users' lock.
func (at folder) enter(ctx context.Context, options Options) (_ *Server, err error) {
	users, err := openLock(at.usersLock())
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			users.release()
		}
	}()
	alone := users.try(true)
	if alone != nil && !errors.Is(alone, errLocked) {
		return nil, alone
	}
	pid, err := serverOf(ctx, at.data)
	if err != nil {
		return nil, err
	}
	server := &Server{folder: at, pid: pid, users: users, done: make(chan struct{}), watch: func() {}}
	switch {
	case pid != 0 && !options.Tied && at.answers(ctx, options.patience) == nil:
		server.follow(ctx)
	case alone != nil:
		return nil, fmt.Errorf("%w: %s; wait until that has ended", errInUse, at.dir)
	default:
		if pid != 0 {
			if err := endServer(ctx, at.data, pid, options.patience); err != nil {
				return nil, err
			}
		}
		if err := server.launch(ctx, options); err != nil {
			removeSocket(at.run, at.socket)
			return nil, err
		}
	}
	return server, users.try(false)
}

// answers waits until the server that is found running answers.
func (at folder) answers(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return at.await(ctx, nil)
}

// launch starts the server program and waits until it answers.
func (s *Server) launch(ctx context.Context, options Options) error {
	program := options.Program
	if program.server == "" {
		var err error
		if program, err = MariaDB(); err != nil {
			return err
		}
	}
	if err := ensureData(ctx, program, s.folder.data); err != nil {
		return err
	}
	if err := s.spawn(ctx, program, options); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := s.folder.await(ctx, s.done); err != nil {
		failure := fmt.Errorf("the private database did not start: %w; the end of %s:\n%s", err, s.folder.log, s.folder.lastWords())
		return errors.Join(failure, endServer(ctx, s.folder.data, s.pid, endPatience))
	}
	return nil
}

// spawn runs the server as a child and closes done when it has ended.
func (s *Server) spawn(ctx context.Context, program Program, options Options) error {
	output, err := s.folder.newLog()
	if err != nil {
		return err
	}
	defer func() { _ = output.Close() }()                                                                             // the child has its own descriptor
	child := exec.CommandContext(context.WithoutCancel(ctx), program.server, s.folder.arguments(program, options)...) //nolint:gosec // G204: the program was found by find, not named by a stranger
	child.Stdout, child.Stderr = output, output
	child.Dir = s.folder.dir
	child.SysProcAttr = childAttributes(options.Tied)

	started := make(chan error)
	go func() {
		// The kernel ties a child to the thread that forked it, so that thread
		// has to live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := child.Start()
		started <- err
		if err == nil {
			_ = child.Wait() // why it ended is in its log
			close(s.done)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", program.server, err)
	}
	s.pid = child.Process.Pid
	return nil
}

// arguments are the server's options.
func (at folder) arguments(program Program, options Options) []string {
	args := []string{
		"--no-defaults",
		"--datadir=" + at.data,
		"--socket=" + at.socket,
		"--pid-file=" + filepath.Join(at.run, "mysqld.pid"),
		// A starting server removes the temporary tables that it finds, those of
		// a server that runs in the same folder too.
		"--tmpdir=" + at.tmp,
		"--skip-networking",
		"--skip-name-resolve",
		"--character-set-server=utf8mb4",
		"--max-allowed-packet=64M",
		"--innodb-buffer-pool-size=128M",
	}
	if options.Fast {
		// Written at each commit and left to the system to bring to the disk.
		args = append(args, "--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync")
	} else {
		args = append(args, "--innodb-flush-log-at-trx-commit=1")
	}
	args = append(args, program.options...)
	args = append(args, asRoot()...)
	return append(args, options.Args...)
}

// newLog opens the server's log, keeping that of the start before.
func (at folder) newLog() (*os.File, error) {
	if err := os.Rename(at.log, at.log+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("keep the server's last log: %w", err)
	}
	file, err := os.OpenFile(at.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the server's log: %w", err)
	}
	return file, nil
}

// lastWords is the end of the server's log.
func (at folder) lastWords() string {
	text, err := os.ReadFile(at.log)
	if err != nil {
		return err.Error()
	}
	return lastLines(string(text), 12)
}

// await returns nil once the server answers and serves this folder, or why it
// never will: ctx ended or the process did.
func (at folder) await(ctx context.Context, ended <-chan struct{}) error {
	db, err := sql.Open("mysql", at.dsn(""))
	if err != nil {
		return fmt.Errorf("read our own DSN: %w", err)
	}
	defer func() { _ = db.Close() }()
	for {
		var data string
		err := db.QueryRowContext(ctx, "SELECT @@datadir").Scan(&data)
		if err == nil && filepath.Clean(data) != at.data {
			return fmt.Errorf("the server on %s serves %s, not %s", at.socket, data, at.data)
		}
		if err == nil {
			return nil
		}
		timer := time.NewTimer(pollEvery)
		select {
		case <-timer.C:
		case <-ended:
			timer.Stop()
			return errors.New("it ended at once")
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// dsn names a database of the server.
func (at folder) dsn(database string) string {
	config := mysql.NewConfig()
	config.User = "root"
	config.Net = "unix"
	config.Addr = at.socket
	config.DBName = database
	return config.FormatDSN()
}

// follow closes done when the server, which is not our child, has ended.
func (s *Server) follow(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.watch = cancel
	go func() {
		if gone(ctx, s.folder.data, s.pid, followEvery) == nil {
			close(s.done)
		}
	}()
}

// DSN names a database of the server (empty for none) for go-sql-driver/mysql:
// user root, over the Unix socket.
func (s *Server) DSN(database string) string { return s.folder.dsn(database) }

// Pid is the server's process id.
func (s *Server) Pid() int { return s.pid }

// Done is closed when the server has ended, by Stop or by itself.
func (s *Server) Done() <-chan struct{} { return s.done }

// Leave lets go of the server and leaves it running, to be joined by a later
// Start.
func (s *Server) Leave() {
	s.stop.Lock()
	defer s.stop.Unlock()
	if s.stopped {
		return
	}
	s.stopped = true
	s.watch()
	s.users.release()
}

// Stop lets go of the server and ends it, unless others use it too. It returns
// once the process is gone; when ctx ends before that, the server is killed,
// from which it recovers at its next start. While another process is coming or
// going Stop waits, and if ctx ends in that time, leaves the server running. A
// second call does nothing.
func (s *Server) Stop(ctx context.Context) error {
	s.stop.Lock()
	defer s.stop.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	defer s.users.release()
	defer s.watch()
	err := holding(ctx, s.folder.startLock(), func() error {
		if err := s.users.try(true); err != nil {
			if errors.Is(err, errLocked) {
				return nil
			}
			return err
		}
		if err := endServer(ctx, s.folder.data, s.pid, endPatience); err != nil {
			return err
		}
		<-s.done
		removeSocket(s.folder.run, s.folder.socket)
		return nil
	})
	if err != nil {
		return fmt.Errorf("stop the private database: %w", err)
	}
	return nil
}
