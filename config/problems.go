package config

import (
	"slices"
	"strings"
)

// Problems is every mistake of a configuration: one line each, which says what is right. No line holds a
// secret.
//
//nolint:errname // the word that operators and callers use; it is many errors, not one
type Problems []string

// Error is the lines, sorted.
func (p Problems) Error() string { return strings.Join(p, "\n") }

// Lines lists the problems.
func (p Problems) Lines() []string { return p }

// orNil is p, sorted, as an error; nil if there is none.
func (p Problems) orNil() error {
	if len(p) == 0 {
		return nil
	}
	slices.Sort(p)
	return slices.Compact(p)
}
