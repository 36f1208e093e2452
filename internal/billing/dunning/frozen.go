package dunning

import (
	"cmp"
	"strings"
)

// Frozen is the policy that an invoice is being dunned by, as it was at its first decline; its days are stored beside it. The zero Frozen is
// the default policy, which cancels.
type Frozen struct {
	Policy    string // empty: the default
	AfterLast AfterLast
	// Paused: the invoice has ended, and its subscription was paused because of that.
	Paused bool
}

// pausedWord is what Frozen stores for AfterLast once the subscription was paused.
const pausedWord = "paused"

// Text is f as an invoice stores it: the policy's name and what follows its last stage, such as "gentle pause". It is empty for the zero Frozen.
func (f Frozen) Text() string {
	after := cmp.Or(f.AfterLast, CancelAfterLast)
	switch {
	case f.Paused:
		after = pausedWord
	case !Own(f.Policy) && after == CancelAfterLast:
		return ""
	}
	return cmp.Or(f.Policy, DefaultPolicy) + " " + string(after)
}

// ParseFrozen reads what Text wrote. What is none counts as nothing stored.
func ParseFrozen(text string) Frozen {
	name, after, ok := strings.Cut(text, " ")
	if !ok {
		return Frozen{}
	}
	f := Frozen{}
	if Own(name) {
		f.Policy = name
	}
	switch after {
	case pausedWord:
		f.AfterLast, f.Paused = PauseAfterLast, true
	case string(PauseAfterLast), string(KeepAfterLast):
		f.AfterLast = AfterLast(after)
	}
	return f
}
