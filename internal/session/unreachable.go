package session

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"syscall"

	"duly/config"
	"duly/internal/batch"
)

// UnreachableError says in a line that the configured database cannot be connected to, and what to type next.
type UnreachableError struct {
	address, what string
	err           error
}

// Error implements error.
func (u *UnreachableError) Error() string { return u.Found() + "; duly doctor" }

// Unwrap gives the error of the driver.
func (u *UnreachableError) Unwrap() error { return u.err }

// Found is the error without the command, for the command itself.
func (u *UnreachableError) Found() string { return "database " + u.address + " " + u.what }

// unreachable names the address and the cause of an error of a first connection. Others are returned as they are.
func unreachable(d config.Database, err error) error {
	if !errors.Is(err, batch.ErrUnavailable) {
		return err
	}
	var what string
	dns, _ := errors.AsType[*net.DNSError](err)
	timeout, _ := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		what = "refuses connections"
	case errors.Is(err, fs.ErrNotExist):
		what = "is not there: no such socket"
	case dns != nil:
		what = "is at an unknown host"
	case errors.Is(err, context.DeadlineExceeded), timeout != nil && timeout.Timeout():
		what = "does not answer"
	default:
		return err
	}
	return &UnreachableError{address: d.Host(), what: what, err: err}
}
