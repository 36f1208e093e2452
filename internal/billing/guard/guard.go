// Package guard defines limits of amounts: an invoice beyond a limit is charged only once an operator has approved it.
package guard

import (
	"fmt"
	"math/bits"
	"strings"

	"duly/internal/payment"
)

// Rules are the configured limits. The zero Rules hold no invoice.
type Rules struct {
	// Max is the largest amount of each currency, in minor units; a currency that is missing has no limit.
	Max map[string]int64
	// Factor limits an amount to a multiple of the last paid amount, in hundredths; 0: no limit.
	Factor int64
}

// Check is the stored decision about the amount of an invoice. Empty: none; the amount is judged before each charge.
type Check string

// The stored checks. An approval counts for its invoice alone, until that is closed.
const (
	// BeyondMax and BeyondFactor: the invoice is in review, since its amount is larger than the guard of that name allows.
	BeyondMax    Check = "max_amount"
	BeyondFactor Check = "max_factor"
	// Approved: an operator approved the amount.
	Approved Check = "approved"
	// OneOff: the shop planned the amount for this period alone. It is not the last paid amount of the next.
	OneOff Check = "one_off"
)

// Approves reports whether the amount is charged, however large it is.
func (c Check) Approves() bool { return c == Approved || c == OneOff }

// Holds reports whether the amount waits for an operator's approval.
func (c Check) Holds() bool { return c == BeyondMax || c == BeyondFactor }

// On reports whether any limit is configured.
func (r Rules) On() bool { return len(r.Max) > 0 || r.Factor > 0 }

// NeedsHistory reports whether the last paid amount matters for m with check c: not without a factor, and not if m is approved, or beyond Max
// anyway.
func (r Rules) NeedsHistory(m payment.Money, c Check) bool {
	return r.Factor > 0 && !c.Approves() && m.Amount > 0 && !r.beyondMax(m)
}

// Verdict names the guard that an amount is beyond, and describes it with both amounts. The zero Verdict: the amount is within the guards.
type Verdict struct {
	Beyond Check
	Words  string
}

// Held reports whether the amount waits for an operator's approval.
func (v Verdict) Held() bool { return v.Beyond != "" }

// Judge compares an amount with the limits. paid is the amount that the subscription paid last; it does not count if it is 0 or in another currency.
func (r Rules) Judge(m payment.Money, c Check, paid payment.Money) Verdict {
	switch {
	case c.Approves():
		return Verdict{}
	case r.beyondMax(m):
		most := payment.Money{Amount: r.Max[m.Currency], Currency: m.Currency}
		return Verdict{BeyondMax, fmt.Sprintf("amount %s is more than %s (billing.max_amount)", m, most)}
	case r.beyondFactor(m, paid):
		return Verdict{BeyondFactor, fmt.Sprintf("amount %s is more than %s times the last paid %s (billing.max_factor)", m, r.times(), paid)}
	}
	return Verdict{}
}

func (r Rules) beyondMax(m payment.Money) bool {
	most, limited := r.Max[m.Currency]
	return limited && m.Amount > most
}

// beyondFactor compares without rounding: an amount that is exactly the factor times the paid amount is not beyond.
func (r Rules) beyondFactor(m, paid payment.Money) bool {
	if r.Factor <= 0 || m.Amount <= 0 || paid.Amount <= 0 || m.Currency != paid.Currency {
		return false
	}
	high, low := bits.Mul64(uint64(m.Amount), hundredths)
	mostHigh, mostLow := bits.Mul64(uint64(paid.Amount), uint64(r.Factor))
	return high > mostHigh || high == mostHigh && low > mostLow
}

// hundredths are in one.
const hundredths = 100

// times is the factor in the form of the configuration.
func (r Rules) times() string {
	s := fmt.Sprintf("%d.%02d", r.Factor/hundredths, r.Factor%hundredths)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}
