// Package guard holds amounts beyond which an invoice is charged only by an operator's word.
package guard

import (
	"fmt"
	"math/bits"
	"strings"

	"duly/internal/payment"
)

// Rules are what the operator configured. The zero Rules hold nothing.
type Rules struct {
	// Max is the largest amount of each currency, in minor units; a currency that it lacks has none.
	Max map[string]int64
	// Factor is how many times the last paid amount an amount may be, in hundredths; 0: any.
	Factor int64
}

// Check is what was decided about the amount of an invoice. Empty: nothing, it is judged whenever the invoice would be charged.
type Check string

// The checks that are stored. One that approves an amount counts for its invoice alone, and for as long as that lives.
const (
	// BeyondMax and BeyondFactor: the invoice is in review, since its amount is larger than the guard of that name allows.
	BeyondMax    Check = "max_amount"
	BeyondFactor Check = "max_factor"
	// Approved: an operator approved the amount.
	Approved Check = "approved"
	// OneOff: the shop planned the amount for this period alone. It says nothing of other periods.
	OneOff Check = "one_off"
)

// Approves reports whether an amount that was checked so is charged, however large it is.
func (c Check) Approves() bool { return c == Approved || c == OneOff }

// Holds reports whether an amount that was checked so waits for an operator's word.
func (c Check) Holds() bool { return c == BeyondMax || c == BeyondFactor }

// On reports whether anything is held.
func (r Rules) On() bool { return len(r.Max) > 0 || r.Factor > 0 }

// NeedsHistory reports whether the last paid amount decides about an amount that was checked so: not where there is no factor, and not where the amount is
// approved, or is too large in any case.
func (r Rules) NeedsHistory(m payment.Money, c Check) bool {
	return r.Factor > 0 && !c.Approves() && m.Amount > 0 && !r.beyondMax(m)
}

// Verdict is which guard an amount is beyond, and in words with the two numbers that differ. The zero Verdict is none.
type Verdict struct {
	Beyond Check
	Words  string
}

// Held reports whether the amount waits for an operator's word.
func (v Verdict) Held() bool { return v.Beyond != "" }

// Judge judges an amount that was checked so. paid is the amount that the subscription paid last; one of 0, or of another currency, says nothing.
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

// beyondFactor compares without rounding: an amount that is exactly so many times the paid one is not beyond.
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

// times is the factor as it is configured.
func (r Rules) times() string {
	s := fmt.Sprintf("%d.%02d", r.Factor/hundredths, r.Factor%hundredths)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}
