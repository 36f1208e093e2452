package query

import (
	"fmt"
	"strconv"
	"strings"

	"duly/internal/text"
)

// ElsewhereReasons says, one line for each gateway that is not configured on this host, what is left to a host that knows it. This host
// cannot know whether a name is wrong.
func ElsewhereReasons(list []Elsewhere, thing, done string) []string {
	var out []string
	for _, e := range list {
		are := "are"
		if e.Count == 1 {
			are = "is"
		}
		name := e.Gateway
		if strings.TrimSpace(name) != name {
			name = strconv.Quote(name)
		}
		out = append(out, fmt.Sprintf("%s of gateway %s %s not %s here: gateways.%[2]s is not configured: %[5]s", text.Plural(e.Count, thing), name, are, done, FirstIDs(e.IDs, e.Count)))
	}
	return out
}

// FirstIDs lists the first ids of all.
func FirstIDs(ids []uint64, all int64) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = strconv.FormatUint(id, 10)
	}
	text := strings.Join(names, ", ")
	if more := all - int64(len(ids)); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
