package claims

import "duly/internal/batch"

// Single is how many claims of one row are left, because a claim of so many failed.
type Single int

// Limit is how many rows the next claim takes.
func (s Single) Limit(want int) int {
	if s > 0 {
		return min(want, 1)
	}
	return want
}

// Took notes a claim that was made, or a row that was passed over.
func (s *Single) Took() { *s = max(*s-1, 0) }

// Split reports whether the rows of a claim of limit rows that failed are to be claimed one by one from now on.
func (s *Single) Split(kind batch.FailureKind, limit int) bool {
	if Retried(kind) || limit <= 1 {
		return false
	}
	*s = Single(limit)
	return true
}
