package notify

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"duly/internal/text"
)

// Alert is what people are told of a command that ended badly: a short message. All of it is plain text.
type Alert struct {
	Title   string // such as: Night of 28 Nov: 8 rows need you
	Summary string // money, counts, exit code and host, in a line
	// Reasons say why people are told, failures first. The first few are shown.
	Reasons []string
	// Commands carry on, the most useful first. The first few are shown.
	Commands []string
}

// What a message holds at most, in characters as far as texts go. Slack takes more, and people read less.
const (
	titleLength   = 150
	reasonLength  = 200
	commandLength = 160
	reasonsShown  = 5
	commandsShown = 3
	alertLength   = 1500
	// lineLength and factLength bound the lines of other messages.
	lineLength    = 500
	factLength    = 200
	sectionLength = 2900
)

// text is the alert where blocks are not shown: in notifications, and for screen readers.
func (a Alert) text() string {
	lines := []string{"*" + line(a.Title, titleLength) + "*"}
	if a.Summary != "" {
		lines = append(lines, line(a.Summary, reasonLength))
	}
	lines = append(lines, a.firstReasons()...)
	for _, command := range a.firstCommands() {
		lines = append(lines, "`"+command+"`")
	}
	return strings.Join(lines, "\n")
}

// firstReasons are as many lines of reasons as the message has room for.
func (a Alert) firstReasons() []string {
	room := alertLength - length(line(a.Title, titleLength)) - length(line(a.Summary, reasonLength)) - len("and 1,000,000 more") - 10
	for _, command := range a.firstCommands() {
		room -= length(command) + 3
	}
	var lines []string
	for i, reason := range a.Reasons {
		next := "• " + line(reason, reasonLength)
		if room -= length(next) + 1; i == reasonsShown || room < 0 {
			return append(lines, fmt.Sprintf("and %d more", len(a.Reasons)-i))
		}
		lines = append(lines, next)
	}
	return lines
}

// firstCommands are the first commands.
func (a Alert) firstCommands() []string {
	var out []string
	for _, command := range a.Commands[:min(len(a.Commands), commandsShown)] {
		out = append(out, line(command, commandLength))
	}
	return out
}

func length(s string) int { return utf8.RuneCountInString(s) }

// blocks is the alert as people see it.
func (a Alert) blocks() []slack.Block {
	blocks := []slack.Block{slack.NewHeaderBlock(slack.NewTextBlockObject(slack.PlainTextType, text.Short(a.Title, titleLength), false, false))}
	var lines []string
	if a.Summary != "" {
		lines = append(lines, line(a.Summary, reasonLength))
	}
	if lines = append(lines, a.firstReasons()...); len(lines) > 0 {
		blocks = append(blocks, slack.NewSectionBlock(markdown(strings.Join(lines, "\n")), nil, nil, slack.SectionBlockOptionExpand(true)))
	}
	if commands := a.firstCommands(); len(commands) > 0 {
		blocks = append(blocks, slack.NewSectionBlock(markdown("```\n"+strings.Join(commands, "\n")+"\n```"), nil, nil))
	}
	return blocks
}

// markdown is finished markup. Slack makes no link, mention or channel of what looks like one in it.
func markdown(lines string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, lines, false, true)
}

// line is foreign text as a part of one line of Slack's markup, and so is what stands in a code block.
func line(foreign string, most int) string { return text.Slack(foreign, most) }

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
