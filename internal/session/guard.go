package session

import (
	"slices"

	"duly/config"
	"duly/internal/redact"
)

// shortestPrinted is the length in bytes from which secrets are looked for in what is printed for people and programs:
// a shorter one may be a word that they need to read.
const shortestPrinted = 8

// Redactor replaces the secrets of the configuration wherever they turn up. It is the last line of defence: nothing
// is handed a secret to write to begin with.
func (s *Session) Redactor(c *config.Config) *redact.Redactor {
	if s.Bare {
		return redact.New()
	}
	return redact.New(c.Secrets()...)
}

// Printed is a redactor for what people and programs read.
func (s *Session) Printed(c *config.Config) *redact.Redactor {
	if s.Bare {
		return redact.New()
	}
	return redact.New(slices.DeleteFunc(c.Secrets(), func(secret string) bool { return len(secret) < shortestPrinted })...)
}

// guard keeps the secrets of the configuration out of all that is printed from now on.
func (s *Session) guard(c *config.Config) {
	r := s.Printed(c)
	s.Screen.Hide(r)
}
