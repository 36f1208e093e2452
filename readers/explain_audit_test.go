package readers

import (
	"time"

	"duly/internal/test/queryplan"
)

// auditWalks are the walks of an audit, as they are run in the middle of a day's window.
func auditWalks(rows int) []queryplan.Query {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	to, middle := from.Add(24*time.Hour), from.Add(time.Duration(rows/2)*time.Second)
	walk := []any{from, to, middle, middle, rows / 2, min(rows, 500)}
	return []queryplan.Query{
		{Name: "audit of attempts", Text: walkAttempts, Args: walk, Read: rows == 5},
		{Name: "audit of orders' payments", Text: walkPayments, Args: walk, Read: rows == 5},
	}
}
