package jobs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"duly/internal/billing"
	"duly/internal/query"
	"duly/internal/query/worklist"
	"duly/internal/text"
)

// elsewhereReasons says, one line for each gateway that is not configured on this host, what is left to a host that knows it. That a name is
// wrong cannot be told from here.
func elsewhereReasons(list []query.Elsewhere, thing, done string) []string {
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
		out = append(out, fmt.Sprintf("%s of gateway %s %s not %s here: gateways.%[2]s is not configured: %[5]s", text.Plural(e.Count, thing), name, are, done, firstOf(e.IDs, e.Count)))
	}
	return out
}

// firstOf names the first ids of so many.
func firstOf(ids []uint64, all int64) string {
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

// unbilled names the subscriptions that would be due and that nobody bills for their status: an operator, or the shop, decides.
func (b *billingRun) unbilled(ctx context.Context) ([]string, error) {
	if !b.has(StepIssue) {
		return nil, nil
	}
	list, err := worklist.UnbilledByStatus(ctx, b.DB, b.o.Selection)
	var out []string
	for _, u := range list {
		out = append(out, fmt.Sprintf("%s due and not billed with the status %q: %s; duly show subscription %d says what to do",
			text.Plural(u.Count, "subscription"), u.Status, firstOf(u.IDs, u.Count), u.IDs[0]))
	}
	return out, err
}

// waits names what no run can do anything about before somebody decides.
func (b *billingRun) waits(ctx context.Context) ([]string, error) {
	out, err := b.unbilled(ctx)
	if err != nil {
		return out, err
	}
	rejected, err := query.RejectedAnyway(ctx, b.DB, slices.Sorted(maps.Keys(b.Gateways)))
	shown := 0
	for _, r := range rejected {
		id, _ := billing.ParseKey(b.keyPrefix(r.Gateway), r.Key)
		if only := b.o.Selection.Subscriptions; len(only) > 0 && !slices.Contains(only, id.Subscription) {
			continue
		}
		if shown++; shown > worklist.UnbilledShown {
			continue
		}
		out = append(out, r.String())
	}
	if more := shown - worklist.UnbilledShown; more > 0 {
		out = append(out, fmt.Sprintf("%s more that were rejected here and whose money a gateway has: duly list unknown", text.Plural(int64(more), "attempt")))
	}
	return out, err
}
