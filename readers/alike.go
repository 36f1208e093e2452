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

// alike joins reasons that differ in ids, amounts and times alone into one, with the count of all. A word in which they differ
// becomes "…"; where they are the same they stay as they are. The order is that of the first of each kind by what follows: declines
// last, then the commonest.
func alike(list []Reason, limit int) []Reason {
	type group struct {
		what  string
		words []string
		rows  int64
	}
	groups := map[string]*group{}
	var order []*group
	for _, r := range list {
		words := strings.Fields(r.Why)
		kind := r.What + "\x00" + kindOf(words)
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
	var out []Reason
	for _, g := range order[:min(limit, len(order))] {
		out = append(out, Reason{What: g.what, Why: strings.Join(g.words, " "), Rows: g.rows})
	}
	return out
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
