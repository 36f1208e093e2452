package jobs

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/query"
	"duly/internal/query/worklist"
	"duly/internal/text"
)

// unknown is a reason for a person whose rows `duly list unknown` has.
func unknown(reason string) batch.Waiting {
	return batch.Waiting{Reason: reason, Next: "duly list unknown"}
}

// unbilled names the subscriptions that would be due and that nobody bills for their status: an operator, or the shop, decides.
func (b *billingRun) unbilled(ctx context.Context) ([]batch.Waiting, error) {
	if !b.has(StepIssue) {
		return nil, nil
	}
	list, err := worklist.UnbilledByStatus(ctx, b.DB, b.o.Selection)
	var out []batch.Waiting
	for _, u := range list {
		out = append(out, unknown(fmt.Sprintf("%s due and not billed with the status %q: %s; duly show subscription %d says what to do",
			text.Plural(u.Count, "subscription"), u.Status, query.FirstIDs(u.IDs, u.Count), u.IDs[0])))
	}
	return out, err
}

// waits names what no run can do anything about before somebody decides.
func (b *billingRun) waits(ctx context.Context) ([]batch.Waiting, error) {
	out, err := b.unbilled(ctx)
	if err != nil {
		return out, err
	}
	plans, err := b.planned.Waits(ctx, b.DB, b.o.Selection)
	if out = append(out, plans...); err != nil {
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
		out = append(out, unknown(r.String()))
	}
	if more := shown - worklist.UnbilledShown; more > 0 {
		out = append(out, unknown(fmt.Sprintf("%s more that were rejected here and whose money a gateway has: duly list unknown", text.Plural(int64(more), "attempt"))))
	}
	return out, err
}
