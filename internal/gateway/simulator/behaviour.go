package simulator

import (
	"math"
	"strconv"
	"strings"
)

// behaviour is what a payment method says of its charges.
type behaviour struct {
	fault strikeRule
	first outcome // of the first `times` charges of a reference; of all if times is 0
	times int
	then  outcome
	// decided: a pending payment is decided, as then, after `lookups` look-ups, or as Config.Pending says if
	// that is negative.
	decided bool
	lookups int
}

// strikeRule plants a fault on the first requests of a key.
type strikeRule struct {
	fault  Fault
	effect bool
	first  uint32
}

const (
	methodPrefix = "pm_"
	pendingName  = "pending"
)

// behaviourOf finds the behaviour of a payment method, if it has one.
func (c *Config) behaviourOf(method string) (behaviour, bool) {
	if name, ok := c.Methods[method]; ok {
		return parseBehaviour(name)
	}
	name, ok := strings.CutPrefix(method, methodPrefix)
	if !ok {
		return behaviour{}, false
	}
	name, _, _ = strings.Cut(name, ":")
	return parseBehaviour(name)
}

// parseBehaviour reads NAME[_N][_then_NAME].
func parseBehaviour(s string) (behaviour, bool) {
	head, tail, hasThen := strings.Cut(s, "_then_")
	var then outcome
	if hasThen {
		var ok bool
		if then, ok = outcomeByName(tail); !ok {
			return behaviour{}, false
		}
	}
	name, times, counted := head, 1, false
	first, ok := outcomeByName(name)
	if !ok {
		if rule, ok := parseStrike(head); ok {
			return behaviour{fault: rule, first: then}, true
		}
		if name, times, counted = cutCount(head); counted {
			first, ok = outcomeByName(name)
		}
	}
	switch {
	case !ok || counted && !hasThen:
		return behaviour{}, false
	case !hasThen:
		return behaviour{first: first}, true
	case name == pendingName:
		b := behaviour{first: first, then: then, decided: true, lookups: -1}
		if counted {
			b.lookups = times
		}
		return b, true
	default:
		return behaviour{first: first, times: times, then: then}, true
	}
}

// parseStrike reads FAULT[_before|_after][_N|_always].
func parseStrike(s string) (strikeRule, bool) {
	if f, effect, ok := faultByName(s); ok {
		return strikeRule{fault: f, effect: effect, first: 1}, true
	}
	name, always := strings.CutSuffix(s, "_always")
	count := math.MaxInt32
	if !always {
		var ok bool
		if name, count, ok = cutCount(s); !ok {
			return strikeRule{}, false
		}
	}
	f, effect, ok := faultByName(name)
	return strikeRule{fault: f, effect: effect, first: uint32(count)}, ok
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
	return noFault, false, false
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
