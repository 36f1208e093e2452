package plan

import (
	"math"
	"strconv"
	"strings"

	"duly/internal/payment"
)

// Behaviour is what a payment method says of its charges.
type Behaviour struct {
	Fault StrikeRule
	First Outcome // of the first Times charges of a reference; of all if Times is 0
	Times int
	Then  Outcome
	// Decided: a pending payment is decided, as Then, after Lookups look-ups, or as Config.Pending says if
	// that is negative.
	Decided bool
	Lookups int
}

// StrikeRule plants a fault on the first requests of a key.
type StrikeRule struct {
	Fault  Fault
	Effect bool
	First  uint32
}

const (
	methodPrefix = "pm_"
	// PendingName is the outcome that may be decided later.
	PendingName = "pending"
)

// BehaviourOf finds the behaviour of a payment method, if it has one.
func (c *Config) BehaviourOf(method string) (Behaviour, bool) {
	if name, ok := c.Methods[method]; ok {
		return parseBehaviour(name)
	}
	name, ok := strings.CutPrefix(method, methodPrefix)
	if !ok {
		return Behaviour{}, false
	}
	name, _, _ = strings.Cut(name, ":")
	return parseBehaviour(name)
}

// parseBehaviour reads NAME[_N][_then_NAME].
func parseBehaviour(s string) (Behaviour, bool) {
	head, tail, hasThen := strings.Cut(s, "_then_")
	var then Outcome
	if hasThen {
		var ok bool
		if then, ok = OutcomeByName(tail); !ok {
			return Behaviour{}, false
		}
	}
	name, times, counted := head, 1, false
	first, ok := OutcomeByName(name)
	if !ok {
		if rule, ok := parseStrike(head); ok {
			return Behaviour{Fault: rule, First: then}, true
		}
		if name, times, counted = cutCount(head); counted {
			first, ok = OutcomeByName(name)
		}
	}
	switch {
	case !ok || counted && !hasThen:
		return Behaviour{}, false
	case !hasThen:
		return Behaviour{First: first}, true
	case first.Result().Status == payment.Pending:
		b := Behaviour{First: first, Then: then, Decided: true, Lookups: -1}
		if counted {
			b.Lookups = times
		}
		return b, true
	default:
		return Behaviour{First: first, Times: times, Then: then}, true
	}
}

// parseStrike reads FAULT[_before|_after][_N|_always].
func parseStrike(s string) (StrikeRule, bool) {
	if f, effect, ok := faultByName(s); ok {
		return StrikeRule{Fault: f, Effect: effect, First: 1}, true
	}
	name, always := strings.CutSuffix(s, "_always")
	count := math.MaxInt32
	if !always {
		var ok bool
		if name, count, ok = cutCount(s); !ok {
			return StrikeRule{}, false
		}
	}
	f, effect, ok := faultByName(name)
	return StrikeRule{Fault: f, Effect: effect, First: uint32(count)}, ok
}

func faultByName(s string) (f Fault, effect, ok bool) {
	for _, f := range FaultNames() {
		switch {
		case s == string(f):
			return f, f.takesEffect(), true
		case f.ambiguous() && s == string(f)+"_before":
			return f, false, true
		case f.ambiguous() && s == string(f)+"_after":
			return f, true, true
		}
	}
	return NoFault, false, false
}

// cutCount splits "soft_2" into "soft" and 2.
func cutCount(s string) (string, int, bool) {
	i := strings.LastIndexByte(s, '_')
	if i < 0 {
		return s, 0, false
	}
	n, err := strconv.ParseInt(s[i+1:], 10, 32)
	return s[:i], int(n), err == nil && n > 0
}
