package main

import "slices"

// nearest is the name that a mistyped word means, if one is near enough: a third of its letters may be wrong. Empty: none is.
func nearest(word string, names []string) string {
	best, least := "", len(word)/3+1
	for _, name := range names {
		if d := edits(word, name); d < least || d == least && best == "" && d <= len(word)/3 {
			best, least = name, d
		}
	}
	return best
}

// edits is how many letters must be added, removed or replaced to make one word of the other.
func edits(from, to string) int {
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(from) {
		before := row[0]
		row[0] = i + 1
		for j := range len(to) {
			change := before
			if from[i] != to[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = slices.Min([]int{change, row[j] + 1, row[j+1] + 1})
		}
	}
	return row[len(to)]
}
