package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/text"
)

// people is where text for people goes: with --json or --csv standard output holds the document alone.
func (s *Screen) people() io.Writer {
	if s.json || s.csvOnly {
		return s.err
	}
	return s.out
}

// print writes v as the one JSON document of --json.
func (s *Screen) print(v any) error {
	if s.documents != nil {
		*s.documents = append(*s.documents, v)
		return nil
	}
	enc := json.NewEncoder(text.JSONWriter(s.out))
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); !errors.Is(err, syscall.EPIPE) { // a reader that closed the pipe, such as head, has what it wanted
		return failed(err)
	}
	return nil
}

// line writes a line for people.
func (s *Screen) line(format string, args ...any) { s.say(s.out, text.Sprintf(format, args...)) }

// command writes a line with a command to type, which stays in one piece.
func (s *Screen) command(format string, args ...any) {
	fmt.Fprintln(s.out, s.symbols(text.Sprintf(format, args...)))
}

// table writes rows under a header.
func (s *Screen) table(header table.Row, rows []table.Row) { s.renderTable(header, rows) }

// amounts writes sums by currency.
func amounts(m map[string]int64) string {
	var parts []string
	for _, currency := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, payment.Money{Amount: m[currency], Currency: currency}.String())
	}
	return strings.Join(parts, ", ")
}

// orNone is m, or an empty map: documents have no null where there is nothing.
func orNone(m map[string]int64) map[string]int64 {
	if m == nil {
		return map[string]int64{}
	}
	return m
}

// instant writes a time for people.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// plural counts things in words.
func plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// orBlank is what p points to, or nothing.
func orBlank(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// csv writes the figures of days as one table: a row an amount of a day, in minor units.
func (screen *Screen) csv(d query.Daily) error {
	rows := [][]any{{"business_date", "kind", "currency", "product_id", "name", "completed", "failed", "quantity", "amount", "refunded"}}
	for _, o := range d.Orders {
		rows = append(rows, []any{o.Date, "orders", o.Currency, "", "", o.OrdersCompleted, o.OrdersFailed, "", o.AmountCompleted, o.AmountRefunded})
	}
	for _, s := range d.Sales {
		rows = append(rows, []any{s.Date, "product", s.Currency, s.ProductID, s.Name, "", "", s.Quantity, s.Amount, ""})
	}
	if err := text.CSV(screen.out, rows); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
