package cli

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

	"duly/internal/exit"
	"duly/internal/payment"
	"duly/internal/text"
)

// People is where text for people goes: with --json or --csv standard output holds the document alone.
func (s *Screen) People() io.Writer {
	if s.JSON || s.CSVOnly {
		return s.Err
	}
	return s.Out
}

// Print writes v as the one JSON document of --json.
func (s *Screen) Print(v any) error {
	if s.Documents != nil {
		*s.Documents = append(*s.Documents, v)
		return nil
	}
	enc := json.NewEncoder(text.JSONWriter(s.Out))
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); !errors.Is(err, syscall.EPIPE) { // a reader that closed the pipe, such as head, has what it wanted
		return exit.Failed(err)
	}
	return nil
}

// Line writes a line for people.
func (s *Screen) Line(format string, args ...any) { s.Say(s.Out, text.Sprintf(format, args...)) }

// Command writes a line with a command to type, which stays in one piece.
func (s *Screen) Command(format string, args ...any) {
	fmt.Fprintln(s.Out, s.Symbols(text.Sprintf(format, args...)))
}

// Table writes rows under a header.
func (s *Screen) Table(header table.Row, rows []table.Row) { s.RenderTable(header, rows) }

// Amounts writes sums by currency.
func Amounts(m map[string]int64) string {
	var parts []string
	for _, currency := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, payment.Money{Amount: m[currency], Currency: currency}.String())
	}
	return strings.Join(parts, ", ")
}

// OrNone is m, or an empty map: documents have no null where there is nothing.
func OrNone(m map[string]int64) map[string]int64 {
	if m == nil {
		return map[string]int64{}
	}
	return m
}

// Instant writes a time for people.
func Instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// Plural counts things in words.
func Plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// OrBlank is what p points to, or nothing.
func OrBlank(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
