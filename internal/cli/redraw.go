package cli

import (
	"io"
	"slices"
	"strings"
	"sync"

	pretty "github.com/jedib0t/go-pretty/v6/text"
)

// Redraw keeps a few lines at the foot of a terminal and draws them anew in place. It is safe for concurrent use.
type Redraw struct {
	To io.Writer
	// Plain: without sequences, so that no more than one line can be drawn anew.
	Plain bool

	mu   sync.Mutex
	live []string // what is drawn at the moment
}

// Draw replaces the lines at the foot; none: they are gone. Each must be narrower than the terminal.
func (r *Redraw) Draw(lines ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Plain {
		lines = lines[:min(len(lines), 1)]
	}
	if slices.Equal(lines, r.live) {
		return
	}
	r.write(r.cleared() + strings.Join(lines, "\n"))
	r.live = slices.Clone(lines)
}

// Above writes finished lines, which stay, above those at the foot.
func (r *Redraw) Above(lines ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.write(r.cleared() + strings.Join(lines, "\n") + "\n" + strings.Join(r.live, "\n"))
}

// cleared clears the lines at the foot and goes back to where they began.
func (r *Redraw) cleared() string {
	switch {
	case len(r.live) == 0:
		return ""
	case r.Plain:
		return "\r" + strings.Repeat(" ", pretty.StringWidth(r.live[0])) + "\r"
	}
	return "\r\x1b[K" + strings.Repeat("\x1b[1A\x1b[K", len(r.live)-1)
}

func (r *Redraw) write(s string) {
	_, _ = io.WriteString(r.To, s) // the next one meets the same terminal, and the summary reports a failure
}
