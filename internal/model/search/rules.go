package search

import "fmt"

// Rule is one rule of a protocol that can be switched off.
type Rule interface {
	~uint8
	fmt.Stringer  // its name
	Text() string // what it demands
}

// Rules is a set of rules.
type Rules[R Rule] uint64

// Without returns the set without these rules.
func (r Rules[R]) Without(off ...R) Rules[R] {
	for _, rule := range off {
		r &^= 1 << rule
	}
	return r
}

// On reports whether the rule is in the set.
func (r Rules[R]) On(rule R) bool { return r>>rule&1 == 1 }
