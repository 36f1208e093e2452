package text

import (
	"regexp"
	"strings"
	"unicode"
)

// Counted is a text that N rows of a kind have.
type Counted struct {
	Kind, Text string
	N          int64
}

var statusFirst = regexp.MustCompile(`^[1-5][0-9]{2}\b`)

// Group are the texts of a list that are alike.
type Group struct {
	Counted

	Rows []int // their places in the list, in order
}

// Alike joins texts of one kind that differ in ids, amounts and times alone into one, with the count of all, in the order of the
// first of each. A word in which they differ becomes "…"; where they are the same they stay as they are. A text that most rows of
// such a group have word by word holds no id, and stays by itself. A command that ends a planned change loses its id here, and becomes the command that lists the ids:
// the ids beside the text are those of subscriptions.
func Alike(list []Counted) []Counted {
	var out []Counted
	for _, g := range AlikeRows(list) {
		out = append(out, g.Counted)
	}
	return out
}

// AlikeRows joins texts as [Alike] does, and says which ones each group has.
func AlikeRows(list []Counted) []Group {
	type group struct {
		words []string
		at    int // of its text in the list that is returned
	}
	own := dominant(list)
	groups := map[string]*group{}
	var out []Group
	for i, c := range list {
		words := strings.Fields(c.Text)
		key := groupOf(c)
		if own[c.Kind+"\x00"+c.Text] {
			key += "\x00" + c.Text
		}
		g := groups[key]
		if g == nil {
			g = &group{words, len(out)}
			groups[key] = g
			out = append(out, Group{Counted: Counted{Kind: c.Kind}})
		}
		out[g.at].N += c.N
		out[g.at].Rows = append(out[g.at].Rows, i)
		for i := range g.words {
			if g.words[i] != words[i] {
				g.words[i] = beginning(words[i]) + "…" + ending(words[i])
			}
		}
	}
	for _, g := range groups {
		out[g.at].Text = strings.ReplaceAll(strings.Join(g.words, " "), "duly resolve change … --as ignored", "ignore it: duly list changes shows the ids")
	}
	return out
}

// dominant finds the texts that several rows have word by word, and more than half of the rows of their group.
func dominant(list []Counted) map[string]bool {
	inGroup, ofText := map[string]int64{}, map[string]int64{}
	for _, c := range list {
		inGroup[groupOf(c)] += c.N
		ofText[c.Kind+"\x00"+c.Text] += c.N
	}
	own := map[string]bool{}
	for _, c := range list {
		key := c.Kind + "\x00" + c.Text
		own[key] = ofText[key] > 1 && 2*ofText[key] > inGroup[groupOf(c)]
	}
	return own
}

// groupOf is a text, and its kind, without the words that hold a digit. The HTTP status with which some begin counts.
func groupOf(c Counted) string {
	words := strings.Fields(c.Text)
	for i, word := range words {
		if strings.ContainsFunc(word, unicode.IsDigit) && (i > 0 || !statusFirst.MatchString(word)) {
			words[i] = "\x00" + ending(word)
		}
	}
	return c.Kind + "\x00" + strings.Join(words, " ")
}

// beginning is the bracket at the beginning of a word that is closed in another one, or at the end of it.
func beginning(word string) string {
	if strings.HasPrefix(word, "(") {
		return "("
	}
	return ""
}

// ending is the punctuation at the end of a word.
func ending(word string) string {
	return word[len(strings.TrimRight(word, ".,;:)")):]
}
