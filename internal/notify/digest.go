package notify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"duly/internal/text"
)

// How many events of a digest are named, and how many reasons.
const (
	digestNames   = 5
	digestReasons = 5
)

// Digest is one message for a person on Slack about several events of one type: how many, the commonest reasons, and the command
// that lists them. A few are named.
func Digest(list []Message) string {
	if len(list) == 1 {
		return Text(list[0])
	}
	lines := []string{fmt.Sprintf(":mag: *%d reviews need a decision*", len(list))}
	lister := "`duly list review`"
	switch list[0].Type {
	case reviewNeeded:
	case stockLow:
		lines[0], lister = fmt.Sprintf(":package: *%d products are running out*", len(list)), ""
	default:
		lines[0], lister = fmt.Sprintf("*%s*: %d events", line(list[0].Type, factLength), len(list)), ""
	}
	switch {
	case len(list) <= digestNames:
		for _, m := range list {
			lines = append(lines, "• "+brief(m))
		}
	case list[0].Type == reviewNeeded:
		lines = append(lines, commonest(list)...)
	default:
		for _, m := range list[:digestNames] {
			lines = append(lines, "• "+brief(m))
		}
		lines = append(lines, fmt.Sprintf("• and %d more", len(list)-digestNames))
	}
	whole := fit(lines)
	if lister != "" {
		whole += "\n" + lister
	}
	return whole
}

// brief is an event as a line of a digest, with the command that shows its subject on the next one.
func brief(m Message) string {
	t := detailsOf(m)
	kind, id, _ := strings.Cut(m.Subject, ":")
	about := strings.TrimSpace(kind + " " + id)
	if m.Type == stockLow {
		return stockLine(line(about, factLength), t)
	}
	if t.Reason != "" {
		about += ": " + t.Reason
	}
	return line(about, lineLength) + command(kind, id)
}

// commonest are the reasons of events with their counts, the commonest first; see [text.Alike].
func commonest(list []Message) []string {
	counted := make([]text.Counted, len(list))
	for i, m := range list {
		counted[i] = text.Counted{Text: cmp.Or(detailsOf(m).Reason, "no reason given"), N: 1}
	}
	counted = text.Alike(counted)
	slices.SortStableFunc(counted, func(a, b text.Counted) int { return cmp.Compare(b.N, a.N) })
	shown := min(digestReasons, len(counted))
	var lines []string
	for _, c := range counted[:shown] {
		lines = append(lines, "• "+line(fmt.Sprintf("%d × %s", c.N, c.Text), lineLength))
	}
	var rest int64
	for _, c := range counted[shown:] {
		rest += c.N
	}
	if rest > 0 {
		lines = append(lines, fmt.Sprintf("• %d for other reasons", rest))
	}
	return lines
}
