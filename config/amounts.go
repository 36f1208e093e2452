package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"duly/internal/payment"
)

// Amounts are amounts in different currencies, in the order of the configuration.
type Amounts []payment.Money

// String writes the amounts in the form of the configuration.
func (a Amounts) String() string {
	if len(a) == 0 {
		return None
	}
	words := make([]string, len(a))
	for i, m := range a {
		words[i] = m.Currency + ": " + m.Plain()
	}
	return "{" + strings.Join(words, ", ") + "}"
}

// ByCurrency returns the amounts in minor units, by currency; nil if there are none.
func (a Amounts) ByCurrency() map[string]int64 {
	if len(a) == 0 {
		return nil
	}
	by := make(map[string]int64, len(a))
	for _, m := range a {
		by[m.Currency] = m.Amount
	}
	return by
}

const amountsForm = ": give an amount for each currency, such as {KRW: 1000000, USD: 500.00}, or none"

// readAmounts reads {KRW: 1000000, USD: 500.00}, with or without braces.
func readAmounts(s string) (any, error) {
	if s == None {
		return Amounts(nil), nil
	}
	s = strings.TrimSpace(s)
	if inner, ok := strings.CutPrefix(s, "{"); ok {
		s = strings.TrimSuffix(inner, "}")
	}
	var all Amounts
	for word := range strings.SplitSeq(s, ",") {
		currency, amount, pair := strings.Cut(word, ":")
		if currency = strings.TrimSpace(currency); !pair || strings.TrimFunc(currency, unicode.IsLetter) != "" {
			return nil, fmt.Errorf("%s is not a currency and an amount%s", quote(strings.TrimSpace(word)), amountsForm)
		}
		m, err := payment.ParseAmount(strings.TrimSpace(amount), currency)
		switch {
		case err != nil:
			return nil, err
		case m.Amount == 0:
			return nil, fmt.Errorf("%s would hold every charge: leave %s out for no limit", m, currency)
		}
		for _, other := range all {
			if other.Currency == currency {
				return nil, fmt.Errorf("%s is given twice%s", currency, amountsForm)
			}
		}
		all = append(all, m)
	}
	return all, nil
}

// Factor is a factor in hundredths; 0: none.
type Factor int64

// hundred is a factor of 1.
const hundred = 100

// String writes the factor in the form of the configuration.
func (f Factor) String() string {
	if f == 0 {
		return None
	}
	s := fmt.Sprintf("%d.%02d", f/hundred, f%hundred)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

const mostFactor = 1_000_000

var errFactor = errors.New("is not a factor: give a number from 1 to 1000000 with two decimals at most, such as 10 or 2.5, or none")

// readFactor reads a decimal number exactly.
func readFactor(s string) (any, error) {
	if s == None {
		return Factor(0), nil
	}
	whole, fraction, pointed := strings.Cut(s, ".")
	if pointed && (fraction == "" || len(fraction) > 2) || strings.Trim(whole+fraction, "0123456789") != "" {
		return nil, fmt.Errorf("%s %w", quote(s), errFactor)
	}
	n, err := strconv.ParseInt(whole+(fraction + "00")[:2], 10, 64)
	if err != nil || n < hundred || n > mostFactor*hundred {
		return nil, fmt.Errorf("%s %w", quote(s), errFactor)
	}
	return Factor(n), nil
}
