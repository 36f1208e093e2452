package dunning

import (
	"strconv"
	"strings"
)

// DaysText writes days of a policy as an invoice stores them; empty for none.
func DaysText(days []int) string {
	words := make([]string, len(days))
	for i, day := range days {
		words[i] = strconv.Itoa(day)
	}
	return strings.Join(words, ",")
}

// ParseDays reads what DaysText wrote. What is none counts as nothing stored.
func ParseDays(text string) []int {
	if text == "" {
		return nil
	}
	var days []int
	for word := range strings.SplitSeq(text, ",") {
		day, err := strconv.Atoi(word)
		if err != nil || day < 0 {
			return nil
		}
		days = append(days, day)
	}
	return days
}
