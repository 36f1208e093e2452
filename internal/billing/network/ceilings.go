package network

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/internal/payment"
)

// Ceilings are how many declines a network lets one method have for one amount and currency.
type Ceilings struct {
	Visa30d       int
	Mastercard30d int
	Mastercard24h int
	// Those of a method of which no decline names its network.
	Unknown30d int
	Unknown24h int
}

// Window is how far back declines count.
const Window = 30 * day

// ceiling is one of them.
type ceiling struct {
	word   string
	most   int
	window time.Duration
}

func (c Ceilings) of(n payment.Network) []ceiling {
	switch n {
	case payment.Visa:
		return []ceiling{{"visa_30d", c.Visa30d, Window}}
	case payment.Mastercard:
		return []ceiling{{"mastercard_30d", c.Mastercard30d, Window}, {"mastercard_24h", c.Mastercard24h, day}}
	}
	return []ceiling{{"unknown_30d", c.Unknown30d, Window}, {"unknown_24h", c.Unknown24h, day}}
}

// least is the lowest of all.
func (c Ceilings) least() int {
	return min(c.Visa30d, c.Mastercard30d, c.Mastercard24h, c.Unknown30d, c.Unknown24h)
}

// PolicyRule is the stored name of the ceiling that a dunning policy sets.
const PolicyRule = "policy_30d"

// Counts reports whether declines at a gateway are kept under the ceilings.
func (r Rules) Counts(gateway string) bool { return r.Counting() && !r.Uncounted[gateway] }

// those are the ceilings of a method that was tried so, with one of so many declines in [Window] that its dunning policy sets; 0: it sets none.
func (r Rules) those(tries []Try, policy int) []ceiling {
	var list []ceiling
	if r.On {
		list = r.Ceilings.of(networkOf(tries))
	}
	if policy > 0 {
		list = append(list, ceiling{PolicyRule, policy, Window})
	}
	return list
}

// Few is how many tries of a method, whatever came of them, are too few for any ceiling, with as many again that another claim may make
// meanwhile; 0 if nothing is counted.
func (r Rules) Few() int {
	least := r.Lowest
	switch {
	case !r.Counting():
		return 0
	case !r.On:
	case least == 0:
		least = r.Ceilings.least()
	default:
		least = min(least, r.Ceilings.least())
	}
	return max(1, least/2)
}

// fewRule is the word of the ceiling that [Rules.Few] goes by, where nothing else is known.
func (r Rules) fewRule() string {
	if !r.On {
		return PolicyRule
	}
	return r.Ceilings.of("")[0].word
}

// Try is an earlier try of a method that was declined, or may be yet.
type Try struct {
	Network payment.Network
	// At is when it was declined, or is known to have been.
	At time.Time
	// Pending: it is not settled, and counts as declined.
	Pending bool
	// Doubtful, of one that is pending: it may stay so for days.
	Doubtful bool
}

// Hold is why a method must not be tried now. The zero Hold is none.
type Hold struct {
	Rule string // see [Explain]; empty: it may be tried
	// Until is when it may be tried; zero: that is not known.
	Until time.Time
	// Waits, without Until: once tries that are on their way are settled; else it is looked at again on another day.
	Waits bool
}

// Held reports whether the method must not be tried.
func (h Hold) Held() bool { return h.Rule != "" }

// Check says whether a method may be tried at now that was tried so before, all for one amount and currency. Were every pending try and this one
// declined, no ceiling would be exceeded: so none ever is. policy is the ceiling that the dunning policy sets beside them; 0: none.
func (r Rules) Check(tries []Try, policy int, now time.Time) Hold {
	if len(tries) == 0 {
		return Hold{}
	}
	var held Hold
	for _, c := range r.those(tries, policy) {
		h := c.check(tries, now)
		switch {
		case !h.Held():
		case !held.Held(), h.Until.After(held.Until), held.Waits && !h.Waits:
			held = h
		}
	}
	return held
}

// check says what this one ceiling forbids.
func (c ceiling) check(tries []Try, now time.Time) Hold {
	var declined []time.Time
	onTheirWay, doubtful := 0, 0
	for _, t := range tries {
		switch {
		case t.Doubtful:
			doubtful++
		case t.Pending:
			onTheirWay++
		case t.At.After(now.Add(-c.window)):
			declined = append(declined, t.At)
		}
	}
	n := len(declined)
	switch {
	case n+doubtful+onTheirWay < c.most:
		return Hold{}
	case n >= c.most: // until so many have left the window that one more has room
		slices.SortFunc(declined, time.Time.Compare)
		return Hold{Rule: c.word, Until: declined[n-c.most].Add(c.window)}
	case n+doubtful >= c.most:
		return Hold{Rule: c.word}
	}
	return Hold{Rule: c.word, Waits: true}
}

// networkOf is the network that the newest decline names; empty: none does.
func networkOf(tries []Try) payment.Network {
	var newest Try
	for _, t := range tries {
		if t.Network != "" && (newest.Network == "" || t.At.After(newest.At)) {
			newest = t
		}
	}
	return newest.Network
}

// CountsDeclines reports whether a stored rule is one that counts declines, and not a wait that a decline asked for.
func CountsDeclines(rule string) bool { return rule != "" && !strings.HasPrefix(rule, advicePrefix) }

// Explain says for people what a stored rule is that put a charge off; a word that is none of this version's is told as it is.
func Explain(rule string, r Rules) string {
	if code, ok := strings.CutPrefix(rule, advicePrefix); ok {
		if c, known := find(payment.Mastercard, true, code); known {
			return fmt.Sprintf("Mastercard advice %s: %s", c.Code, c.Says)
		}
	}
	if rule == PolicyRule {
		return "as many declines in 30 days for one method and amount as its dunning policy allows (max_tries_30d)"
	}
	for _, n := range []payment.Network{payment.Visa, payment.Mastercard, ""} {
		for _, c := range r.Ceilings.of(n) {
			if c.word == rule {
				return fmt.Sprintf("at most %d declines in %s for one method and amount (%s)", c.most, span(c.window), networkName(n))
			}
		}
	}
	return rule
}

// Whose says for people whose rule it is that put a charge off.
func Whose(rule string) string {
	if rule == PolicyRule {
		return "its dunning policy"
	}
	return "a card network's rule"
}

func span(d time.Duration) string {
	if d == day {
		return "24 hours"
	}
	return fmt.Sprintf("%d days", int(d/day))
}

func networkName(n payment.Network) string {
	names := map[payment.Network]string{payment.Visa: "Visa", payment.Mastercard: "Mastercard"}
	return cmp.Or(names[n], "network unknown")
}
