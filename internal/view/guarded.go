package view

import "duly/internal/cli"

// guardedRows show the number and the sum of the invoices that were not charged because of their amounts.
func guardedRows(s Summary) []cli.BlockRow {
	n, money := int64(0), map[string]int64{}
	for _, g := range s.Guarded {
		n, money[g.Currency] = n+g.Count, g.Amount
	}
	if n == 0 {
		return nil
	}
	return []cli.BlockRow{cli.Fact("Too large", cli.Things(n, "invoice")+" · "+cli.MoneySums(money)+" not charged without your approval", "")}
}
