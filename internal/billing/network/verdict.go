package network

import (
	"strings"
	"time"

	"duly/internal/payment"
)

// Rules are what the operator configured. The zero Rules are switched off: nothing is waited for, and no class is changed.
type Rules struct {
	On       bool
	Ceilings Ceilings
	// Uncounted are the gateways at which a payment method need not be one card: what is declined there says nothing of a ceiling.
	Uncounted map[string]bool
	// Lowest is the lowest ceiling that a dunning policy sets, with or without those of the networks; 0: none.
	Lowest int
}

// Counting reports whether declines are kept under any ceiling.
func (r Rules) Counting() bool { return r.On || r.Lowest > 0 }

// Verdict is what the rules say of a decline.
type Verdict struct {
	// Class is the gateway's own, or a stronger one that a code asks for; empty: the gateway expects to say yes the same day.
	Class payment.Class
	// Wait is how long after the decline the method must not be tried; Rule is the word of the code that says so, see [Explain].
	Wait time.Duration
	Rule string
}

// Judge says what d means. Of its codes the advice code counts first, then the network's code, then the class that the gateway gave it; but what
// the gateway called hard, or an action, stays at least that.
func (r Rules) Judge(d payment.Decline) Verdict {
	v := Verdict{Class: d.Class}
	if !r.On {
		return v
	}
	advice, advised := adviceOf(d)
	if advised && advice.Wait > 0 {
		v.Wait, v.Rule = advice.Wait, advice.word()
	}
	said := advice.Class
	if said == "" {
		code, _ := responseOf(d)
		said = code.Class
	}
	if strength(said) > strength(v.Class) {
		v.Class = said
	}
	return v
}

// Warning is what the codes of d say of a card that will not last; empty: nothing.
func Warning(d payment.Decline) string {
	if advice, ok := adviceOf(d); ok && advice.Warns {
		return advice.Says + ", which will not last"
	}
	return ""
}

// strength orders classes by how much they forbid.
func strength(c payment.Class) int {
	switch c {
	case payment.Hard:
		return 3
	case payment.Action:
		return 2
	case payment.Soft:
		return 1
	}
	return 0
}

// adviceOf is the merchant advice code of d. A gateway that names no network and gives one means Mastercard's: no other network has them.
func adviceOf(d payment.Decline) (Code, bool) {
	if d.Network == payment.Visa || d.AdviceCode == "" {
		return Code{}, false
	}
	return find(payment.Mastercard, true, d.AdviceCode)
}

// responseOf is the response code of d: what its network says by it, else what every network does.
func responseOf(d payment.Decline) (Code, bool) {
	if d.NetworkCode == "" {
		return Code{}, false
	}
	if c, ok := find(d.Network, false, d.NetworkCode); ok {
		return c, true
	}
	return find("", false, d.NetworkCode)
}

// find looks a code up as it may be spelled: in either case, with blanks around it, and of one digit without its zero.
func find(n payment.Network, advice bool, code string) (Code, bool) {
	code = strings.ToUpper(strings.TrimSpace(code))
	if len(code) == 1 {
		code = "0" + code
	}
	c, ok := byCode[index{n, advice, code}]
	return c, ok
}

type index struct {
	network payment.Network
	advice  bool
	code    string
}

// byCode is the table by its codes.
var byCode = indexed() //nolint:gochecknoglobals // a constant table

func indexed() map[index]Code {
	all := Codes()
	m := make(map[index]Code, len(all))
	for _, c := range all {
		m[index{c.Network, c.Advice, c.Code}] = c
	}
	return m
}

// word is how a row that puts a try off is stored.
func (c Code) word() string { return advicePrefix + c.Code }

// advicePrefix begins the word of a merchant advice code.
const advicePrefix = "mastercard_advice_"
