package main

import (
	"io"
	_ "time/tzdata"

	"duly/internal/text"
)

// Screen is where a command writes to people and programs.
type Screen struct {
	env      []string
	out, err io.Writer
	stdout   *stdoutRecorder
	// terminal reports whether people read w as it is written.
	terminal func(w io.Writer) bool
	// size is how many columns and lines the terminal behind w has.
	size func(w io.Writer) (width, height int)
	// wide, if set, is how wide what is written may be, whatever is behind it.
	wide    int
	json    bool
	verbose bool // --verbose
	csvOnly bool // --csv
	// documents, if set, takes what print would write.
	documents *[]any
}

// complain writes an error to standard error, a line a problem.
func (s *Screen) complain(err error) {
	for _, line := range text.Lines(err) {
		s.say(s.err, "duly: "+line)
	}
}

// newScreen writes to stdout and stderr as a process does that has the environment env.
func newScreen(env []string, stdout, stderr io.Writer) *Screen {
	recorder := &stdoutRecorder{to: stdout}
	return &Screen{env: env, stdout: recorder, out: output{to: recorder}, err: output{to: stderr}, terminal: terminal, size: size}
}
