package inspect

import (
	"fmt"
	"strings"
	"time"

	"duly/internal/cli"
	"duly/internal/query"
)

// findingShown is how many findings a document lists about one thing.
const findingShown = 50

// findings writes what audits found about one thing, for people.
func findings(screen *cli.Screen, list []query.Finding) {
	for _, f := range list {
		if f.Resolved != nil {
			screen.Line("finding %d (%s): %s; resolved %s: %s", f.ID, f.Kind, f.Text(), f.Resolved.UTC().Format(time.DateOnly), cli.OrBlank(f.Resolution))
			continue
		}
		screen.Line("finding %d (%s): %s", f.ID, f.Kind, f.Text())
		command, when, _ := strings.Cut(f.Next(), ", ")
		if when != "" {
			screen.Line("  %s:", when)
		}
		screen.Command("  %s", command)
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
