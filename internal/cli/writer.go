package cli

import (
	"io"

	"duly/internal/redact"
	"duly/internal/text"
)

// Output is standard output or standard error: nothing that is written to it moves the cursor, reorders a line or is a secret. Each
// Write is looked at by itself.
type Output struct {
	To      io.Writer
	secrets *redact.Redactor // nil: none is known yet
}

// Write implements io.Writer.
func (o Output) Write(b []byte) (int, error) { return o.put(b, text.Screen(o.redacted(b))) }

func (o Output) redacted(b []byte) string {
	if o.secrets == nil {
		return string(b)
	}
	return o.secrets.String(string(b))
}

func (o Output) put(b []byte, shown string) (int, error) {
	if _, err := io.WriteString(o.To, shown); err != nil {
		return 0, err
	}
	return len(b), nil
}

// drawing is an output to which this program's own sequences for the terminal may be written. The writer must sanitise the texts.
type drawing struct{ Output }

// Write implements io.Writer.
func (d drawing) Write(b []byte) (int, error) { return d.put(b, d.redacted(b)) }

// DrawnOn is w without the check for sequences.
func DrawnOn(w io.Writer) io.Writer {
	if o, ok := w.(Output); ok {
		return drawing{o}
	}
	return w
}

// Behind is what w writes to in the end: a terminal is asked there for what it is.
func Behind(w io.Writer) io.Writer {
	w = within(w)
	if s, ok := w.(*stdoutRecorder); ok {
		return s.to
	}
	return w
}

// within is what an output writes to.
func within(w io.Writer) io.Writer {
	switch o := w.(type) {
	case Output:
		return within(o.To)
	case drawing:
		return within(o.To)
	}
	return w
}

// Hide keeps secrets out of all that is printed from now on.
func (s *Screen) Hide(secrets *redact.Redactor) {
	s.Out, s.Err = Output{within(s.Out), secrets}, Output{within(s.Err), secrets}
}
