package main

import (
	"strings"
	"time"

	pretty "github.com/jedib0t/go-pretty/v6/text"

	"duly/internal/batch"
	"duly/internal/text"
)

const (
	// nameColumn is how wide the names of steps and jobs are shown at least.
	nameColumn = 8
	// etaFrom is how many rows must be done before the time that is left is estimated, etaOver over how long the rate is measured.
	etaFrom = 20
	etaOver = 30 * time.Second
)

// state is how far a step has come.
type state struct {
	step              string
	label             batch.Label
	done, due         int64 // due is -1 if that is not known
	rate              float64
	left              time.Duration
	declined, inDoubt int64
	waits             string   // for what it does nothing; empty: it works
	open              []string // gateways whose circuit is open
}

// lead is how a line about a step or job begins.
func lead(m sign, name string) string {
	return string(m) + " " + name + strings.Repeat(" ", max(nameColumn+1-pretty.StringWidth(name), 2))
}

// line is the state in one line that is no wider than width: the rate is dropped first, then what was declined, then the rest from
// behind. within, if it is set, is the job that the step belongs to.
func (s state) line(within string, width int) string {
	begin := lead(signLive, s.step)
	if within != "" {
		begin = lead(signLive, within) + s.step + " "
	}
	done := number(s.done)
	if s.due >= 0 {
		done += " of " + number(s.due)
	}
	words := s.label.Words()
	parts := []string{"", "", "", ""} // rate, left, declined, in doubt
	const rate, left, declined, inDoubt = 0, 1, 2, 3
	if s.done > 0 && s.rate > 0 {
		parts[rate] = number(int64(s.rate+0.5)) + "/s"
	}
	if s.left > 0 {
		parts[left] = took(s.left.Round(time.Second)) + " left"
	}
	if s.declined > 0 {
		parts[declined] = number(s.declined) + " " + words.Declined
	}
	if s.inDoubt > 0 {
		parts[inDoubt] = number(s.inDoubt) + " " + words.InDoubt
	}
	if s.waits != "" {
		parts = append(parts, s.waits)
	}
	for _, drop := range []int{-1, rate, declined, left, inDoubt} {
		if drop >= 0 {
			parts[drop] = ""
		}
		if line := text.Finished(begin + joined(done, parts)); pretty.StringWidth(line) <= width {
			return line
		}
	}
	return pretty.Trim(text.Finished(begin+joined(done, parts)), max(width, 0))
}

// joined is what there is of the parts behind the first one.
func joined(first string, parts []string) string {
	for _, part := range parts {
		if part != "" {
			first += " · " + part
		}
	}
	return first
}

// rateWindow measures the rate of a step over the last seconds. The zero one has seen nothing.
type rateWindow struct {
	seen []rateSample
}

type rateSample struct {
	at   time.Duration // since the step began
	done int64
}

// rate adds a measurement and returns how many rows a second were done in the last [etaOver].
func (p *rateWindow) rate(at time.Duration, done int64) float64 {
	if n := len(p.seen); n == 0 {
		p.seen = append(p.seen, rateSample{})
	}
	if n := len(p.seen); at-p.seen[n-1].at >= time.Second {
		p.seen = append(p.seen, rateSample{at, done})
	}
	for len(p.seen) > 2 && at-p.seen[1].at >= etaOver {
		p.seen = p.seen[1:]
	}
	first := p.seen[0]
	if seconds := (at - first.at).Seconds(); seconds > 0 {
		return float64(done-first.done) / seconds
	}
	return 0
}
