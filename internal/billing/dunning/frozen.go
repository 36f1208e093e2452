package dunning

import (
	"cmp"
	"strings"
)

// Frozen is the dunning policy of an invoice as it was at its first decline, without the days, which are stored separately. The zero Frozen is
// the default policy, which cancels.
type Frozen struct {
	Policy    string // empty: the default
	AfterLast AfterLast
	// Paused: the invoice has ended, and its subscription was paused because of that.
	Paused bool
	// Mark is what the row of the subscription was written at when it was ended or paused, see [Since]; empty: it was not, or that is not known.
	Mark string
}

// What Frozen stores for AfterLast once the subscription was paused or cancelled.
const (
	pausedWord    = "paused"
	cancelledWord = "cancelled"
)

// Unmarked is f without the mark of an end.
func (f Frozen) Unmarked() Frozen {
	f.Mark = ""
	return f
}

// Undone is f once what its end did to the subscription was taken back.
func (f Frozen) Undone() Frozen {
	f.Paused = false
	return f.Unmarked()
}

// Text is f as an invoice stores it: the policy's name and what follows its last stage, such as "gentle pause"; and once
// that has followed, its mark. It is empty for the zero Frozen.
func (f Frozen) Text() string {
	after := cmp.Or(f.AfterLast, CancelAfterLast)
	switch {
	case f.Paused:
		after = pausedWord
	case after == CancelAfterLast && f.Mark != "":
		after = cancelledWord
	case !Own(f.Policy) && after == CancelAfterLast:
		return ""
	}
	text := cmp.Or(f.Policy, DefaultPolicy) + " " + string(after)
	if f.Mark != "" {
		text += " " + f.Mark
	}
	return text
}

// ParseFrozen reads the form of Text. Any other text is the zero Frozen.
func ParseFrozen(text string) Frozen {
	name, after, ok := strings.Cut(text, " ")
	if !ok {
		return Frozen{}
	}
	f := Frozen{}
	after, f.Mark, _ = strings.Cut(after, " ")
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
