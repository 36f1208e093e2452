package query

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"duly/internal/mysql"
	"duly/internal/payment"
)

// SalesProblem are rows of some days that are in no figure of the report: without an amount or a currency they belong to no sum. Only a
// shop's view can have such rows.
type SalesProblem struct {
	What  string   `json:"what"` // completed order, failed order or refund
	Why   string   `json:"why"`
	Count int64    `json:"count"`
	IDs   []uint64 `json:"ids"` // the first 5: of orders, or of payments
}

// String says it in a line.
func (p SalesProblem) String() string {
	ids := strings.Trim(strings.ReplaceAll(fmt.Sprint(p.IDs), " ", ", "), "[]")
	if more := p.Count - int64(len(p.IDs)); more > 0 {
		ids += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%d × %s %s, in no sum: %s", p.Count, p.What, p.Why, ids)
}

const (
	withoutBoth = `IF(amount IS NULL, IF(COALESCE(currency, '') = '', 'without an amount and a currency', 'without an amount'), 'without a currency')`

	unsoldRows = `SELECT 'completed order' AS what, ` + withoutBoth + ` AS why, id FROM orders
WHERE completed_at >= ? AND completed_at < ? AND (amount IS NULL OR COALESCE(currency, '') = '')
UNION ALL SELECT 'completed order', ` + withoutBoth + `, id FROM orders WHERE status = 'completed' AND created_at >= ? AND created_at < ?
AND completed_at IS NULL AND (amount IS NULL OR COALESCE(currency, '') = '')
UNION ALL SELECT 'failed order', 'without a currency', id FROM orders WHERE failed_at >= ? AND failed_at < ? AND COALESCE(currency, '') = ''
UNION ALL SELECT 'failed order', 'without a currency', id FROM orders
WHERE status = 'failed' AND created_at >= ? AND created_at < ? AND failed_at IS NULL AND COALESCE(currency, '') = ''
UNION ALL SELECT 'refund of payment', ` + withoutBoth + `, id FROM (SELECT id, currency,
IF(COALESCE(refunded_amount, 0) = 0 AND status = 'refunded', amount, refunded_amount) AS amount
FROM payments WHERE refunded_at >= ? AND refunded_at < ?) refunds WHERE amount IS NULL OR COALESCE(currency, '') = ''`

	selectSalesProblems = `SELECT what, why, COUNT(*) AS count, SUBSTRING_INDEX(GROUP_CONCAT(id ORDER BY id), ',', 5) AS ids FROM (` + unsoldRows + `) rows_without
GROUP BY what, why ORDER BY what, why`
)

// SalesProblems lists what the report of the days of that span leaves out. It is never nil.
func SalesProblems(ctx context.Context, db *mysql.DB, span payment.Window) ([]SalesProblem, error) {
	var rows []struct {
		What, Why, IDs string
		Count          int64
	}
	var args []any
	for range strings.Count(unsoldRows, "?") / 2 {
		args = append(args, span.From, span.To)
	}
	if err := db.SelectContext(ctx, &rows, selectSalesProblems, args...); err != nil {
		return nil, fmt.Errorf("read what the report leaves out: %w", mysql.Classify(ctx, err))
	}
	list := make([]SalesProblem, len(rows))
	for i, r := range rows {
		list[i] = SalesProblem{What: r.What, Why: r.Why, Count: r.Count}
		for id := range strings.SplitSeq(r.IDs, ",") {
			n, err := strconv.ParseUint(id, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("read what the report leaves out: %w", err)
			}
			list[i].IDs = append(list[i].IDs, n)
		}
	}
	return list, nil
}
