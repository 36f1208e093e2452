package config

import (
	"maps"
	"slices"
	"strings"
)

// unknown says that key is not known, and which one may have been meant.
func (s schema) unknown(key string, known names) string {
	if section, name, ok := nameIn(key); ok {
		known = known.clone()
		known[section][name] = true
	}
	return unknownText(nearest(key, s.names(known)), "every key is in duly.example.yaml")
}

func unknownText(near, otherwise string) string {
	if near == "" {
		return "unknown: " + otherwise
	}
	return "unknown: did you mean " + near + "?"
}

// names are all keys and sections, with the names of gateways and policies put in.
func (s schema) names(known names) []string {
	var list []string
	for _, name := range slices.Concat(slices.Collect(maps.Keys(s.byName)), slices.Collect(maps.Keys(s.sections))) {
		list = append(list, known.put(name)...)
	}
	slices.Sort(list)
	return list
}

// nearest is the name that is a few slips of the finger away from word, or that ends as it does; empty if
// there is none.
func nearest(word string, names []string) string {
	word = strings.ToLower(word)
	best, least := "", max(2, len(word)/5)+1
	for _, name := range names {
		if d := distance(word, strings.ToLower(name)); d < least {
			best, least = name, d
		}
	}
	if best != "" {
		return best
	}
	last := word[strings.LastIndexByte(word, '.')+1:]
	for _, name := range names {
		if strings.HasSuffix(name, "."+last) {
			return name
		}
	}
	return ""
}

// distance is how many bytes must be put in, taken out or changed to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
