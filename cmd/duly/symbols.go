package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"duly/internal/payment"
)

// A sign begins the line of a screen. A word always stands beside it.
type sign string

// The signs.
const (
	signDone   sign = "✓"
	signLook   sign = "!"
	signFailed sign = "✗"
	signLive   sign = ">"
	signNone   sign = "–"
)

// withoutSymbols writes a line in ASCII, as far as it is duly's own.
var withoutSymbols = strings.NewReplacer("✓", "ok", "✗", "x", "–", "-", " · ", ", ", "…", "...", "×", "x") //nolint:gochecknoglobals // a constant table

// getenv is a variable of the environment; empty: it is not set.
func (s *Screen) getenv(name string) string {
	value := ""
	for _, entry := range s.env {
		if key, v, _ := strings.Cut(entry, "="); key == name {
			value = v
		}
	}
	return value
}

// dumb reports whether the terminal understands no sequences.
func (s *Screen) dumb() bool { return s.getenv("TERM") == "dumb" }

// ascii reports whether symbols cannot be shown: on a dumb terminal, and in a locale that names another encoding than UTF-8.
func (s *Screen) ascii() bool {
	if s.dumb() {
		return true
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(s.getenv(name)); locale != "" {
			return !strings.Contains(locale, "utf-8") && !strings.Contains(locale, "utf8")
		}
	}
	return false
}

// symbols replaces the symbols of a line where they cannot be shown.
func (s *Screen) symbols(line string) string {
	if s.ascii() {
		return withoutSymbols.Replace(line)
	}
	return line
}

// took writes a duration for people: 0.1s, 32s, 1m20s, 2h5m.
func took(d time.Duration) string {
	switch {
	case d <= 0:
		return "0s"
	case d < 950*time.Millisecond:
		return fmt.Sprintf("%.1fs", max(d.Seconds(), 0.1))
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}

// number writes a count for people: 1,234.
func number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// things counts things: "1 order", "1,234 orders".
func things(n int64, thing string) string {
	switch {
	case thing == "":
		return number(n)
	case n == 1:
		return "1 " + thing
	}
	return number(n) + " " + thing + "s"
}

// moneySums joins amounts of several currencies: "1,234 KRW + 5.00 USD".
func moneySums(m map[string]int64) string {
	var parts []string
	for _, currency := range slices.Sorted(maps.Keys(m)) {
		if m[currency] != 0 {
			parts = append(parts, payment.Money{Amount: m[currency], Currency: currency}.String())
		}
	}
	return strings.Join(parts, " + ")
}

// dayOf writes a business date for people: "28 Nov".
func dayOf(date string) string {
	d, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return d.Format("2 Jan")
}

// dayOfYear writes a business date with its year: "28 Nov 2026".
func dayOfYear(date string) string {
	d, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return d.Format("2 Jan 2006")
}
