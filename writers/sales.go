package writers

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/runs"
)

// Sales replaces the daily figures of a business day by what the shop's tables say now.
//
// An order counts on the day of its completed_at or failed_at, whatever became of it later; one that the shop
// completed or failed without writing that, on the day it was created. A payment's refunds count on the day of
// refunded_at, all of them together. An order has one amount and no prices: it is shared out to its products by
// quantity, rounded down, and what is left over goes to the first of them, so that the shares add up.
// What has no amount or no currency, as a shop's view may have it, belongs to no sum: query.SalesProblems names it.
type Sales struct {
	DB   *mysql.DB
	Zone *time.Location // of the business days
}

const (
	// lockDay makes a row that nothing else has, so that of two reports on a day one waits for the other, also
	// if nothing was kept of the day yet. It goes with the old figures.
	lockDay = `INSERT INTO daily_order_stats (business_date, currency) VALUES (?, '') ON DUPLICATE KEY UPDATE currency = ''`

	clearOrderStats   = `DELETE FROM daily_order_stats WHERE business_date = ?`
	clearProductSales = `DELETE FROM daily_product_sales WHERE business_date = ?`

	completedOrders = `SELECT id, currency, amount FROM orders WHERE completed_at >= ? AND completed_at < ? AND amount IS NOT NULL AND currency <> ''
UNION ALL SELECT id, currency, amount FROM orders
WHERE status = 'completed' AND created_at >= ? AND created_at < ? AND completed_at IS NULL AND amount IS NOT NULL AND currency <> ''`

	failedOrders = `SELECT currency FROM orders WHERE failed_at >= ? AND failed_at < ? AND currency <> ''
UNION ALL SELECT currency FROM orders WHERE status = 'failed' AND created_at >= ? AND created_at < ? AND failed_at IS NULL AND currency <> ''`

	// A shop that gave everything back by hand may have written no amount.
	refundedPayments = `SELECT currency, refunded FROM (SELECT currency,
IF(COALESCE(refunded_amount, 0) = 0 AND status = 'refunded', amount, refunded_amount) AS refunded
FROM payments WHERE refunded_at >= ? AND refunded_at < ? AND currency <> '') known WHERE refunded IS NOT NULL`

	orderStats = `SELECT currency, SUM(completed) AS completed, SUM(failed) AS failed, LEAST(SUM(amount), 9223372036854775807) AS amount, LEAST(SUM(refunded), 9223372036854775807) AS refunded FROM (
SELECT currency, 1 AS completed, 0 AS failed, amount, 0 AS refunded FROM (` + completedOrders + `) c
UNION ALL SELECT currency, 0, 1, 0, 0 FROM (` + failedOrders + `) f
UNION ALL SELECT currency, 0, 0, 0, refunded FROM (` + refundedPayments + `) r
) facts GROUP BY currency`

	// amount × quantity ÷ total, without a product that is too large for its type.
	productShares = `SELECT s.*, (amount DIV total) * quantity + ((amount MOD total) * quantity) DIV total AS share FROM (
SELECT i.order_id, COALESCE(i.product_id, 0) AS product_id, i.quantity, c.currency, c.amount,
SUM(i.quantity) OVER (PARTITION BY i.order_id) AS total, MIN(COALESCE(i.product_id, 0)) OVER (PARTITION BY i.order_id) AS first
FROM (` + completedOrders + `) c JOIN order_items i ON i.order_id = c.id WHERE i.quantity > 0) s`

	// Amounts of several currencies have no sum.
	productSales = `SELECT product_id, SUM(quantity) AS quantity, IF(MIN(currency) = MAX(currency), LEAST(SUM(share), 9223372036854775807), 0) AS amount,
IF(MIN(currency) = MAX(currency), MIN(currency), NULL) AS currency FROM (
SELECT product_id, quantity, currency,
share + IF(product_id = first, amount - SUM(share) OVER (PARTITION BY order_id), 0) AS share FROM (` + productShares + `) shares
) sold GROUP BY product_id`

	insertOrderStats = `INSERT INTO daily_order_stats
(business_date, currency, orders_completed, orders_failed, amount_completed, amount_refunded) SELECT ?, stats.* FROM (` + orderStats + `) stats`

	insertProductSales = `INSERT INTO daily_product_sales (business_date, product_id, quantity, amount, currency)
SELECT ?, sales.* FROM (` + productSales + `) sales`
)

// Write computes the figures of one day, in one transaction and within the database. It may be repeated: the
// last one to commit counts, whole.
func (w *Sales) Write(ctx context.Context, day payment.Date) error {
	span := day.In(w.Zone)
	// READ COMMITTED: what is counted is neither locked nor waited for.
	return mysql.Tx(ctx, w.DB, "report", func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, lockDay, day); err != nil {
			return fmt.Errorf("lock the day: %w", err)
		}
		if err := runs.Hold(ctx, tx, batch.Execution(ctx).Run); err != nil {
			return err
		}
		for _, statement := range []struct {
			query string
			args  []any
		}{
			{clearOrderStats, []any{day}},
			{clearProductSales, []any{day}},
			{insertOrderStats, append([]any{day}, times(span, 5)...)},
			{insertProductSales, append([]any{day}, times(span, 2)...)},
		} {
			if _, err := tx.ExecContext(ctx, statement.query, statement.args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// DayFigures are the figures of one day: what Write keeps.
type DayFigures struct {
	Orders []OrderFigures
	Sales  []SalesFigures
}

// OrderFigures are the orders of a day in one currency; amounts are minor units.
type OrderFigures struct {
	Currency  string
	Completed int64
	Failed    int64
	Amount    int64
	Refunded  int64
}

// SalesFigures are the sales of one product on a day.
type SalesFigures struct {
	Product  uint64 `db:"product_id"`
	Name     string // empty if the product is gone
	Quantity int64
	Amount   int64  // minor units; 0 for a product that was sold in several currencies
	Currency string // empty for such a one
}

const (
	peekOrderStats = `SELECT currency, CAST(completed AS SIGNED) AS completed, CAST(failed AS SIGNED) AS failed,
CAST(amount AS SIGNED) AS amount, CAST(refunded AS SIGNED) AS refunded FROM (` + orderStats + `) stats ORDER BY currency`

	peekProductSales = `SELECT sales.product_id, COALESCE(p.name, '') AS name, CAST(sales.quantity AS SIGNED) AS quantity,
CAST(sales.amount AS SIGNED) AS amount, COALESCE(sales.currency, '') AS currency
FROM (` + productSales + `) sales LEFT JOIN products p ON p.id = sales.product_id ORDER BY sales.product_id`
)

// Peek computes the figures of one day as Write does, and writes nothing.
func (w *Sales) Peek(ctx context.Context, day payment.Date) (DayFigures, error) {
	span, found := day.In(w.Zone), DayFigures{}
	if err := w.DB.SelectContext(ctx, &found.Orders, peekOrderStats, times(span, 5)...); err != nil {
		return found, fmt.Errorf("compute the orders of %s: %w", day, mysql.Classify(ctx, err))
	}
	if err := w.DB.SelectContext(ctx, &found.Sales, peekProductSales, times(span, 2)...); err != nil {
		return found, fmt.Errorf("compute the sales of %s: %w", day, mysql.Classify(ctx, err))
	}
	return found, nil
}

// times are the bounds of a span for n conditions.
func times(span payment.Window, n int) []any {
	args := make([]any, 0, 2*n)
	for range n {
		args = append(args, span.From, span.To)
	}
	return args
}
