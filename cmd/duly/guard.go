package main

import (
	"io"
	"slices"

	"duly/config"
	"duly/internal/redact"
)

// shortestPrinted is the length in bytes from which secrets are looked for in what is printed for people and programs:
// a shorter one may be a word that they need to read.
const shortestPrinted = 8

// redactor replaces the secrets of the configuration wherever they turn up. It is the last line of defence: nothing
// is handed a secret to write to begin with.
func (a *app) redactor(c *config.Config) *redact.Redactor {
	if a.bare {
		return redact.New()
	}
	return redact.New(c.Secrets()...)
}

// printed is a redactor for what people and programs read.
func (a *app) printed(c *config.Config) *redact.Redactor {
	if a.bare {
		return redact.New()
	}
	return redact.New(slices.DeleteFunc(c.Secrets(), func(s string) bool { return len(s) < shortestPrinted })...)
}

// guard keeps the secrets of the configuration out of all that is printed from now on.
func (a *app) guard(c *config.Config) {
	r := a.printed(c)
	a.out, a.err = guarded{r.Writer(a.out), a.out}, guarded{r.Writer(a.err), a.err}
}

// guarded writes without secrets.
type guarded struct {
	io.Writer

	to io.Writer // what is behind it
}

// behind is what w writes to in the end: a terminal is asked there for what it is.
func behind(w io.Writer) io.Writer {
	if g, ok := w.(guarded); ok {
		return g.to
	}
	return w
}
