package mysql

import (
	"cmp"
	"database/sql/driver"
	"errors"
)

// Login says which login a pool uses, for those who have to mend it.
type Login struct {
	Key    string // the configuration's key of the DSN; empty: database.dsn
	Rights string // how the login gets rights that it lacks; empty: a worker's way
}

// DSNKey is the configuration's key of the login that everything uses which names none.
const DSNKey = "database.dsn"

func (l Login) keyOrDefault() string { return cmp.Or(l.Key, DSNKey) }

func (l Login) rightsOrDefault() string {
	return cmp.Or(l.Rights, "the user of "+l.keyOrDefault()+" lacks a right; give it the role for what it does of deploy/sql/grants.sql (duly doctor names it)")
}

// loginError is an error of a login. Its text is that of the error.
type loginError struct {
	error

	login Login
}

// Unwrap returns the error itself.
func (l *loginError) Unwrap() error { return l.error }

// of marks an error as one of the login l, unless it is about the connection as a whole.
func (l Login) of(err error) error {
	if err == nil || errors.Is(err, driver.ErrBadConn) {
		return err
	}
	return &loginError{err, l}
}

// loginOf is the login that an error is of; the zero Login if that is not known.
func loginOf(err error) Login {
	if l, ok := errors.AsType[*loginError](err); ok {
		return l.login
	}
	return Login{}
}
