package notify

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
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
	text := fit(lines)
	if lister != "" {
		text += "\n" + lister
	}
	return text
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

// commonest are the reasons of events with their counts, the commonest first. Reasons that differ in ids and amounts alone are one,
// and a word in which they differ is "…".
func commonest(list []Message) []string {
	type group struct {
		words []string
		n     int
	}
	groups := map[string]*group{}
	var order []*group
	for _, m := range list {
		reason := detailsOf(m).Reason
		if reason == "" {
			reason = "no reason given"
		}
		words := strings.Fields(reason)
		kind := make([]string, len(words))
		for i, w := range words {
			if kind[i] = w; strings.ContainsFunc(w, unicode.IsDigit) {
				kind[i] = "\x00"
			}
		}
		key := strings.Join(kind, " ")
		g := groups[key]
		if g == nil {
			g = &group{words: words}
			groups[key] = g
			order = append(order, g)
		}
		g.n++
		for i := range g.words {
			if g.words[i] != words[i] {
				g.words[i] = "…"
			}
		}
	}
	slices.SortStableFunc(order, func(a, b *group) int { return b.n - a.n })
	var lines []string
	rest := 0
	for i, g := range order {
		if i >= digestReasons {
			rest += g.n
			continue
		}
		lines = append(lines, "• "+line(fmt.Sprintf("%d × %s", g.n, strings.Join(g.words, " ")), lineLength))
	}
	if rest > 0 {
		lines = append(lines, fmt.Sprintf("• %d for other reasons", rest))
	}
	return lines
}
