package registry

import (
	"cmp"
	"context"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/preview"
	"duly/internal/query"
	"duly/internal/sum"
	"duly/jobs"
)

// reconcileWork settles stale orders and refunds what is due.
func reconcileWork() Job {
	return Job{
		Name:     jobs.ReconcileJob,
		Does:     "settle stale orders, refund what is due",
		Takes:    []string{cli.FlagOrder, cli.FlagLimit, cli.FlagParallelism, cli.FlagRate, cli.FlagChunkSize},
		Writes:   []string{"orders", "products", "payments", "order_checks", "bookings", "events"},
		Gateways: true, chunk: "reconcile.chunk_size", width: "reconcile.parallelism",
		Slots:   func(r *Request) int { return r.Config.Reconcile.Parallelism },
		Steps:   func(int) []string { return jobs.ReconcileSteps() },
		Check:   checkOrders,
		Build:   func(r *Request) (batch.Job, error) { return jobs.Reconcile(r.Deps, r.reconcile()), nil },
		Preview: previewReconcile,
		Next:    nextReviews,
	}
}

// checkOrders refuses orders that are not there.
func checkOrders(ctx context.Context, r *Request) ([]error, error) {
	missing, err := query.MissingOrders(ctx, r.DB, r.Selection())
	if err != nil {
		return nil, fmt.Errorf("look for the orders: %w", err)
	}
	var found []error
	for _, id := range missing {
		found = append(found, fmt.Errorf("--order: %w", cli.NoOrder(id)))
	}
	return found, nil
}

// reconcile configures a reconcile run.
func (r *Request) reconcile() jobs.ReconcileOptions {
	c := r.Config.Reconcile
	return jobs.ReconcileOptions{
		Selection: r.Selection(), Policy: orders.Policy{OlderThan: c.OlderThan, GiveUpAfter: c.GiveUpAfter},
		ChunkSize: c.ChunkSize, Parallelism: c.Parallelism, Steps: r.Flags.Steps,
	}
}

// ReconcileForecast is the document of a dry run of reconcile.
type ReconcileForecast struct {
	Head
	preview.ReconcileForecast
}

// previewReconcile says which orders would be checked, and what is to be refunded.
func previewReconcile(ctx context.Context, r *Request, f Head) (any, func(), error) {
	found, err := preview.Reconcile(ctx, r.Deps, r.reconcile(), firstRows, r.Flags.Limit)
	doc := ReconcileForecast{f, found}
	return doc, func() { r.showReconcile(doc) }, err
}

// showReconcile writes a forecast of reconcile for people.
func (r *Request) showReconcile(f ReconcileForecast) {
	r.showChecks(f)
	r.showRefunds(f)
	r.showRequested(f)
	writeCounts(r.Session.Screen, []counted{
		{f.InFlight, "order", "claimed by another run"},
		{f.InDoubt, "order", "in doubt, checked again later" + r.from(f.NextCheckAt)},
		{f.Later, "payment", "to refund, tried again later" + r.from(f.NextTryAt)},
		{f.Behind, "refund", "waiting for another one of the same payment, which is in review: duly list review --what refund"},
		{f.LeftAlone, "row", "skipped: the gateway is paused, or not configured here"},
	})
	problems(r.Session.Screen, f.Problems, f.MoreProblems)
	if f.Limited {
		r.Session.Screen.Line("--limit will end the run before everything is done")
	}
}

func (r *Request) showChecks(f ReconcileForecast) {
	if len(f.Orders) == 0 {
		r.Session.Screen.Item("Will check", forecastColumn, "no order")
		return
	}
	money := func(amount int64, currency string) payment.Money {
		return payment.Money{Amount: amount, Currency: currency}
	}
	asked := func(gateway string) string { return cmp.Or(gateway, "(no payment)") }
	var list, first []table.Row
	count, total := int64(0), map[string]int64{}
	for _, o := range f.Orders {
		count, total[o.Currency] = count+o.Count, sum.Add(total[o.Currency], o.Amount)
		list = append(list, table.Row{cmp.Or(o.Status, "(gone)"), asked(o.Gateway), o.Count, money(o.Amount, o.Currency)})
	}
	for _, o := range f.FirstOrders {
		first = append(first, table.Row{o.Order, cmp.Or(o.Status, "(gone)"), asked(o.Gateway), r.when(o.CreatedAt), money(o.Amount, o.Currency)})
	}
	r.Session.Screen.Item("Will check", forecastColumn, cli.Things(count, "order"), cli.MoneySums(total))
	if !r.Session.Screen.Verbose {
		return
	}
	r.Session.Screen.Table(table.Row{"status", "gateway asked", "orders", "amount"}, list)
	r.Session.Screen.Line("first %d:", len(first))
	r.Session.Screen.Table(table.Row{"order", "status", "gateway asked", "placed", "amount"}, first)
}

func (r *Request) showRefunds(f ReconcileForecast) {
	if len(f.Refunds) == 0 && len(f.Requested) > 0 {
		return
	}
	if len(f.Refunds) == 0 {
		r.Session.Screen.Item("Will refund", forecastColumn, "nothing")
		return
	}
	var list, first []table.Row
	count, total := int64(0), map[string]int64{}
	for _, r := range f.Refunds {
		count, total[r.Currency] = count+r.Count, sum.Add(total[r.Currency], r.Amount)
		list = append(list, table.Row{r.Gateway, r.Count, payment.Money{Amount: r.Amount, Currency: r.Currency}})
	}
	for _, r := range f.FirstRefunds {
		first = append(first, table.Row{r.Payment, r.Order, r.Gateway, payment.Money{Amount: r.Amount, Currency: r.Currency}})
	}
	r.Session.Screen.Item("Will refund", forecastColumn, cli.Things(count, "payment"), cli.MoneySums(total))
	if !r.Session.Screen.Verbose {
		return
	}
	r.Session.Screen.Table(table.Row{"gateway", "payments", "amount"}, list)
	r.Session.Screen.Line("first %d:", len(first))
	r.Session.Screen.Table(table.Row{"payment", "order", "gateway", "amount"}, first)
}

// showRequested writes the rows of refunds that would be executed.
func (r *Request) showRequested(f ReconcileForecast) {
	if len(f.Requested) == 0 {
		return
	}
	var first []table.Row
	count, total := int64(0), map[string]int64{}
	for _, r := range f.Requested {
		count, total[r.Currency] = count+r.Count, sum.Add(total[r.Currency], r.Amount)
	}
	for _, r := range f.FirstRequested {
		of := fmt.Sprintf("payment %d", r.Payment)
		if r.Invoice != 0 {
			of = fmt.Sprintf("invoice %d", r.Invoice)
		}
		first = append(first, table.Row{r.Refund, of, r.Gateway, payment.Money{Amount: r.Amount, Currency: r.Currency}})
	}
	r.Session.Screen.Item("Will refund", forecastColumn, cli.Things(count, "requested refund"), cli.MoneySums(total))
	if !r.Session.Screen.Verbose {
		return
	}
	r.Session.Screen.Line("first %d:", len(first))
	r.Session.Screen.Table(table.Row{"refund", "of", "gateway", "amount"}, first)
}
