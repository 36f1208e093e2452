package demo

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"duly/internal/cli"
)

const (
	// plainWidth is where lines are broken that go to no terminal.
	plainWidth = 80
	// stepIndent is where the text of a step begins, behind its sign and name.
	stepIndent = 13
	// drawEvery is how often the live line is drawn.
	drawEvery = 200 * time.Millisecond
)

// screen is what the demo tells its story on.
type screen struct {
	*cli.Screen

	live *cli.Redraw // nil: nothing is drawn in place at the moment
}

// newScreen tells the story where s writes.
func newScreen(s *cli.Screen) *screen {
	told := *s
	if !told.Terminal(told.Out) && told.Wide == 0 {
		told.Wide = plainWidth
	}
	return &screen{Screen: &told}
}

// put writes finished lines, above the live one if there is one.
func (s *screen) put(lines ...string) {
	if s.live != nil {
		s.live.Above(lines...)
		return
	}
	fmt.Fprintln(s.Out, strings.Join(lines, "\n"))
}

// text writes a line, broken where it is wider than the screen.
func (s *screen) text(line string, indent int) { s.put(s.Wrapped(line, indent)...) }

// step writes what became of a step of a day.
func (s *screen) step(sign cli.Sign, name, text string) {
	s.text(fmt.Sprintf("  %s %-7s  %s", sign, name, text), stepIndent)
}

// outcome writes what became of a day.
func (s *screen) outcome(sign cli.Sign, parts ...string) {
	s.text("  "+string(sign)+" "+joined(parts...), 4)
}

// joined joins the parts that say something.
func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " · ")
}

// some counts things, and is empty where there are none.
func some(n int64, what string) string {
	if n == 0 {
		return ""
	}
	return cli.Number(n) + " " + what
}

// during draws a line that says how far something is while do does it, on a terminal that can.
func (s *screen) during(every func(time.Duration, func()) func(), line func() string, do func() error) error {
	if !s.Terminal(s.Out) || s.Dumb() {
		return do()
	}
	s.live = &cli.Redraw{To: cli.DrawnOn(s.Out), Plain: s.Getenv("NO_COLOR") != ""}
	width, _ := s.Size(s.Out)
	draw := func() { s.live.Draw(s.Symbols(cli.Cut(line(), width-1))) } // the cursor stays on the line
	draw()
	end := every(drawEvery, draw)
	defer func() {
		end()
		s.live.Draw()
		s.live = nil
	}()
	return do()
}

// tail is the end of what a file holds.
func tail(from io.ReadSeeker, lines int) string {
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return ""
	}
	all, err := io.ReadAll(from)
	if err != nil {
		return ""
	}
	list := strings.Split(strings.TrimSpace(string(all)), "\n")
	return strings.Join(list[max(len(list)-lines, 0):], "\n")
}
