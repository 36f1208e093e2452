package readers

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// reasonsRead is how many different reasons of a run are read: many differ in an id alone.
const reasonsRead = 10_000

var statusFirst = regexp.MustCompile(`^[1-5][0-9]{2}\b`)

// cause is a reason without what duly added to the gateway's last word: why it was not asked again.
func cause(what, why string) string {
	if what == "in doubt" || what == "released" {
		why, _, _ = strings.Cut(why, "; ")
	}
	return why
}

// alike joins reasons that differ in ids, amounts and times alone into one, with the count of all. A word in which they differ
// becomes "…"; where they are the same they stay as they are. One that is most of its kind, so that it holds no id, stays by itself.
// Declines are last, then come the commonest first.
func alike(list []Reason, limit int) Causes {
	type group struct {
		what  string
		words []string
		rows  int64
	}
	own := dominant(list)
	groups := map[string]*group{}
	var order []*group
	for _, r := range list {
		words := strings.Fields(r.Why)
		kind := r.What + "\x00" + kindOf(words)
		if own[r.What+"\x00"+r.Why] {
			kind += "\x00" + r.Why
		}
		g := groups[kind]
		if g == nil {
			g = &group{what: r.What, words: words}
			groups[kind] = g
			order = append(order, g)
		}
		g.rows += r.Rows
		for i := range g.words {
			if g.words[i] != words[i] {
				g.words[i] = "…" + ending(words[i])
			}
		}
	}
	slices.SortStableFunc(order, func(a, b *group) int {
		switch last := func(g *group) bool { return g.what == "declined" }; {
		case last(a) && !last(b):
			return 1
		case last(b) && !last(a):
			return -1
		case a.rows != b.rows:
			if a.rows > b.rows {
				return -1
			}
			return 1
		}
		return 0
	})
	shown := min(limit, len(order))
	out := Causes{Reasons: []Reason{}, More: len(order) - shown}
	for _, g := range order[:shown] {
		out.Reasons = append(out.Reasons, Reason{What: g.what, Why: strings.Join(g.words, " "), Rows: g.rows})
	}
	return out
}

// dominant finds the reasons that several rows have word by word, and more than half of the rows of their kind.
func dominant(list []Reason) map[string]bool {
	kinds, texts := map[string]int64{}, map[string]int64{}
	kindOfReason := func(r Reason) string { return r.What + "\x00" + kindOf(strings.Fields(r.Why)) }
	for _, r := range list {
		kinds[kindOfReason(r)] += r.Rows
		texts[r.What+"\x00"+r.Why] += r.Rows
	}
	own := map[string]bool{}
	for _, r := range list {
		text := r.What + "\x00" + r.Why
		own[text] = texts[text] > 1 && 2*texts[text] > kinds[kindOfReason(r)]
	}
	return own
}

// kindOf is a reason without the words that hold a digit. The status of an answer, with which some begin, counts.
func kindOf(words []string) string {
	kind := make([]string, len(words))
	for i, word := range words {
		kind[i] = word
		if strings.ContainsFunc(word, unicode.IsDigit) && (i > 0 || !statusFirst.MatchString(word)) {
			kind[i] = "\x00" + ending(word)
		}
	}
	return strings.Join(kind, " ")
}

// ending is the punctuation at the end of a word.
func ending(word string) string {
	return word[len(strings.TrimRight(word, ".,;:)")):]
}
