package network

import (
	"time"

	"duly/internal/payment"
)

// Key is what declines are counted by.
type Key struct {
	Gateway string
	Method  string // a secret, never logged
	Money   payment.Money
}

// Ledger counts what one claim takes of each method beside the tries that were made before.
type Ledger struct {
	Rules Rules
	Now   time.Time
	// Tries are earlier ones; a method that is not among them has too few for any ceiling.
	Tries map[Key][]Try

	taken map[Key]int
}

// Check says whether a method may be tried now, beside what was taken of it. policy is the ceiling that the dunning policy sets; 0: none.
func (l *Ledger) Check(k Key, policy int) Hold {
	if !l.Rules.Counts(k.Gateway) {
		return Hold{}
	}
	tries, taken := l.Tries[k], l.taken[k]
	if taken > 0 {
		// Nothing that another claim could wait for is there: each takes few.
		if len(tries) == 0 && taken >= l.Rules.Few() {
			return Hold{Rule: l.Rules.fewRule(), Waits: true}
		}
		tries = append(make([]Try, 0, len(tries)+taken), tries...)
		for range taken {
			tries = append(tries, Try{Pending: true})
		}
	}
	return l.Rules.Check(tries, policy, l.Now)
}

// Take is Check, and counts the method if it may be tried.
func (l *Ledger) Take(k Key, policy int) Hold {
	h := l.Check(k, policy)
	if !h.Held() && l.Rules.Counts(k.Gateway) {
		if l.taken == nil {
			l.taken = map[Key]int{}
		}
		l.taken[k]++
	}
	return h
}
