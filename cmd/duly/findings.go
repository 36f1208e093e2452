package main

import (
	"fmt"
	"strings"
	"time"

	"duly/internal/query"
)

// findingShown is how many findings a document lists about one thing.
const findingShown = 50

// findings writes what audits found about one thing, for people.
func findings(screen *Screen, list []query.Finding) {
	for _, f := range list {
		if f.Resolved != nil {
			screen.line("finding %d (%s): %s; resolved %s: %s", f.ID, f.Kind, f.Text(), f.Resolved.UTC().Format(time.DateOnly), orBlank(f.Resolution))
			continue
		}
		screen.line("finding %d (%s): %s", f.ID, f.Kind, f.Text())
		command, when, _ := strings.Cut(f.Next(), ", ")
		if when != "" {
			screen.line("  %s:", when)
		}
		screen.command("  %s", command)
	}
}

// waiting is what comes next where nothing else does: what an open finding asks for.
func waiting(next string, list []query.Finding) string {
	for _, f := range list {
		if f.Resolved == nil && next == "nothing" {
			return fmt.Sprintf("finding %d waits for an operator: %s", f.ID, f.Next())
		}
	}
	return next
}
