package payment

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ParseAmount reads an amount as [Money.String] writes it, without separators between thousands: with all decimals of its currency, so that nobody
// takes cents for dollars: 500.00 of USD, 12900 of KRW.
func ParseAmount(s, currency string) (Money, error) {
	if why := CurrencyProblem(currency); why != "" {
		return Money{}, fmt.Errorf("%s", why)
	}
	n, shown := digitsOf(currency), Cut(s, quoted)
	whole, fraction, pointed := strings.Cut(s, ".")
	negative := strings.HasPrefix(whole, "-")
	whole = strings.TrimPrefix(whole, "-")
	switch {
	case whole == "" || !onlyDigits(whole) || pointed && (fraction == "" || !onlyDigits(fraction)):
		return Money{}, fmt.Errorf("%q is no amount of %s: write it as %s", shown, currency, exampleOf(n))
	case negative:
		return Money{}, fmt.Errorf("%s %s is negative", shown, currency)
	case len(fraction) != n:
		return Money{}, fmt.Errorf("%s %s has %s: write all decimals of the currency, such as %s", shown, currency, decimals(len(fraction)), exampleOf(n))
	}
	amount, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil {
		return Money{}, fmt.Errorf("%s %s is too large: %s is the most", shown, currency, Money{math.MaxInt64, currency})
	}
	return Money{amount, currency}, nil
}

// Plain is the amount in the form of [ParseAmount].
func (m Money) Plain() string {
	s := strings.ReplaceAll(m.String(), ",", "")
	return strings.TrimSuffix(s, " "+m.Currency)
}

// quoted limits the characters of the input that an error repeats.
const quoted = 40

func onlyDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

func decimals(n int) string {
	switch n {
	case 0:
		return "no decimals"
	case 1:
		return "1 decimal"
	}
	return strconv.Itoa(n) + " decimals"
}

// exampleOf is an amount of a currency of n decimals.
func exampleOf(n int) string {
	if n == 0 {
		return "500"
	}
	return "500." + strings.Repeat("0", n)
}
