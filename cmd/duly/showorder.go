package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/runs"
	"duly/jobs"
)

// wholeOrder is the document of `duly show order`.
type wholeOrder struct {
	Order        *query.ShownOrder    `json:"order"`
	Events       []query.ShownEvent   `json:"events"`   // newest first
	Findings     []query.Finding      `json:"findings"` // newest first, resolved ones too
	Explanations []orders.Explanation `json:"explanations"`
}

func showOrder(ctx context.Context, ses *Session, db *database, id uint64) error {
	c, err := ses.load()
	if err != nil {
		return err
	}
	business, err := ses.clock(ctx, db.DB)
	if err != nil {
		return err
	}
	o, err := query.FindOrder(ctx, db.DB, id)
	switch {
	case err != nil:
		return failed(err)
	case o == nil:
		return noOrder(id)
	}
	w := wholeOrder{Order: o}
	if w.Events, err = query.FindEvents(ctx, db.DB, fmt.Sprintf("order:%d", id), eventsShown); err != nil {
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
	if ses.Screen.json {
		return ses.Screen.print(w)
	}
	days, err := ses.calendar(s.Now)
	if err != nil {
		return err
	}
	order(ses.Screen, w, days)
	return nil
}

// order writes an order with all that hangs on it for people.
func order(screen *Screen, w wholeOrder, days calendar) {
	o := w.Order
	screen.item("", 0, fmt.Sprintf("order %d", o.ID), o.CustomerID, strings.ReplaceAll(o.Status, "_", " "),
		payment.Money{Amount: o.Amount, Currency: o.Currency}.String(), "times in "+days.zone.String())
	for _, e := range w.Explanations {
		next := e.Next
		if next == "nothing" {
			next = ""
		}
		screen.line("%s.%s", capital(e.Text), after(" ", capital(next)))
	}
	findings(screen, w.Findings)
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
	screen.item("", 0, marks...)
	var rows []table.Row
	for _, i := range o.Items {
		name, stock := "gone", any("")
		if i.Name != nil {
			name, stock = *i.Name, *i.Stock
		}
		rows = append(rows, table.Row{i.ProductID, name, i.Quantity, stock})
	}
	if len(rows) > 0 {
		screen.table(table.Row{"product", "name", "quantity", "in stock now"}, rows)
	}
	payments(screen, o.Payments, days)
	if screen.verbose {
		events(screen, w.Events, days)
	}
}

// payments writes the payments of an order.
func payments(screen *Screen, list []query.ShownPayment, days calendar) {
	var rows []table.Row
	for _, p := range list {
		refunded := any("")
		if p.Refunded > 0 {
			refunded = payment.Money{Amount: p.Refunded, Currency: p.Currency}
		}
		key := ""
		if screen.verbose {
			key = orBlank(p.Key)
		}
		rows = append(rows, table.Row{
			p.ID, strings.ReplaceAll(p.Status, "_", " "), orBlank(p.FailureReason), p.Gateway,
			payment.Money{Amount: p.Amount, Currency: p.Currency},
			refunded, days.at(p.CreatedAt), key, orBlank(p.TransactionKey),
		})
	}
	if len(rows) > 0 {
		screen.table(table.Row{"payment", "status", "why", "gateway", "amount", "refunded", "at", "key", "gateway payment"}, rows)
	}
}

// checked says in a line when an order was checked, and when it is again.
func checked(c *query.ShownCheck, days calendar) string {
	line := "not checked yet"
	if c.CheckedAt != nil {
		line = "checked " + days.at(*c.CheckedAt)
	}
	if c.NextCheckAt != nil {
		line += ", again " + days.at(*c.NextCheckAt)
	}
	return line
}
