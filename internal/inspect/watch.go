package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	pretty "github.com/jedib0t/go-pretty/v6/text"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/session"
	"duly/internal/text"
)

// How a terminal is drawn on: on its other screen, over what stood there, so that nothing flickers.
const (
	OtherScreen = "\x1b[?1049h\x1b[?25l"
	FirstScreen = "\x1b[?25h\x1b[?1049l"
	ToTheTop    = "\x1b[H"
	RestOfLine  = "\x1b[K\r\n"
	RestOfAll   = "\x1b[J"
)

// leastInterval keeps a watch from being a load.
const leastInterval = 100 * time.Millisecond

// Interval reads --interval.
func Interval(text string) (time.Duration, error) {
	d, err := cli.DurationOf("--interval", text, "s", "m")
	if err == nil && d < leastInterval {
		err = fmt.Errorf("--interval %s is too short: give %s or more, such as 2s", text, leastInterval)
	}
	return d, err
}

// WatchStatus shows the status again and again, until it is interrupted.
func WatchStatus(ctx context.Context, ses *session.Session, db *session.Database, interval time.Duration) error {
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return err
	}
	frames := newFrames(ses)
	defer frames.end()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return watched(ctx, ses)
		case <-timer.C:
		}
		s, err := statusNow(ctx, ses, db, business)
		switch {
		case ctx.Err() != nil:
			return watched(ctx, ses)
		case errors.Is(err, batch.ErrUnavailable): // it will be back
			frames.lost(err)
		case err != nil:
			return err
		default:
			if err := frames.show(s); err != nil {
				return err
			}
		}
		timer.Reset(interval)
	}
}

// watched ends a watch: SIGINT is how it is meant to end.
func watched(ctx context.Context, ses *session.Session) error {
	if code := exit.StopCode(ctx); code != 128+int(syscall.SIGINT) {
		ses.Code = code
	}
	return nil
}

// frames are the pictures of a watch.
type frames interface {
	show(s StatusView) error
	lost(err error)
	end()
}

func newFrames(ses *session.Session) frames {
	switch {
	case ses.Screen.JSON:
		return documents{ses.Screen}
	case ses.Screen.Terminal(ses.Screen.Out):
		return &drawn{Screen: ses.Screen}
	}
	return &blocks{Screen: ses.Screen}
}

// documents are one document a line.
type documents struct{ *cli.Screen }

func (d documents) show(s StatusView) error {
	enc := json.NewEncoder(text.JSONWriter(d.Out))
	enc.SetEscapeHTML(false)
	return exit.Failed(enc.Encode(s))
}

func (d documents) lost(err error) { d.Complain(err) }

func (d documents) end() {}

// blocks are one below the other.
type blocks struct {
	*cli.Screen

	begun bool
}

func (b *blocks) show(s StatusView) error {
	if b.begun {
		b.Line("")
	}
	b.begun = true
	showStatus(b.Screen, s)
	return nil
}

func (b *blocks) lost(err error) { b.Complain(err) }

func (b *blocks) end() {}

// drawn are drawn one over the other.
type drawn struct {
	*cli.Screen

	begun bool
	last  string // what stays when the watch has ended
}

func (d *drawn) show(s StatusView) error {
	var b bytes.Buffer
	onto := *d.Screen
	onto.Out = cli.Output{To: &b}
	onto.Wide, _ = d.Size(d.Out)
	showStatus(&onto, s)
	d.last = b.String()
	d.draw(d.last)
	return nil
}

func (d *drawn) lost(err error) {
	d.draw("the database cannot be reached, trying again: " + text.Joined(err.Error()) + "\n\n" + d.last)
}

// draw writes a frame at once, cut to what the terminal can show.
func (d *drawn) draw(frame string) {
	width, height := d.Size(d.Out)
	lines := strings.Split(strings.TrimSuffix(frame, "\n"), "\n")
	if rest := len(lines) - (height - 1); rest > 0 {
		lines = append(lines[:max(0, height-2)], fmt.Sprintf("… and %d lines more than fit here", rest+1))
	}
	var b strings.Builder
	if !d.begun {
		d.begun = true
		b.WriteString(OtherScreen)
	}
	b.WriteString(ToTheTop)
	for _, line := range lines {
		b.WriteString(pretty.Trim(line, width) + RestOfLine)
	}
	b.WriteString(RestOfAll)
	_, _ = io.WriteString(cli.DrawnOn(d.Out), b.String()) // the next frame meets the same terminal
}

func (d *drawn) end() {
	if d.begun {
		_, _ = io.WriteString(cli.DrawnOn(d.Out), FirstScreen+d.last) // there is nobody left to tell
	}
}
