package testdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/mysql/private"
)

// stopPatience is how long a server of a test may take to end.
const stopPatience = 2 * time.Minute

// Server is a database server that belongs to one test, which may kill it and
// start it again. Its methods are for one goroutine; New may be called by many.
type Server struct {
	options private.Options
	running *private.Server
	schema  func() (string, error)
	last    atomic.Int64
	shape   *shape // of a migrated database; read with the schema

	mu   sync.Mutex
	idle []string // databases that tests have left
}

// NewServer starts a server for this test alone; it is ended after the test.
// args are further options of the server program.
func NewServer(t testing.TB, args ...string) *Server {
	t.Helper()
	server, remove, err := start(args...)
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := remove(); err != nil {
			t.Errorf("end the test's database server: %v", err)
		}
	})
	return server
}

// start starts a server in a temporary folder; the function ends it and
// removes the folder.
func start(args ...string) (*Server, func() error, error) {
	found, err := program()
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "duly-test-")
	if err != nil {
		return nil, nil, fmt.Errorf("make the server's folder: %w", err)
	}
	// Tables in one file are made, emptied and dropped in a fraction of the time.
	args = append([]string{"--innodb-file-per-table=0", "--max-connections=500"}, args...)
	server := &Server{options: private.Options{
		Dir: filepath.Join(dir, "db"), Program: found, Args: args, Fast: true, Tied: true,
	}}
	server.schema = sync.OnceValues(server.readSchema)
	if err := server.start(); err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return server, func() error { return errors.Join(server.stop(), os.RemoveAll(dir)) }, nil
}

func (s *Server) start() error {
	running, err := private.Start(context.Background(), s.options)
	if err != nil {
		return fmt.Errorf("start a database server: %w", err)
	}
	s.running = running
	return nil
}

func (s *Server) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	return s.running.Stop(ctx)
}

// Kill ends the server by SIGKILL, as a crash would, and returns once it is gone.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	require.NoError(t, syscall.Kill(s.running.Pid(), syscall.SIGKILL))
	<-s.running.Done()
	require.NoError(t, s.stop())
}

// Restart starts a killed server again, at the same address and with what was
// committed.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	require.NoError(t, s.start())
}

// DSN names a database of the server, or none.
func (s *Server) DSN(database string) string { return s.running.DSN(database) }
