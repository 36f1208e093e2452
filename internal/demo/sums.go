package demo

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	pretty "github.com/jedib0t/go-pretty/v6/text"

	"duly/internal/cli"
	"duly/internal/payment"
)

// sums counts rows and adds up their money, in minor units by currency.
type sums struct {
	count int64
	money map[string]int64
}

// add adds lines.
func (s *sums) add(lines ...Line) {
	if s.money == nil {
		s.money = map[string]int64{}
	}
	for _, l := range lines {
		s.count += l.Count
		s.money[l.Currency] += l.Amount
	}
}

// without is s less what was there before.
func (s *sums) without(before sums) sums {
	left := sums{count: s.count - before.count, money: maps.Clone(s.money)}
	for currency, amount := range before.money {
		left.money[currency] -= amount
	}
	return left
}

// equal reports whether both count the same rows and the same money.
func (s *sums) equal(other sums) bool {
	return s.count == other.count && cli.MoneySums(s.money) == cli.MoneySums(other.money)
}

// String writes the count and the money: "126 · 1,596,600 KRW + 415.68 USD".
func (s *sums) String() string {
	return strings.TrimSuffix(cli.Number(s.count)+" · "+cli.MoneySums(s.money), " · ")
}

// sumOf adds up the lines that are selected.
func sumOf(lines []Line, selects func(what string) bool) sums {
	var s sums
	s.add()
	for _, l := range lines {
		if selects(l.What) {
			s.add(l)
		}
	}
	return s
}

// row is a row of the demo's table. A total names its currencies; the rows below it do not.
type row struct {
	what  string
	total bool
	sums
}

// tableLines are the rows as lines: what, count, and a column for each currency of the totals.
func tableLines(rows []row) []string {
	const gap = "  "
	lines := make([]string, len(rows))
	label, count := 0, 0
	for _, r := range rows {
		label, count = max(label, pretty.StringWidth(r.what)), max(count, len(cli.Number(r.count)))
	}
	for i, r := range rows {
		lines[i] = fmt.Sprintf("%-*s%s%*s", label, r.what, gap, count, cli.Number(r.count))
	}
	var currencies []string
	for _, r := range rows {
		for currency := range r.money {
			if !slices.Contains(currencies, currency) {
				currencies = append(currencies, currency)
			}
		}
	}
	slices.Sort(currencies)
	for _, currency := range currencies {
		cells, widest := make([]string, len(rows)), 0
		for i, r := range rows {
			if r.money[currency] != 0 {
				cells[i], _, _ = strings.Cut(payment.Money{Amount: r.money[currency], Currency: currency}.String(), " ")
				widest = max(widest, len(cells[i]))
			}
		}
		for i, cell := range cells {
			name := strings.Repeat(" ", len(currency)+1)
			if rows[i].total && cell != "" {
				name = " " + currency
			}
			lines[i] += fmt.Sprintf("%s%*s%s", gap, widest, cell, name)
		}
	}
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return lines
}
