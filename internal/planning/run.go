package planning

import (
	"context"
	"fmt"
	"log/slog"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/changes"
	"duly/internal/mysql"
	"duly/internal/query"
	"duly/internal/query/worklist"
	"duly/internal/store"
	"duly/internal/text"
)

// listChanges is the command that lists planned changes.
const listChanges = "duly list changes"

// named is how many rows a line names.
const named = 5

// Run is what one run knows of planned changes. Its zero value has not looked for them.
type Run struct {
	// Source has them; nil: none was due when the run looked.
	Source *changes.Source

	looked  bool
	blocked []uint64
}

// Look asks once in a run whether any planned change is due. While none is, nothing more is read for them.
func (r *Run) Look(x *batch.StepExecution, db *mysql.DB, policy billing.IssuePolicy) error {
	if r.looked {
		return nil
	}
	var denied error
	err := x.Retry(x.Work, func(ctx context.Context) (err error) {
		r.Source, denied, err = changes.Open(ctx, db, policy)
		return err
	})
	if err == nil && denied != nil {
		x.Log.WarnContext(x.Work, "planned changes are not applied: the login may not read subscription_changes", slog.Any("error", denied))
	}
	r.looked = err == nil
	return err
}

// Blocked are the due invoices of a stage at gateways that count, whose payment method is to be replaced by a planned change that cannot be
// applied: no run charges them before somebody decides, as [Run.Waits] says.
func (r *Run) Blocked(ctx context.Context, db *mysql.DB, selection store.Selection, stage int, counted func(gateway string) bool) (map[uint64]bool, error) {
	list, err := query.BlockedInvoices(ctx, db, r.Source, selection, stage)
	found := make(map[uint64]bool, len(list))
	for _, inv := range list {
		if counted(inv.Gateway) {
			found[inv.ID] = true
			r.blocked = append(r.blocked, inv.ID)
		}
	}
	return found, err
}

func waiting(format string, args ...any) batch.Waiting {
	return batch.Waiting{Reason: fmt.Sprintf(format, args...), Next: listChanges}
}

// Waits names what no run can do anything about before somebody decides: the invoices that [Run.Blocked] has found, and due changes of subscriptions
// that do not exist. A run of selected subscriptions names none of the latter.
func (r *Run) Waits(ctx context.Context, db *mysql.DB, selection store.Selection) (waits []batch.Waiting, _ error) {
	if n := int64(len(r.blocked)); n > 0 {
		waits = append(waits, waiting("%s not charged, and no retry used, until a planned change of the payment method is fixed (%s): "+listChanges+" --kind method; duly show invoice %d says what is wrong",
			text.Plural(n, "invoice"), query.FirstIDs(r.blocked[:min(n, named)], n), r.blocked[0]))
	}
	if r.Source == nil || len(selection.Subscriptions) > 0 {
		return waits, nil
	}
	ownerless, err := worklist.OwnerlessChanges(ctx, db, r.Source.Policy().Effective)
	if ownerless.Count > 0 {
		waits = append(waits, waiting("%s not applied, since there is no such subscription (%s): correct or delete the rows; "+listChanges+" names them",
			text.Plural(ownerless.Count, "planned change"), query.FirstIDs(ownerless.IDs, ownerless.Count)))
	}
	return waits, err
}
