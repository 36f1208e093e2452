package query

import (
	"context"
	"fmt"

	"duly/internal/mysql"
	"duly/internal/payment"
)

// DayOrders are the orders of one business day in one currency; amounts are minor units.
type DayOrders struct {
	Date            payment.Date `db:"business_date" json:"business_date"`
	Currency        string       `json:"currency"`
	OrdersCompleted int64        `db:"orders_completed" json:"orders_completed"`
	OrdersFailed    int64        `db:"orders_failed" json:"orders_failed"`
	AmountCompleted int64        `db:"amount_completed" json:"amount_completed"`
	AmountRefunded  int64        `db:"amount_refunded" json:"amount_refunded"`
}

// DaySales are the sales of one product on one business day.
type DaySales struct {
	Date      payment.Date `db:"business_date" json:"business_date"`
	ProductID uint64       `db:"product_id" json:"product_id"`
	Name      string       `json:"name"` // empty if the product is gone
	Quantity  int64        `json:"quantity"`
	// Amount is in minor units of Currency; 0 and no currency for a product that was sold in several.
	Amount   int64  `json:"amount"`
	Currency string `json:"currency,omitempty"`
}

// Daily are the figures of the days that were reported.
type Daily struct {
	Orders []DayOrders `json:"orders"`
	Sales  []DaySales  `json:"products"`
	// Problems are what the figures leave out.
	Problems []SalesProblem `json:"problems"`
}

const (
	selectOrderStats = `SELECT business_date, currency, orders_completed, orders_failed, amount_completed, amount_refunded
FROM daily_order_stats WHERE business_date BETWEEN ? AND ? ORDER BY business_date, currency`

	selectProductSales = `SELECT d.business_date, d.product_id, COALESCE(p.name, '') AS name, d.quantity, d.amount,
COALESCE(d.currency, '') AS currency FROM daily_product_sales d LEFT JOIN products p ON p.id = d.product_id
WHERE d.business_date BETWEEN ? AND ? ORDER BY d.business_date, d.product_id`
)

// DailyReport reads the figures of the days from one to another, both included. Its lists are never nil.
func DailyReport(ctx context.Context, db *mysql.DB, from, to payment.Date) (Daily, error) {
	d := Daily{Orders: []DayOrders{}, Sales: []DaySales{}, Problems: []SalesProblem{}}
	if err := db.SelectContext(ctx, &d.Orders, selectOrderStats, from, to); err != nil {
		return d, fmt.Errorf("read the daily orders: %w", mysql.Classify(ctx, err))
	}
	if err := db.SelectContext(ctx, &d.Sales, selectProductSales, from, to); err != nil {
		return d, fmt.Errorf("read the daily sales: %w", mysql.Classify(ctx, err))
	}
	return d, nil
}
