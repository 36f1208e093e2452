package demo

import (
	"context"
	"fmt"
	"strings"

	"duly/internal/exit"
	"duly/internal/mysql"
)

// Standing is how the subscriptions and orders of a demo stand between two nights.
type Standing struct {
	Paid                                    sums
	Declined, Cancelled, Review, Unfinished int64
	// orders
	Open, Completed, Failed int64
	Refunded                sums // orders, and what of their payments was refunded
}

const (
	orderStates  = `SELECT status AS what, COUNT(*) AS count, currency, SUM(amount) AS amount FROM orders GROUP BY status, currency`
	refundedSums = `SELECT '' AS what, COUNT(*) AS count, currency, SUM(refunded_amount) AS amount FROM payments WHERE status = 'refunded' GROUP BY currency`
)

// StandingOf reads how they stand.
func StandingOf(ctx context.Context, db *mysql.DB) (s Standing, err error) {
	s.Paid.add()
	s.Refunded.add()
	lines, err := Endings(ctx, db)
	if err != nil {
		return s, exit.Failed(err)
	}
	for _, l := range lines {
		switch {
		case strings.HasPrefix(l.What, "paid"):
			s.Paid.add(l)
		case l.What == declinedSoFar:
			s.Declined += l.Count
		case l.What == cancelled:
			s.Cancelled += l.Count
		case l.What == inReview:
			s.Review += l.Count
		default:
			s.Unfinished += l.Count
		}
	}
	if lines, err = selectLines(ctx, db, orderStates); err != nil {
		return s, err
	}
	for _, l := range lines {
		switch l.What {
		case "completed":
			s.Completed += l.Count
		case "failed":
			s.Failed += l.Count
		default:
			s.Open += l.Count
		}
	}
	if lines, err = selectLines(ctx, db, refundedSums); err != nil {
		return s, err
	}
	s.Refunded.add(lines...)
	return s, nil
}

// selectLines reads lines.
func selectLines(ctx context.Context, db *mysql.DB, query string) (lines []Line, err error) {
	if err := db.SelectContext(ctx, &lines, query); err != nil {
		return nil, exit.Failed(fmt.Errorf("count how the demo stands: %w", err))
	}
	return lines, nil
}
