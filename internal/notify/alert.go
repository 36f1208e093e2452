package notify

import (
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"duly/internal/text"
)

// Alert is what people are told of a command that ended badly. All of it is plain text.
type Alert struct {
	Title string // such as: billing: unfinished; a later run goes on
	// Facts are shown side by side: job, date, host.
	Facts []Fact
	Runs  []AlertRun
	// Notes are lines about more than one run: what ended well, who died.
	Notes []string
	// Commands carry on, the most useful first.
	Commands []string
}

// Fact is a fact with its name.
type Fact struct{ Name, Value string }

// AlertRun is one run of an Alert.
type AlertRun struct {
	Title   string   // such as: run 17 of billing; empty if the facts name it
	Steps   []string // the numbers, a line a step
	Reasons []string // with counts, the commonest first
	Left    []string // for a later run, and why
	Errors  []string
}

// What Slack takes, in characters, and how much of it is used: escaping makes text longer.
const (
	titleLength   = 150
	factLength    = 200
	factsShown    = 10
	sectionLength = 2900
	lineLength    = 500
	blocksShown   = 40
)

// Text is the alert where blocks are not shown: in notifications, and for screen readers.
func (a Alert) Text() string {
	lines := []string{"*" + line(a.Title, titleLength) + "*"}
	var facts []string
	for _, f := range a.Facts {
		facts = append(facts, line(f.Name+": "+f.Value, factLength))
	}
	lines = append(lines, strings.Join(facts, ", "))
	for _, r := range a.Runs {
		lines = append(lines, r.lines()...)
	}
	for _, note := range a.Notes {
		lines = append(lines, line(note, lineLength))
	}
	for _, command := range a.Commands {
		lines = append(lines, "`"+code(command)+"`")
	}
	return fit(lines)
}

// blocks is the alert as people see it.
func (a Alert) blocks() []slack.Block {
	blocks := []slack.Block{slack.NewHeaderBlock(slack.NewTextBlockObject(slack.PlainTextType, text.Short(a.Title, titleLength), false, false))}
	var facts []*slack.TextBlockObject
	for _, f := range a.Facts[:min(len(a.Facts), factsShown)] {
		facts = append(facts, markdown("*"+line(f.Name, factLength)+"*\n"+line(f.Value, factLength)))
	}
	if len(facts) > 0 {
		blocks = append(blocks, slack.NewSectionBlock(nil, facts, nil))
	}
	for _, r := range a.Runs {
		if lines := r.lines(); len(lines) > 0 {
			blocks = append(blocks, section(lines))
		}
	}
	if len(a.Notes) > 0 {
		var notes []string
		for _, note := range a.Notes {
			notes = append(notes, line(note, lineLength))
		}
		blocks = append(blocks, section(notes))
	}
	blocks = blocks[:min(len(blocks), blocksShown)]
	if len(a.Commands) > 0 {
		var commands []string
		for _, command := range a.Commands {
			commands = append(commands, code(command))
		}
		blocks = append(blocks, slack.NewSectionBlock(markdown("```\n"+fit(commands)+"\n```"), nil, nil))
	}
	return blocks
}

// lines is the run as Slack's markup.
func (r AlertRun) lines() []string {
	var lines []string
	if r.Title != "" {
		lines = append(lines, "*"+line(r.Title, lineLength)+"*")
	}
	add := func(title, mark string, list []string) {
		if len(list) > 0 && title != "" {
			lines = append(lines, "*"+title+"*")
		}
		for _, entry := range list {
			lines = append(lines, mark+line(entry, lineLength))
		}
	}
	add("", "", r.Steps)
	add("Errors", "• ", r.Errors)
	add("Reasons", "• ", r.Reasons)
	add("Left for a later run", "• ", r.Left)
	return lines
}

// markdown is finished markup. Slack makes no link, mention or channel of what looks like one in it.
func markdown(lines string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, lines, false, true)
}

func section(lines []string) *slack.SectionBlock {
	return slack.NewSectionBlock(markdown(fit(lines)), nil, nil, slack.SectionBlockOptionExpand(true))
}

// fit joins as many lines as Slack takes in one text, and says how many it leaves out.
func fit(lines []string) string {
	const note = 40
	var b strings.Builder
	for i, next := range lines {
		if b.Len()+len(next) > sectionLength-note {
			fmt.Fprintf(&b, "\n… and %d lines more", len(lines)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(next)
	}
	return b.String()
}

// line is foreign text as a part of one line of Slack's markup, and so is what stands in a code block.
func line(foreign string, most int) string { return text.Slack(foreign, most) }

func code(command string) string { return line(command, lineLength) }
