package inspect

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/query/details"
	"duly/internal/runs"
	"duly/internal/session"
	"duly/jobs"
)

// wholeOrder is the document of `duly show order`.
type wholeOrder struct {
	Order        *details.Order       `json:"order"`
	Events       []details.Event      `json:"events"`   // newest first
	Findings     []query.Finding      `json:"findings"` // newest first, resolved ones too
	Explanations []orders.Explanation `json:"explanations"`
	Refunds      []details.Refund     `json:"refunds"` // newest first
}

// ShowOrder shows one order with its payments.
func ShowOrder(ctx context.Context, ses *session.Session, db *session.Database, id uint64) error {
	return db.Snapshot(ctx, func(db *session.Database) error { return showOrderAt(ctx, ses, db, id) })
}

func showOrderAt(ctx context.Context, ses *session.Session, db *session.Database, id uint64) error {
	c, err := ses.Load()
	if err != nil {
		return err
	}
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return err
	}
	o, err := details.FindOrder(ctx, db.DB, id)
	switch {
	case err != nil:
		return exit.Failed(err)
	case o == nil:
		return cli.NoOrder(id)
	}
	w := wholeOrder{Order: o}
	if w.Events, err = details.FindEvents(ctx, db.DB, fmt.Sprintf("order:%d", id), eventsShown); err != nil {
		return exit.Failed(err)
	}
	pauses, err := runs.ReadPauses(ctx, db.DB)
	if err != nil {
		return exit.Failed(err)
	}
	s := orders.Snapshot{
		Check: o.Check.Rules(), Now: business(),
		Policy: orders.Policy{OlderThan: c.Reconcile.OlderThan, GiveUpAfter: c.Reconcile.GiveUpAfter},
	}
	if pause, ok := pauses.Job(jobs.ReconcileJob); ok {
		s.JobPaused = pause.String()
	}
	s.Order, s.Payments = o.Rules()
	if w.Refunds, err = details.RefundsOfPayments(ctx, db.DB, o.Payments); err != nil {
		return exit.Failed(err)
	}
	behind := holding(w.Refunds)
	for _, p := range s.Payments {
		if p.Status == orders.PaymentRefundDue {
			s.Held = cmp.Or(s.Held, behind[[2]uint64{0, p.ID}])
		}
	}
	w.Explanations = orders.Explain(s)
	var payments []string
	for _, p := range o.Payments {
		payments = append(payments, cli.OrBlank(p.TransactionKey))
	}
	if w.Findings, err = query.FindingsAbout(ctx, db.DB, orders.Reference(id), true, payments, findingShown); err != nil {
		return exit.Failed(err)
	}
	for i, e := range w.Explanations {
		w.Explanations[i].Next = waiting(e.Next, w.Findings)
	}
	if ses.Screen.JSON {
		return ses.Screen.Print(w)
	}
	days, err := ses.Calendar(s.Now)
	if err != nil {
		return err
	}
	order(ses.Screen, w, days)
	return nil
}

// order writes an order with all that hangs on it for people.
func order(screen *cli.Screen, w wholeOrder, days cli.Calendar) {
	o := w.Order
	screen.Item("", 0, fmt.Sprintf("order %d", o.ID), o.CustomerID, strings.ReplaceAll(o.Status, "_", " "),
		payment.Money{Amount: o.Amount, Currency: o.Currency}.String(), "times in "+days.Zone.String())
	for _, e := range w.Explanations {
		next := e.Next
		if next == "nothing" {
			next = ""
		}
		screen.Line("%s.%s", capital(e.Text), after(" ", capital(next)))
	}
	findings(screen, w.Findings)
	marks := []string{"placed " + days.At(o.CreatedAt), "changed " + days.At(o.UpdatedAt)}
	if o.CompletedAt != nil {
		marks = append(marks, "completed "+days.At(*o.CompletedAt))
	}
	if o.FailedAt != nil {
		marks = append(marks, "failed "+days.At(*o.FailedAt)+after(": ", cli.OrBlank(o.FailureReason)))
	}
	if c := o.Check; c != nil {
		marks = append(marks, checked(c, days))
	}
	screen.Item("", 0, marks...)
	var rows []table.Row
	for _, i := range o.Items {
		name, stock := "gone", any("")
		if i.Name != nil {
			name, stock = *i.Name, *i.Stock
		}
		rows = append(rows, table.Row{i.ProductID, name, i.Quantity, stock})
	}
	if len(rows) > 0 {
		screen.Table(table.Row{"product", "name", "quantity", "in stock now"}, rows)
	}
	payments(screen, o.Payments, days)
	refundLines(screen, w.Refunds, days)
	if screen.Verbose {
		events(screen, w.Events, days)
	}
}

// payments writes the payments of an order.
func payments(screen *cli.Screen, list []details.Payment, days cli.Calendar) {
	var rows []table.Row
	for _, p := range list {
		refunded := any("")
		if p.Refunded > 0 {
			refunded = payment.Money{Amount: p.Refunded, Currency: p.Currency}
		}
		key := ""
		if screen.Verbose {
			key = cli.OrBlank(p.Key)
		}
		rows = append(rows, table.Row{
			p.ID, strings.ReplaceAll(p.Status, "_", " "), cli.OrBlank(p.FailureReason), p.Gateway,
			payment.Money{Amount: p.Amount, Currency: p.Currency},
			refunded, days.At(p.CreatedAt), key, cli.OrBlank(p.TransactionKey),
		})
	}
	if len(rows) > 0 {
		screen.Table(table.Row{"payment", "status", "why", "gateway", "amount", "refunded", "at", "key", "gateway payment"}, rows)
	}
}

// checked says in a line when an order was checked, and when it is again.
func checked(c *details.Check, days cli.Calendar) string {
	line := "not checked yet"
	if c.CheckedAt != nil {
		line = "checked " + days.At(*c.CheckedAt)
	}
	if c.NextCheckAt != nil {
		line += ", again " + days.At(*c.NextCheckAt)
	}
	return line
}
