package main

import (
	"io"
	"slices"

	"duly/config"
	"duly/internal/redact"
	"duly/internal/text"
)

// shortestPrinted is the length in bytes from which secrets are looked for in what is printed for people and programs:
// a shorter one may be a word that they need to read.
const shortestPrinted = 8

// redactor replaces the secrets of the configuration wherever they turn up. It is the last line of defence: nothing
// is handed a secret to write to begin with.
func (s *Session) redactor(c *config.Config) *redact.Redactor {
	if s.bare {
		return redact.New()
	}
	return redact.New(c.Secrets()...)
}

// printed is a redactor for what people and programs read.
func (ses *Session) printed(c *config.Config) *redact.Redactor {
	if ses.bare {
		return redact.New()
	}
	return redact.New(slices.DeleteFunc(c.Secrets(), func(s string) bool { return len(s) < shortestPrinted })...)
}

// guard keeps the secrets of the configuration out of all that is printed from now on.
func (s *Session) guard(c *config.Config) {
	r := s.printed(c)
	s.Screen.out, s.Screen.err = output{within(s.Screen.out), r}, output{within(s.Screen.err), r}
}

// output is standard output or standard error: nothing that is written to it moves the cursor, reorders a line or is a secret. Each
// Write is looked at by itself.
type output struct {
	to      io.Writer
	secrets *redact.Redactor // nil: none is known yet
}

// Write implements io.Writer.
func (o output) Write(b []byte) (int, error) { return o.write(b, text.Screen(o.redacted(b))) }

func (o output) redacted(b []byte) string {
	if o.secrets == nil {
		return string(b)
	}
	return o.secrets.String(string(b))
}

func (o output) write(b []byte, shown string) (int, error) {
	if _, err := io.WriteString(o.to, shown); err != nil {
		return 0, err
	}
	return len(b), nil
}

// drawing is an output to which this program's own sequences for the terminal may be written. The writer must sanitise the texts.
type drawing struct{ output }

// Write implements io.Writer.
func (d drawing) Write(b []byte) (int, error) { return d.write(b, d.redacted(b)) }

// drawnOn is w without the check for sequences.
func drawnOn(w io.Writer) io.Writer {
	if o, ok := w.(output); ok {
		return drawing{o}
	}
	return w
}

// within is what an output writes to.
func within(w io.Writer) io.Writer {
	switch o := w.(type) {
	case output:
		return within(o.to)
	case drawing:
		return within(o.to)
	}
	return w
}

// behind is what w writes to in the end: a terminal is asked there for what it is.
func behind(w io.Writer) io.Writer {
	w = within(w)
	if s, ok := w.(*stdoutRecorder); ok {
		return s.to
	}
	return w
}
