package cli

import (
	"io"
	_ "time/tzdata"

	"duly/internal/text"
)

// Screen is where a command writes to people and programs.
type Screen struct {
	Env      []string
	Out, Err io.Writer
	Stdout   *stdoutRecorder
	// Terminal reports whether people read w as it is written.
	Terminal func(w io.Writer) bool
	// Size is how many columns and lines the terminal behind w has.
	Size func(w io.Writer) (width, height int)
	// Wide, if set, is how wide what is written may be, whatever is behind it.
	Wide    int
	JSON    bool
	Verbose bool // --verbose
	CSVOnly bool // --csv
	// Documents, if set, takes what print would write.
	Documents *[]any
}

// Complain writes an error to standard error, a line a problem.
func (s *Screen) Complain(err error) {
	for _, line := range text.Lines(err) {
		s.Say(s.Err, "duly: "+line)
	}
}

// NewScreen writes to stdout and stderr as a process does that has the environment env.
func NewScreen(env []string, stdout, stderr io.Writer) *Screen {
	recorder := &stdoutRecorder{to: stdout}
	return &Screen{Env: env, Stdout: recorder, Out: Output{To: recorder}, Err: Output{To: stderr}, Terminal: terminal, Size: size}
}
