package preview

import (
	"context"

	"duly/internal/query"
	"duly/jobs"
	"duly/writers"
)

// Report computes the figures that [jobs.Report] with the same arguments would keep, and keeps none.
func Report(ctx context.Context, d jobs.Deps, o jobs.ReportOptions) (query.Daily, error) {
	daily := query.Daily{Orders: []query.DayOrders{}, Sales: []query.DaySales{}, Problems: []query.SalesProblem{}}
	writer := &writers.Sales{DB: d.DB, Zone: d.Zone}
	from, to := o.Days(d.Today())
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
	daily.Problems, err = jobs.SalesProblems(ctx, d, from, to)
	return daily, err
}
