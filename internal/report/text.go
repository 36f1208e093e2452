package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"duly/internal/payment"
)

// number writes n with thousands separated: 1,391.
func number(n int64) string {
	return strings.TrimSuffix(payment.Money{Amount: n, Currency: "KRW"}.String(), " KRW")
}

// percent writes a share of 1: 92.7%. What is neither nothing nor all is never written as if it were.
func percent(part, of int64) string {
	if of <= 0 {
		return "–"
	}
	p := float64(part) / float64(of) * 100
	switch {
	case part == 0, part == of:
		return strconv.FormatFloat(p, 'f', 0, 64) + "%"
	case part > 0 && p < 0.1:
		return "<0.1%"
	case part < of && p > 99.9:
		return ">99.9%"
	}
	return strconv.FormatFloat(p, 'f', 1, 64) + "%"
}

// length writes how long something took: 310 ms, 4.2 s, 2 min 5 s, 3 h 4 min.
func length(seconds float64) string {
	whole := int64(math.Round(seconds))
	switch {
	case seconds <= 0:
		return "0 s"
	case seconds < 0.9995:
		return fmt.Sprintf("%.0f ms", seconds*1000)
	case seconds < 59.95:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", seconds), ".0") + " s"
	case whole < 3600:
		return two(whole/60, "min", whole%60, "s")
	default:
		return two(whole/3600, "h", whole%3600/60, "min")
	}
}

func two(a int64, unit string, b int64, small string) string {
	if b == 0 {
		return fmt.Sprintf("%d %s", a, unit)
	}
	return fmt.Sprintf("%d %s %d %s", a, unit, b, small)
}

// millis writes milliseconds.
func millis(ms float64) string {
	if ms < 9.95 {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", ms), ".0") + " ms"
	}
	return length(ms / 1000)
}

// plural counts things in words.
func plural(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return number(n) + " " + thing + "s"
}

func money(amount int64, currency string) string {
	return payment.Money{Amount: amount, Currency: currency}.String()
}

// longDate writes 2026-01-31 as 31 January 2026.
func longDate(date string) string {
	d, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return d.Format("2 January 2006")
}

// instant writes a time in the zone of the business.
func instant(t time.Time, zone *time.Location) string {
	return t.In(zone).Format("2006-01-02 15:04:05 MST")
}

// title writes a word with a capital.
func title(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
