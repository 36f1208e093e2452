package report

import "strconv"

// ordersView are the orders that the runs settled, and those of days.
type ordersView struct {
	Outcome *outcomeView
	Lines   []string // of what has no Outcome
	Days    []dayRow
	None    bool // the page is about daily figures, and there are none
}

// dayRow is what happened to orders on a day, in a currency. Span is how many rows the day has in it, in the first of them.
type dayRow struct {
	Date, What, Orders, Amount string
	Span                       int
}

// productRow is what was sold of a product on a day.
type productRow struct{ Date, Name, Quantity, Amount string }

// ordersOf is nil if the runs have nothing to do with orders.
func ordersOf(p Page) *ordersView {
	v := &ordersView{Outcome: outcomeOf(p.Runs, Orders)}
	for _, r := range p.Runs {
		for _, s := range r.Steps {
			if s.Read > 0 && (s.Words.Kind == Refunds || s.Words.Kind == Orders && v.Outcome == nil) {
				v.Lines = append(v.Lines, sentence(s))
			}
		}
		if r.Daily == nil {
			continue
		}
		v.None = len(r.Daily.Orders) == 0 && p.Night == nil
		for _, o := range r.Daily.Orders {
			v.Days = append(v.Days, rowsOf(o)...)
		}
	}
	if v.Outcome == nil && len(v.Lines) == 0 && len(v.Days) == 0 && !v.None {
		return nil
	}
	return v
}

// rowsOf are the figures of a day that are not zero.
func rowsOf(o DayOrders) []dayRow {
	var rows []dayRow
	for _, row := range []dayRow{
		{What: "completed", Orders: some(o.Completed), Amount: someMoney(o.Sold, o.Currency)},
		{What: "failed", Orders: some(o.Failed)},
		{What: "refunded", Amount: someMoney(o.Refunded, o.Currency)},
	} {
		if row.Orders != "" || row.Amount != "" {
			rows = append(rows, row)
		}
	}
	if len(rows) > 0 {
		rows[0].Date, rows[0].Span = shortDate(o.Date), len(rows)
	}
	return rows
}

func productsOf(d *Daily) (rows []productRow, more string) {
	if d == nil {
		return nil, ""
	}
	for _, s := range d.Products {
		row := productRow{shortDate(s.Date), s.Name, number(s.Quantity), "in several currencies"}
		if row.Name == "" {
			row.Name = "product " + strconv.FormatUint(s.ID, 10)
		}
		if s.Currency != "" {
			row.Amount = money(s.Amount, s.Currency)
		}
		rows = append(rows, row)
	}
	if d.More > 0 {
		more = "and " + plural(int64(d.More), "more product")
	}
	return rows, more
}

// someMoney is an amount, or nothing for none.
func someMoney(amount int64, currency string) string {
	if amount == 0 {
		return ""
	}
	return money(amount, currency)
}
