package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

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

// length writes how long something took: 0.3s, 40s, 1m20s, 3h4m.
func length(seconds float64) string {
	whole := int64(math.Round(seconds))
	switch {
	case seconds <= 0:
		return "0s"
	case seconds < 0.05:
		return "<0.1s"
	case seconds < 9.95:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", seconds), ".0") + "s"
	case whole < 60:
		return fmt.Sprintf("%ds", whole)
	case whole < 3600:
		return two(whole/60, "m", whole%60, "s")
	default:
		return two(whole/3600, "h", whole%3600/60, "m")
	}
}

func two(a int64, unit string, b int64, small string) string {
	if b == 0 {
		return fmt.Sprintf("%d%s", a, unit)
	}
	return fmt.Sprintf("%d%s%d%s", a, unit, b, small)
}

// millis writes milliseconds.
func millis(ms float64) string {
	switch {
	case ms < 9.95:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", ms), ".0") + " ms"
	case ms < 999.5:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return length(ms / 1000)
}

// plural counts things whose plural ends in s.
func plural(n int64, thing string) string { return count(n, thing, thing+"s") }

// count counts things.
func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// some is a number, or nothing for none.
func some(n int64) string {
	if n == 0 {
		return ""
	}
	return number(n)
}

func money(amount int64, currency string) string {
	return payment.Money{Amount: amount, Currency: currency}.String()
}

// title writes a word with a capital.
func title(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// trim writes n with at most three digits that mean something, and no zeros behind the point.
func trim(n float64) string {
	digits := 0
	switch {
	case n < 10:
		digits = 2
	case n < 100:
		digits = 1
	}
	s := strconv.FormatFloat(n, 'f', digits, 64)
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}
