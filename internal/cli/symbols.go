package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"duly/internal/payment"
)

// Sign sign begins the line of a screen. A word always stands beside it.
type Sign string

// The signs.
const (
	SignDone   Sign = "✓"
	SignLook   Sign = "!"
	SignFailed Sign = "✗"
	SignLive   Sign = ">"
	SignNone   Sign = "–"
)

// withoutSymbols writes a line in ASCII, as far as it is duly's own.
var withoutSymbols = strings.NewReplacer("✓", "ok", "✗", "x", "–", "-", " · ", ", ", "…", "...", "×", "x") //nolint:gochecknoglobals // a constant table

// Getenv is a variable of the environment; empty: it is not set.
func (s *Screen) Getenv(name string) string {
	value := ""
	for _, entry := range s.Env {
		if key, v, _ := strings.Cut(entry, "="); key == name {
			value = v
		}
	}
	return value
}

// Dumb reports whether the terminal understands no sequences.
func (s *Screen) Dumb() bool { return s.Getenv("TERM") == "dumb" }

// ascii reports whether symbols cannot be shown: on a dumb terminal, and in a locale that names another encoding than UTF-8.
func (s *Screen) ascii() bool {
	if s.Dumb() {
		return true
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(s.Getenv(name)); locale != "" {
			return !strings.Contains(locale, "utf-8") && !strings.Contains(locale, "utf8")
		}
	}
	return false
}

// Symbols replaces the symbols of a line where they cannot be shown.
func (s *Screen) Symbols(line string) string {
	if s.ascii() {
		return withoutSymbols.Replace(line)
	}
	return line
}

// Took writes a duration for people: 0.1s, 32s, 1m20s, 2h5m.
func Took(d time.Duration) string {
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

// Number writes a count for people: 1,234.
func Number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Things counts things: "1 order", "1,234 orders".
func Things(n int64, thing string) string {
	switch {
	case thing == "":
		return Number(n)
	case n == 1:
		return "1 " + thing
	}
	return Number(n) + " " + thing + "s"
}

// MoneySums joins amounts of several currencies: "1,234 KRW + 5.00 USD".
func MoneySums(m map[string]int64) string {
	var parts []string
	for _, currency := range slices.Sorted(maps.Keys(m)) {
		if m[currency] != 0 {
			parts = append(parts, payment.Money{Amount: m[currency], Currency: currency}.String())
		}
	}
	return strings.Join(parts, " + ")
}

// DayOf writes a business date for people: "28 Nov".
func DayOf(date string) string {
	d, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return d.Format("2 Jan")
}

// DayOfYear writes a business date with its year: "28 Nov 2026".
func DayOfYear(date string) string {
	d, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return d.Format("2 Jan 2006")
}
