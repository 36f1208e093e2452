package demo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/gateway/simulator"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/query"
)

// balance is what the tables say in the end, beside what the gateway says.
type balance struct {
	subscriptions, orders []Line
	// enrolled and placed are what there was to pay, as the shop wrote it.
	enrolled, placed sums
	// charged and sold count the payments of subscriptions and of orders in the tables, taken those at the gateway.
	charged, sold, taken int
	// wrong says what does not add up, each with its id; empty: everything does.
	wrong []string
}

const (
	enrolledSums = `SELECT '' AS what, COUNT(*) AS count, currency, SUM(amount) AS amount FROM subscriptions GROUP BY currency`
	placedSums   = `SELECT '' AS what, COUNT(*) AS count, currency, SUM(amount) AS amount FROM orders GROUP BY currency`
)

// findingsRead is how many findings of the audits are read.
const findingsRead = 100

// balanceOf counts what became of every subscription and order, and compares the gateway's ledger with the tables.
func balanceOf(ctx context.Context, db *mysql.DB, sim *simulator.Simulator, subscriptions, orders int) (b balance, err error) {
	if b.subscriptions, err = Endings(ctx, db); err != nil {
		return b, exit.Failed(err)
	}
	if b.orders, err = OrderEndings(ctx, db); err != nil {
		return b, exit.Failed(err)
	}
	for query, into := range map[string]*sums{enrolledSums: &b.enrolled, placedSums: &b.placed} {
		lines, err := selectLines(ctx, db, query)
		if err != nil {
			return b, err
		}
		into.add(lines...)
	}
	b.account("subscription", subscriptions, b.enrolled, b.subscriptions)
	b.account("order", orders, b.placed, b.orders)
	collected, err := Collected(ctx, db)
	if err != nil {
		return b, exit.Failed(err)
	}
	b.compare(sim, collected)
	wrong, err := CheckOrders(ctx, db, sim, orders)
	if err != nil {
		return b, exit.Failed(err)
	}
	b.wrong = append(b.wrong, wrong...)
	findings, _, err := query.OpenFindings(ctx, db, findingsRead)
	if err != nil {
		return b, exit.Failed(err)
	}
	for _, f := range findings {
		b.wrong = append(b.wrong, fmt.Sprintf("audit finding %d: %s", f.ID, f.Text()))
	}
	return b, nil
}

// account notes rows that are not among the endings, and endings that are none.
func (b *balance) account(what string, made int, there sums, endings []Line) {
	all := sumOf(endings, func(string) bool { return true })
	if there.count != int64(made) || !all.equal(there) {
		b.wrong = append(b.wrong, fmt.Sprintf("%ss: %d were made, %s are there, and %s are accounted for", what, made, there.String(), all.String()))
	}
	for _, l := range endings {
		if strings.HasPrefix(l.What, "unfinished") || l.What == "never invoiced" || l.What == declinedSoFar {
			b.wrong = append(b.wrong, cli.Things(l.Count, what)+": "+l.What)
		}
	}
}

// compare notes payments that are not at both the gateway and the tables, or twice at the gateway.
func (b *balance) compare(sim *simulator.Simulator, collected map[string]payment.Money) {
	b.charged = len(collected)
	for key := range collected {
		if strings.HasPrefix(key, "ord_") {
			b.sold++
		}
	}
	b.charged -= b.sold
	taken := map[string]bool{}
	for e := range sim.Entries() {
		if !e.TookMoney() {
			continue
		}
		b.taken++
		taken[e.Key] = true
		here, known := collected[e.Key]
		switch there := (payment.Money{Amount: e.Amount, Currency: e.Currency}); {
		case !known:
			b.wrong = append(b.wrong, fmt.Sprintf("%s: the gateway took %s (%s), the tables say nothing was paid", e.Key, there, e.ID))
		case here != there:
			b.wrong = append(b.wrong, fmt.Sprintf("%s: the gateway took %s (%s), the tables say %s", e.Key, there, e.ID, here))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(collected)) {
		if !taken[key] {
			b.wrong = append(b.wrong, fmt.Sprintf("%s: the tables say %s was paid, the gateway took nothing", key, collected[key]))
		}
	}
	for _, reference := range sim.DoubleCharged() {
		b.wrong = append(b.wrong, reference+": the gateway took money twice")
	}
}

// rows are the demo's table: what became of the subscriptions and of the orders.
func (b *balance) rows() []row {
	rows := []row{{what: "SUBSCRIPTIONS", total: true, sums: b.enrolled}}
	retried := func(what string) bool { return strings.HasPrefix(what, paidAtRetry) }
	rows = append(rows, row{what: paidOnDueDate, sums: sumOf(b.subscriptions, func(what string) bool { return what == paidOnDueDate })})
	if late := sumOf(b.subscriptions, retried); late.count > 0 {
		rows = append(rows, row{what: paidAtRetry + "1 to 3", sums: late})
	}
	rows = append(rows, rest(b.subscriptions, func(what string) bool { return what == paidOnDueDate || retried(what) })...)
	if b.placed.count == 0 {
		return rows
	}
	rows = append(rows, row{what: "ORDERS", total: true, sums: b.placed})
	completed := func(what string) bool { return strings.HasPrefix(what, "paid, ") }
	unpaid := func(what string) bool {
		return strings.HasSuffix(what, ": failed") || strings.HasSuffix(what, ": refunded")
	}
	rows = append(rows, row{what: "completed", sums: sumOf(b.orders, completed)})
	if lost := sumOf(b.orders, unpaid); lost.count > 0 {
		rows = append(rows, row{what: "unpaid or refunded", sums: lost})
	}
	return append(rows, rest(b.orders, func(what string) bool { return completed(what) || unpaid(what) })...)
}

// rest is a row for each ending that is in no other row.
func rest(lines []Line, told func(what string) bool) (rows []row) {
	for _, l := range lines {
		if told(l.What) || slices.ContainsFunc(rows, func(r row) bool { return r.what == l.What }) {
			continue
		}
		rows = append(rows, row{what: l.What, sums: sumOf(lines, func(what string) bool { return what == l.What })})
	}
	return rows
}
