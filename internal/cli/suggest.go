package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"duly/config"
	"duly/internal/exit"
)

// furthestTypo is how many letters a word may be away from the one that was meant.
const furthestTypo = 2

// Meant returns the word of the list that a mistyped one most likely stands for; empty if none is near.
func Meant(typed string, list []string) string {
	typed = strings.ToLower(typed)
	best, least := "", min(furthestTypo, len(typed)/2)+1
	for _, word := range list {
		if unnumbered(typed) == unnumbered(strings.ToLower(word)) {
			continue // another number is no slip
		}
		if d := typos(typed, strings.ToLower(word)); d < least {
			best, least = word, d
		}
	}
	if best != "" {
		return best
	}
	for _, word := range list {
		if len(typed) > furthestTypo && strings.HasPrefix(strings.ToLower(word), typed) {
			return word
		}
	}
	return ""
}

// unnumbered is a word without its digits.
func unnumbered(word string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, word)
}

// typos counts the letters to insert, delete, replace or swap with their neighbour to turn a into b (optimal string alignment).
func typos(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := [][]int{make([]int, len(y)+1)}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		row := make([]int, len(y)+1)
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(rows[i-1][j]+1, row[j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], rows[i-2][j-2]+1)
			}
		}
		rows = append(rows, row)
	}
	return rows[len(x)][len(y)]
}

// UnknownWord says that a word is none of the list, and which one was meant, or what there is.
func UnknownWord(what, typed string, list []string) error {
	if near := Meant(typed, list); near != "" {
		return fmt.Errorf("unknown %s %q; did you mean %s?", what, typed, near)
	}
	return fmt.Errorf("unknown %s %q: it is %s", what, typed, Alternatives(list))
}

// Alternatives writes a list of which one is to be chosen: a, b or c.
func Alternatives(list []string) string {
	last := len(list) - 1
	if last < 1 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:last], ", ") + " or " + list[last]
}

// DurationOf reads the value of a flag. Where it has no unit, it asks for one of the two that are usual.
func DurationOf(flag, typed, shorter, longer string) (time.Duration, error) {
	d, err := config.ParseDuration(typed)
	if err == nil {
		return d, nil
	}
	if _, number := strconv.ParseFloat(typed, 64); number == nil {
		return 0, fmt.Errorf("%s %s has no unit: %s or %s?", flag, typed, typed+shorter, typed+longer)
	}
	return 0, fmt.Errorf("%s: %q is not a duration such as 2%s", flag, typed, longer)
}

// NoSubscription says that there is no subscription of that id.
func NoSubscription(id uint64) error {
	return exit.Usagef("no subscription %d; look for its id in the table subscriptions", id)
}

// NoOrder says that there is no order of that id.
func NoOrder(id uint64) error {
	return exit.Usagef("no order %d; look for its id in the table orders", id)
}
