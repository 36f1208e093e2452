package inspect

import (
	"context"
	"fmt"

	"duly/internal/batch"
	"duly/internal/query"
	"duly/internal/session"
	"duly/internal/text"
	"duly/jobs"
)

// afterDeath says of a billing run that died what of its charges nobody has taken over yet.
func afterDeath(ctx context.Context, db *session.Database, v *ShownRun) error {
	died := v.Status == "abandoned" || v.Status == string(batch.Running) && !v.Alive
	if v.Job != jobs.BillingJob || !died {
		return nil
	}
	n, err := query.CountClaims(ctx, db.DB, v.ID)
	if err != nil {
		return err
	}
	again := fmt.Sprintf("duly run %s --rerun %d", v.Job, v.ID)
	charges := text.Plural(n, "charge")
	switch {
	case v.RecoveredBy != nil && n > 0:
		v.Next = []string{fmt.Sprintf("run %d took over a part of what it left; the next run takes over the other %s: %s", *v.RecoveredBy, charges, again)}
	case v.RecoveredBy != nil:
	case n > 0:
		v.Next = []string{fmt.Sprintf("it died; the next run takes over the %s that it left: %s", charges, again)}
	default:
		v.Next = []string{"it died, and no charge of it waits to be taken over; the next run does what it did not come to: " + again}
	}
	return nil
}
