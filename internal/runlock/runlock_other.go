//go:build !linux

package runlock

import "time"

// Host takes no lock and proves nothing on this platform.
type Host struct{}

// Open returns none.
func Open(string, string, func(string) string, func() time.Time) (*Host, error) {
	return nil, nil //nolint:nilnil // off
}

// Boot is empty.
func (*Host) Boot() string { return "" }

// Lock is never taken.
type Lock struct{}

// Take returns none.
func (*Host) Take([]byte) (*Lock, error) {
	return nil, nil //nolint:nilnil // off
}

// Next returns nothing.
func (*Lock) Next() (string, error) { return "", nil }

// Dir is empty.
func (*Lock) Dir() string { return "" }

// Confirm does nothing.
func (*Lock) Confirm(string) {}

// Release does nothing.
func (*Lock) Release(bool) {}

// Remains are never found.
type Remains struct{ Token []byte }

// Close does nothing.
func (*Remains) Close() {}

// Remove does nothing.
func (*Remains) Remove() {}

// Gone proves nothing.
func (*Host) Gone([]byte, string) *Remains { return nil }

// Leftovers finds nothing.
func (*Host) Leftovers() []*Remains { return nil }
