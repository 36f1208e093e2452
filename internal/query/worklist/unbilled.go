package worklist

import (
	"context"
	"database/sql"
	"fmt"

	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

// Unbilled are subscriptions that would be due by their date, and that nobody bills for their status: duly does not know it, or a
// trial has no end that is yet to come.
type Unbilled struct {
	Status string   `json:"status"`
	Count  int64    `json:"count"`
	IDs    []uint64 `json:"ids"` // the first few
}

// UnbilledShown is how many of them are listed by id.
const UnbilledShown = 5

const (
	// A loose scan of the index: it reads one entry of each status. What is billed is what the walks find, so that the database says
	// whether it takes a word for a status: that goes by the column's collation.
	statusesThere = `SELECT status, COALESCE(status IN ('active', 'past_due', 'paused', 'cancelled'), FALSE) AS met,
COALESCE(status = 'trialing', FALSE) AS trialing FROM subscriptions%s GROUP BY status`

	unbilledRows = `SELECT COUNT(*) FROM subscriptions WHERE status <=> ? AND (next_billing_date <= ? OR next_billing_date IS NULL)%s`
	unbilledIDs  = `SELECT id FROM subscriptions WHERE status <=> ? AND (next_billing_date <= ? OR next_billing_date IS NULL)%s
ORDER BY next_billing_date, id LIMIT ?`
)

// statusThere is a status that subscriptions have.
type statusThere struct {
	Status   sql.NullString
	Met      bool // a walk of the billing job meets them
	Trialing bool
}

// UnbilledByStatus counts the selected subscriptions that nobody bills for their status, by status.
func UnbilledByStatus(ctx context.Context, db *mysql.DB, selection store.Selection) ([]Unbilled, error) {
	only, ids := selection.Only("id")
	where := ""
	if len(ids) > 0 {
		where = " WHERE TRUE" + only
	}
	var statuses []statusThere
	if err := db.SelectContext(ctx, &statuses, fmt.Sprintf(statusesThere, where), ids...); err != nil {
		return nil, mysql.Classify(ctx, err)
	}
	list := []Unbilled{}
	for _, status := range statuses {
		until := selection.Business
		switch {
		case status.Trialing:
			until-- // a trial that ends today may be ended by the shop today
		case status.Met:
			continue
		}
		u, err := unbilledOf(ctx, db, status.Status, until, only, ids)
		if err != nil {
			return nil, mysql.Classify(ctx, err)
		}
		if u.Count > 0 {
			list = append(list, u)
		}
	}
	return list, nil
}

func unbilledOf(ctx context.Context, db *mysql.DB, status sql.NullString, until payment.Date, only string, ids []any) (Unbilled, error) {
	u := Unbilled{Status: status.String}
	args := append([]any{status, until}, ids...)
	if err := db.GetContext(ctx, &u.Count, fmt.Sprintf(unbilledRows, only), args...); err != nil || u.Count == 0 {
		return u, err
	}
	err := db.SelectContext(ctx, &u.IDs, fmt.Sprintf(unbilledIDs, only), append(args, UnbilledShown)...)
	return u, err
}
