package store

// RefusedError is why a row cannot be changed as an operator wishes, and what to do instead.
type RefusedError struct{ Why error }

// Error implements error.
func (r RefusedError) Error() string { return r.Why.Error() }

// Unwrap gives the reason itself.
func (r RefusedError) Unwrap() error { return r.Why }

// Refuse makes a [RefusedError] of an error; nil stays nil.
func Refuse(err error) error {
	if err == nil {
		return nil
	}
	return RefusedError{err}
}
