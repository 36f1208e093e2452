package payment

import (
	"strconv"
	"strings"
)

// Money is an amount in minor units of its currency: cents for USD, won for KRW, which has no minor unit.
type Money struct {
	Amount   int64
	Currency string // ISO 4217, upper case
}

// String writes m for people, with the currency's own number of decimals: "12,900 KRW", "12.99 USD".
func (m Money) String() string {
	n := digitsOf(m.Currency)
	sign, s := "", strconv.FormatUint(magnitude(m.Amount), 10)
	if m.Amount < 0 {
		sign = "-"
	}
	if pad := n + 1 - len(s); pad > 0 {
		s = strings.Repeat("0", pad) + s
	}
	whole, fraction := s[:len(s)-n], s[len(s)-n:]
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if n > 0 {
		whole += "." + fraction
	}
	return strings.TrimSpace(sign + whole + " " + m.Currency)
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n) //nolint:gosec // two's complement on purpose: right for the smallest int64 too
	}
	return uint64(n)
}
