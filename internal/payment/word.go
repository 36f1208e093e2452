package payment

import (
	"errors"
	"fmt"
	"strings"
)

// sameWord reports whether a database takes s for word: without regard to case and to blanks behind it.
func sameWord(s, word string) bool { return strings.EqualFold(strings.TrimRight(s, " "), word) }

// WordOf is the one of known that a database takes s for; else s as it stands.
func WordOf[T ~string](s string, known []T) T {
	for _, word := range known {
		if sameWord(s, string(word)) {
			return word
		}
	}
	return T(s)
}

// marshalWord writes word, the name of a constant. An empty word is an error: its number means nothing elsewhere.
func marshalWord(word, what string) ([]byte, error) {
	if word == "" {
		return nil, errors.New("unknown " + what)
	}
	return []byte(word), nil
}

// unmarshalWord sets to to the one of all whose word is text.
func unmarshalWord[T any](to *T, text []byte, all []T, word func(T) string) error {
	for _, v := range all {
		if word(v) == string(text) {
			*to = v
			return nil
		}
	}
	return fmt.Errorf("unknown word %q", Cut(string(text), 40))
}
