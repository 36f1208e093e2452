package view

import (
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/cli"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/text"
)

// ShowDaily writes the figures of days for people, and what they leave out.
func ShowDaily(screen *cli.Screen, d query.Daily) {
	figures(screen, d)
	for _, p := range d.Problems {
		screen.Line("%s", p)
	}
}

func figures(screen *cli.Screen, d query.Daily) {
	var rows []table.Row
	for _, o := range d.Orders {
		money := func(n int64) payment.Money { return payment.Money{Amount: n, Currency: o.Currency} }
		rows = append(rows, table.Row{o.Date, o.OrdersCompleted, o.OrdersFailed, money(o.AmountCompleted), money(o.AmountRefunded)})
	}
	if len(rows) == 0 {
		screen.Line("no order was completed, failed or refunded")
		return
	}
	screen.Table(table.Row{"day", "completed", "failed", "sold", "refunded"}, rows)
	rows = nil
	for _, s := range d.Sales {
		amount := any("in several currencies")
		if s.Currency != "" {
			amount = payment.Money{Amount: s.Amount, Currency: s.Currency}
		}
		rows = append(rows, table.Row{s.Date, s.ProductID, s.Name, s.Quantity, amount})
	}
	if len(rows) > 0 {
		screen.Table(table.Row{"day", "product", "name", "quantity", "amount"}, rows)
	}
}

// DailyCSV writes the figures of days as one table: a row an amount of a day, in minor units.
func DailyCSV(screen *cli.Screen, d query.Daily) error {
	rows := [][]any{{"business_date", "kind", "currency", "product_id", "name", "completed", "failed", "quantity", "amount", "refunded"}}
	for _, o := range d.Orders {
		rows = append(rows, []any{o.Date, "orders", o.Currency, "", "", o.OrdersCompleted, o.OrdersFailed, "", o.AmountCompleted, o.AmountRefunded})
	}
	for _, s := range d.Sales {
		rows = append(rows, []any{s.Date, "product", s.Currency, s.ProductID, s.Name, "", "", s.Quantity, s.Amount, ""})
	}
	if err := text.CSV(screen.Out, rows); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
