package store

import (
	"fmt"
	"time"

	"duly/internal/batch"
)

// AllOf turns a number of changed rows that is not the expected one into an error: the transaction is rolled back. Somebody has
// changed a row, which is the row's own fault.
func AllOf(n int64, want int, what string, err error) error {
	if err == nil && n != int64(want) {
		err = fmt.Errorf("%w: %d of %d %s were as they were claimed", batch.ErrData, n, want, what)
	}
	return err
}

// Text is NULL for the empty string.
func Text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// Positive is NULL for what is not above 0.
func Positive[T int64 | uint64](n T) any {
	if n <= 0 {
		return nil
	}
	return n
}

// Instant is NULL for the zero time.
func Instant(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Round(0)
}
