package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/jobs"
	"duly/readers"
)

// wholeOrder is the document of `duly show order`.
type wholeOrder struct {
	Order        *readers.ShownOrder  `json:"order"`
	Events       []readers.ShownEvent `json:"events"`   // newest first
	Findings     []readers.Finding    `json:"findings"` // newest first, resolved ones too
	Explanations []orders.Explanation `json:"explanations"`
}

func (a *app) showOrder(ctx context.Context, db *database, id uint64) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	business, err := a.clock(ctx, db.DB)
	if err != nil {
		return err
	}
	o, err := readers.FindOrder(ctx, db.DB, id)
	switch {
	case err != nil:
		return failed(err)
	case o == nil:
		return usagef("there is no order %d", id)
	}
	w := wholeOrder{Order: o}
	if w.Events, err = readers.FindEvents(ctx, db.DB, fmt.Sprintf("order:%d", id), eventsShown); err != nil {
		return failed(err)
	}
	pauses, err := mysql.ReadPauses(ctx, db.DB)
	if err != nil {
		return failed(err)
	}
	s := orders.Standing{
		Check: o.Check.Rules(), Now: business(),
		Policy: orders.Policy{OlderThan: c.Reconcile.OlderThan, GiveUpAfter: c.Reconcile.GiveUpAfter},
	}
	if pause, ok := pauses.Job(jobs.ReconcileJob); ok {
		s.JobPaused = pause.String()
	}
	s.Order, s.Payments = o.Rules()
	w.Explanations = orders.Explain(s)
	var payments []string
	for _, p := range o.Payments {
		payments = append(payments, orBlank(p.TransactionKey))
	}
	if w.Findings, err = readers.FindingsAbout(ctx, db.DB, orders.Reference(id), true, payments, findingShown); err != nil {
		return failed(err)
	}
	for i, e := range w.Explanations {
		w.Explanations[i].Next = waiting(e.Next, w.Findings)
	}
	if a.json {
		return a.print(w)
	}
	a.order(w)
	return nil
}

// order writes an order with all that hangs on it for people.
func (a *app) order(w wholeOrder) {
	o := w.Order
	a.line("order %d of customer %s: %s, %s", o.ID, o.CustomerID, o.Status, payment.Money{Amount: o.Amount, Currency: o.Currency})
	a.line("  placed %s, last changed %s", instant(o.CreatedAt), instant(o.UpdatedAt))
	for _, end := range []struct {
		what string
		at   *time.Time
		why  string
	}{{"completed", o.CompletedAt, ""}, {"failed", o.FailedAt, orBlank(o.FailureReason)}} {
		if end.at == nil {
			continue
		}
		line := "  " + end.what + " " + instant(*end.at)
		if end.why != "" {
			line += ": " + end.why
		}
		a.line("%s", line)
	}
	if c := o.Check; c != nil {
		a.line("  %s", checked(c))
	}
	for _, e := range w.Explanations {
		a.line("why: %s", e.Text)
		a.line("next: %s", e.Next)
	}
	a.findings(w.Findings)
	var rows []table.Row
	for _, i := range o.Items {
		name, stock := "gone", any("")
		if i.Name != nil {
			name, stock = *i.Name, *i.Stock
		}
		rows = append(rows, table.Row{i.ProductID, name, i.Quantity, stock})
	}
	if len(rows) > 0 {
		a.table(table.Row{"product", "name", "quantity", "in stock now"}, rows)
	}
	rows = nil
	for _, p := range o.Payments {
		given := any("")
		if p.Refunded > 0 {
			given = payment.Money{Amount: p.Refunded, Currency: p.Currency}
		}
		rows = append(rows, table.Row{
			p.ID, p.Status, orBlank(p.FailureReason), p.Gateway,
			payment.Money{Amount: p.Amount, Currency: p.Currency},
			given,
			instant(p.CreatedAt), orBlank(p.Key), orBlank(p.TransactionKey),
		})
	}
	if len(rows) > 0 {
		a.table(table.Row{"payment", "status", "why", "gateway", "amount", "given back", "at", "key", "there"}, rows)
	}
	a.events(w.Events)
}

// checked says in a line when an order was checked, and when it is again.
func checked(c *readers.ShownCheck) string {
	line := "not checked yet"
	if c.CheckedAt != nil {
		line = "checked " + instant(*c.CheckedAt)
	}
	if c.NextCheckAt != nil {
		line += ", again " + instant(*c.NextCheckAt)
	}
	return line
}
