package view

import (
	"errors"
	"slices"
	"time"

	"duly/internal/batch"
	"duly/internal/query"
	"duly/internal/text"
	"duly/jobs"
)

const (
	// DeclinesShown is how many classes of declines a summary counts.
	DeclinesShown = 6
	// ReviewsGrouped is how many rows in review are read to be grouped by reason, groupsShown how many groups are shown, and
	// idsShown how many ids of each.
	ReviewsGrouped = 500
	groupsShown    = 3
	idsShown       = 3
)

// facts is what people read of a run beside its document.
type facts struct {
	Took     time.Duration
	Waits    int  // reasons of Left that wait for somebody to decide
	Selected bool // the run was for a part of the work
	Reviews  int64
	Groups   []ReviewGroup
	Declines []query.DeclineSum
	Follows  []query.NextCharge
	Unpaid   map[string]int64 // minor units by currency, of invoices that are due
	UnpaidN  int64
}

// ChargedBy adds up the steps that charge.
func ChargedBy(steps []Step) (t batch.Tally) {
	for _, v := range steps {
		if v.label.Charges {
			t.Add(batch.Tally{
				Read: v.Read, Succeeded: v.Succeeded, Declined: v.Declined, Released: v.Released, InDoubt: v.InDoubt,
				Rejected: v.Rejected, Review: v.Review, Amounts: v.Amounts, Found: v.found,
			})
		}
	}
	return t
}

// ProblemsOf is an error for people, a line a problem, without what [fixesOf] says.
func ProblemsOf(err error) []string {
	var lines []string
	for _, part := range parts(err) {
		if wrong, ok := errors.AsType[*jobs.MisconfiguredError](part); ok {
			lines = append(lines, text.Sprintf("gateway %s: %s", wrong.Gateway, wrong.Reason))
			continue
		}
		lines = append(lines, text.Lines(part)...)
	}
	return Unique(lines)
}

// FixesOf lists what an operator must correct, as far as the error says.
func FixesOf(err error) []string {
	var fixes []string
	for _, part := range parts(err) {
		if wrong, ok := errors.AsType[*jobs.MisconfiguredError](part); ok {
			fixes = append(fixes, "correct "+wrong.Check)
		}
	}
	return Unique(fixes)
}

// parts are the errors that were joined in err.
func parts(err error) []error {
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case nil:
		return nil
	case interface{ Unwrap() []error }:
		var all []error
		for _, part := range e.Unwrap() {
			all = append(all, parts(part)...)
		}
		return all
	}
	if inner := errors.Unwrap(err); inner != nil {
		if found := parts(inner); len(found) > 1 {
			return found
		}
	}
	return []error{err}
}

// First is the beginning of a list.
func First[T any](list []T, most int) []T { return list[:min(len(list), most)] }

// Unique is the list without what stands in it twice, in its order.
func Unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
