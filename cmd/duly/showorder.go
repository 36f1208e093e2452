package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/query/details"
	"duly/internal/runs"
	"duly/jobs"
)

// wholeOrder is the document of `duly show order`.
type wholeOrder struct {
	Order        *details.Order       `json:"order"`
	Events       []details.Event      `json:"events"`   // newest first
	Findings     []query.Finding      `json:"findings"` // newest first, resolved ones too
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
	o, err := details.FindOrder(ctx, db.DB, id)
	switch {
	case err != nil:
		return failed(err)
	case o == nil:
		return noOrder(id)
	}
	w := wholeOrder{Order: o}
	if w.Events, err = details.FindEvents(ctx, db.DB, fmt.Sprintf("order:%d", id), eventsShown); err != nil {
		return failed(err)
	}
	pauses, err := runs.ReadPauses(ctx, db.DB)
	if err != nil {
		return failed(err)
	}
	s := orders.Snapshot{
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
	if w.Findings, err = query.FindingsAbout(ctx, db.DB, orders.Reference(id), true, payments, findingShown); err != nil {
		return failed(err)
	}
	for i, e := range w.Explanations {
		w.Explanations[i].Next = waiting(e.Next, w.Findings)
	}
	if a.json {
		return a.print(w)
	}
	days, err := a.calendar(s.Now)
	if err != nil {
		return err
	}
	a.order(w, days)
	return nil
}

// order writes an order with all that hangs on it for people.
func (a *app) order(w wholeOrder, days calendar) {
	o := w.Order
	a.item("", 0, fmt.Sprintf("order %d", o.ID), o.CustomerID, strings.ReplaceAll(o.Status, "_", " "),
		payment.Money{Amount: o.Amount, Currency: o.Currency}.String(), "times in "+days.zone.String())
	for _, e := range w.Explanations {
		next := e.Next
		if next == "nothing" {
			next = ""
		}
		a.line("%s.%s", capital(e.Text), after(" ", capital(next)))
	}
	a.findings(w.Findings)
	marks := []string{"placed " + days.at(o.CreatedAt), "changed " + days.at(o.UpdatedAt)}
	if o.CompletedAt != nil {
		marks = append(marks, "completed "+days.at(*o.CompletedAt))
	}
	if o.FailedAt != nil {
		marks = append(marks, "failed "+days.at(*o.FailedAt)+after(": ", orBlank(o.FailureReason)))
	}
	if c := o.Check; c != nil {
		marks = append(marks, checked(c, days))
	}
	a.item("", 0, marks...)
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
	a.payments(o.Payments, days)
	if a.verbose {
		a.events(w.Events, days)
	}
}

// payments writes the payments of an order.
func (a *app) payments(list []details.Payment, days calendar) {
	var rows []table.Row
	for _, p := range list {
		refunded := any("")
		if p.Refunded > 0 {
			refunded = payment.Money{Amount: p.Refunded, Currency: p.Currency}
		}
		key := ""
		if a.verbose {
			key = orBlank(p.Key)
		}
		rows = append(rows, table.Row{
			p.ID, strings.ReplaceAll(p.Status, "_", " "), orBlank(p.FailureReason), p.Gateway,
			payment.Money{Amount: p.Amount, Currency: p.Currency},
			refunded, days.at(p.CreatedAt), key, orBlank(p.TransactionKey),
		})
	}
	if len(rows) > 0 {
		a.table(table.Row{"payment", "status", "why", "gateway", "amount", "refunded", "at", "key", "gateway payment"}, rows)
	}
}

// checked says in a line when an order was checked, and when it is again.
func checked(c *details.Check, days calendar) string {
	line := "not checked yet"
	if c.CheckedAt != nil {
		line = "checked " + days.at(*c.CheckedAt)
	}
	if c.NextCheckAt != nil {
		line += ", again " + days.at(*c.NextCheckAt)
	}
	return line
}
