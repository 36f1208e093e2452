package jobs

import (
	"context"

	"duly/internal/payment"
	"duly/internal/query"
	"duly/writers"
)

// ForecastReport computes the figures that Report with the same arguments would keep, and keeps none.
func ForecastReport(ctx context.Context, d Deps, o ReportOptions) (query.Daily, error) {
	daily := query.Daily{Orders: []query.DayOrders{}, Sales: []query.DaySales{}, Problems: []query.SalesProblem{}}
	writer := &writers.Sales{DB: d.DB, Zone: d.Zone}
	from, to := o.Days(d.today())
	for day := from; day <= to; day++ {
		found, err := writer.Peek(ctx, day)
		if err != nil {
			return daily, err
		}
		for _, f := range found.Orders {
			daily.Orders = append(daily.Orders, query.DayOrders{
				Date: day, Currency: f.Currency, OrdersCompleted: f.Completed, OrdersFailed: f.Failed, AmountCompleted: f.Amount, AmountRefunded: f.Refunded,
			})
		}
		for _, f := range found.Sales {
			daily.Sales = append(daily.Sales, query.DaySales{
				Date: day, ProductID: f.Product, Name: f.Name, Quantity: f.Quantity, Amount: f.Amount, Currency: f.Currency,
			})
		}
	}
	var err error
	daily.Problems, err = SalesProblems(ctx, d, from, to)
	return daily, err
}

// SalesProblems lists what the report of the days from one to another leaves out.
func SalesProblems(ctx context.Context, d Deps, from, to payment.Date) ([]query.SalesProblem, error) {
	return query.SalesProblems(ctx, d.DB, payment.Window{From: from.In(d.Zone).From, To: to.In(d.Zone).To})
}
