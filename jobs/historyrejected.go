package jobs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/query/worklist"
)

// rejectedPeriods are the references whose money a gateway has under the key of a rejected attempt. Nothing more is sent for them, and
// nobody else is held up by them. The zero value is empty; it is safe for concurrent use.
type rejectedPeriods struct {
	mu  sync.Mutex
	why map[string]billing.RejectedAnyway
}

func (r *rejectedPeriods) add(list []billing.RejectedAnyway) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range list {
		if r.why == nil {
			r.why = map[string]billing.RejectedAnyway{}
		}
		r.why[one.Reference] = one
	}
}

// hold says why nothing is sent for a reference; nil if something may be.
func (r *rejectedPeriods) hold(reference string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one, held := r.why[reference]; held {
		return fmt.Errorf("not sent: %s", one)
	}
	return nil
}

// note records charges that are strange to the tables. Nothing more is sent to their gateway, unless rejected attempts account for all
// of them: these hold up their own periods alone. Where the database may have been restored that is not believed.
func (c *listCheck) note(ctx context.Context, x *batch.StepExecution, strange []payment.Payment, held query.KeysHeld) error {
	var rejected []billing.RejectedAnyway
	for _, p := range strange {
		if at, is := held.Attempts[p.Key]; is && billing.TakenThoughRejected(p, at) {
			rejected = append(rejected, billing.RejectedAnyway{
				Attempt: at.ID, Key: p.Key, Reference: at.Reference, Gateway: c.name, PaymentID: p.ID, Message: at.Message,
			})
		}
	}
	c.history.rejected.add(rejected)
	unknown := len(strange)
	if !c.history.suspected() {
		unknown -= len(rejected)
	}
	c.found(unknown)
	return c.record(ctx, x, strange, rejected)
}

// waits names what no run can do anything about before somebody decides.
func (b *billingJob) waits(ctx context.Context) ([]string, error) {
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
		out = append(out, fmt.Sprintf("%s more that were rejected here and whose money a gateway has: duly list unknown", plural(int64(more), "attempt")))
	}
	return out, err
}
