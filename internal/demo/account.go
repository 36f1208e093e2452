package demo

import (
	"context"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/payment"
)

// differencesShown is how many differences are named.
const differencesShown = 10

// account prints what became of everything, and fails if the gateway's ledger and the tables differ.
func (d *showcase) account(ctx context.Context) error {
	b, err := balanceOf(ctx, d.db, d.sim, d.Subscriptions, d.Options.Orders)
	if err != nil {
		return err
	}
	if d.Verbose {
		d.endings("subscriptions", b.subscriptions)
		d.endings("orders", b.orders)
	}
	d.screen.text("", 0)
	for _, line := range tableLines(b.rows()) {
		d.screen.text(line, 2)
	}
	d.screen.text("", 0)
	if len(b.wrong) > 0 {
		return d.unbalanced(b.wrong)
	}
	sold := ""
	if b.sold > 0 {
		sold = " + " + cli.Number(int64(b.sold))
	}
	line := fmt.Sprintf("%s Balanced: %s%s paid = %s at the gateway. 0 lost, 0 charged twice", cli.SignDone, cli.Number(int64(b.charged)), sold, cli.Things(int64(b.taken), "payment"))
	if d.kills > 0 {
		line += ", " + cli.Things(int64(d.kills), "worker") + " killed"
	}
	d.screen.text(fmt.Sprintf("%s. %s. Page: %s", line, cli.Took(d.Now().Sub(d.began)), d.page), cli.SignIndent)
	if !d.Keep {
		d.tryNext()
	}
	return nil
}

// unbalanced names what does not add up, and is the error of it.
func (d *showcase) unbalanced(wrong []string) error {
	d.screen.text(string(cli.SignFailed)+" Not balanced:", 0)
	for _, w := range wrong[:min(len(wrong), differencesShown)] {
		d.screen.text("  "+w, 4)
	}
	if more := len(wrong) - differencesShown; more > 0 {
		d.screen.text(fmt.Sprintf("  and %s more", cli.Number(int64(more))), 4)
	}
	return exit.With(batch.ExitFailed, fmt.Errorf("the gateway and the tables differ: %s", cli.Things(int64(len(wrong)), "difference")))
}

// endings prints every ending with its count and money.
func (d *showcase) endings(what string, lines []Line) {
	if len(lines) == 0 {
		return
	}
	d.screen.text("", 0)
	rows := make([]table.Row, len(lines))
	for i, l := range lines {
		rows[i] = table.Row{l.What, cli.Number(l.Count), payment.Money{Amount: l.Amount, Currency: l.Currency}}
	}
	d.Screen.Table(table.Row{what, "count", "money"}, rows)
}
