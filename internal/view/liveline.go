package view

import (
	"strings"
	"time"

	pretty "github.com/jedib0t/go-pretty/v6/text"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/text"
)

const (
	// nameColumn is how wide the names of steps and jobs are shown at least.
	nameColumn = 8
	// EtaFrom is how many rows must be done before the time that is left is estimated, etaOver over how long the rate is measured.
	EtaFrom = 20
	etaOver = 30 * time.Second
)

// LiveStep is how far a step has come.
type LiveStep struct {
	Step              string
	Label             batch.Label
	Done, Due         int64 // due is -1 if that is not known
	Rate              float64
	Left              time.Duration
	Declined, InDoubt int64
	Open              []string // gateways whose circuit is open
}

// lead is how a line about a step or job begins.
func lead(m cli.Sign, name string) string {
	return string(m) + " " + name + strings.Repeat(" ", max(nameColumn+1-pretty.StringWidth(name), 2))
}

// Line is the state in one line that is no wider than width: the rate is dropped first, then what was declined, then the rest from
// behind. within, if it is set, is the job that the step belongs to.
func (s LiveStep) Line(within string, width int) string {
	begin := lead(cli.SignLive, s.Step)
	if within != "" {
		begin = lead(cli.SignLive, within) + s.Step + " "
	}
	done := cli.Number(s.Done)
	if s.Due >= 0 {
		done += " of " + cli.Number(s.Due)
	}
	words := s.Label.Words()
	parts := []string{"", "", "", ""} // rate, left, declined, in doubt
	const rate, left, declined, inDoubt = 0, 1, 2, 3
	if s.Done > 0 && s.Rate > 0 {
		parts[rate] = cli.Number(int64(s.Rate+0.5)) + "/s"
	}
	if s.Left > 0 {
		parts[left] = cli.Took(s.Left.Round(time.Second)) + " left"
	}
	if s.Declined > 0 {
		parts[declined] = cli.Number(s.Declined) + " " + words.Declined
	}
	if s.InDoubt > 0 {
		parts[inDoubt] = cli.Number(s.InDoubt) + " " + words.InDoubt
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

// RateWindow measures the rate of a step over the last seconds. The zero one has seen nothing.
type RateWindow struct {
	seen []rateSample
}

type rateSample struct {
	at   time.Duration // since the step began
	done int64
}

// Rate adds a measurement and returns how many rows a second were done in the last [etaOver].
func (p *RateWindow) Rate(at time.Duration, done int64) float64 {
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
