package main

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
	// declinesShown is how many classes of declines a summary counts.
	declinesShown = 6
	// reviewsGrouped is how many rows in review are read to be grouped by reason, groupsShown how many groups are shown, and
	// idsShown how many ids of each.
	reviewsGrouped = 500
	groupsShown    = 3
	idsShown       = 3
)

// facts is what people read of a run beside its document.
type facts struct {
	took     time.Duration
	waits    int  // reasons of Left that wait for somebody to decide
	selected bool // the run was for a part of the work
	reviews  int64
	groups   []reviewGroup
	declines []query.DeclineSum
	follows  []query.NextCharge
	unpaid   map[string]int64 // minor units by currency, of invoices that are due
	unpaidN  int64
}

// chargedBy adds up the steps that charge.
func chargedBy(steps []stepView) (t batch.Tally) {
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

// problemsOf is an error for people, a line a problem, without what [fixesOf] says.
func problemsOf(err error) []string {
	var lines []string
	for _, part := range parts(err) {
		if wrong, ok := errors.AsType[*jobs.MisconfiguredError](part); ok {
			lines = append(lines, text.Sprintf("gateway %s: %s", wrong.Gateway, wrong.Reason))
			continue
		}
		lines = append(lines, text.Lines(part)...)
	}
	return unique(lines)
}

// fixesOf lists what an operator must correct, as far as the error says.
func fixesOf(err error) []string {
	var fixes []string
	for _, part := range parts(err) {
		if wrong, ok := errors.AsType[*jobs.MisconfiguredError](part); ok {
			fixes = append(fixes, "correct "+wrong.Check)
		}
	}
	return unique(fixes)
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

// first is the beginning of a list.
func first[T any](list []T, most int) []T { return list[:min(len(list), most)] }

func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
