package main

import (
	"io"

	"duly/internal/redact"
	"duly/internal/text"
)

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

// behind is what w writes to in the end: a terminal is asked there for what it is.
func behind(w io.Writer) io.Writer {
	w = within(w)
	if s, ok := w.(*stdoutRecorder); ok {
		return s.to
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

// hide keeps secrets out of all that is printed from now on.
func (s *Screen) hide(secrets *redact.Redactor) {
	s.out, s.err = output{within(s.out), secrets}, output{within(s.err), secrets}
}
