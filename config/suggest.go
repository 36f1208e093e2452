package config

import (
	"maps"
	"slices"
	"strings"
)

// unknown says that key is not known, and which one may have been meant.
func (s schema) unknown(key string, gateways map[string]bool) string {
	if name, ok := gatewayOf(key); ok {
		gateways = maps.Clone(gateways)
		gateways[name] = true
	}
	return unknownText(nearest(key, s.names(gateways)), "every key is in duly.example.yaml")
}

func unknownText(near, otherwise string) string {
	if near == "" {
		return "unknown: " + otherwise
	}
	return "unknown: did you mean " + near + "?"
}

// names are all keys and sections, with the names of the gateways put in.
func (s schema) names(gateways map[string]bool) []string {
	var names []string
	for _, name := range slices.Concat(slices.Collect(maps.Keys(s.byName)), slices.Collect(maps.Keys(s.sections))) {
		if !strings.Contains(name, anyGateway) {
			names = append(names, name)
			continue
		}
		for gateway := range gateways {
			names = append(names, strings.Replace(name, anyGateway, gateway, 1))
		}
	}
	slices.Sort(names)
	return names
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
