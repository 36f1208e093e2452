package outside

import "duly/internal/gateway/gatewaytest"

// namedMethods are how an operator names behaviours.
var namedMethods = []struct { //nolint:gochecknoglobals // a constant table
	word      string
	behaviour gatewaytest.Behaviour
	says      string
}{
	{"ok", gatewaytest.Succeeds, "its charges succeed"},
	{"declined", gatewaytest.Declines, "they are declined"},
	{"soft", gatewaytest.DeclinesSoft, "declined, another day may do (insufficient_funds)"},
	{"hard", gatewaytest.DeclinesHard, "declined for good (stolen_card)"},
	{"action", gatewaytest.DeclinesAction, "declined until the customer acts (expired_card)"},
	{"try_later", gatewaytest.DeclinesForNow, "declined for the moment (processing_error)"},
	{"pending", gatewaytest.Pends, "they stay pending"},
	{"pending_then_ok", gatewaytest.PendsThenSucceeds, "they are pending at first, and succeed"},
	{"rejected", gatewaytest.Rejects, "they are answered 400"},
}

// MethodWords are the words by which payment methods are named, with what each means.
func MethodWords() (words []string, says map[string]string) {
	says = map[string]string{}
	for _, m := range namedMethods {
		words = append(words, m.word)
		says[m.word] = m.says
	}
	return words, says
}

// BehaviourOf is what a method that is named by a word does.
func BehaviourOf(word string) (gatewaytest.Behaviour, bool) {
	for _, m := range namedMethods {
		if m.word == word {
			return m.behaviour, true
		}
	}
	return "", false
}

func methodOf(b gatewaytest.Behaviour) string {
	for _, m := range namedMethods {
		if m.behaviour == b {
			return m.word
		}
	}
	return ""
}
