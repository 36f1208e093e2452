package inspect

import (
	"context"
	"slices"

	"duly/internal/batch"
	"duly/internal/operator"
	"duly/internal/session"
	"duly/jobs"
)

// adoptBefore puts the adoption of unknown charges before the repetition of a billing run that failed: as long as they wait, nothing is
// charged at their gateways.
func adoptBefore(ctx context.Context, db *session.Database, v *ShownRun) error {
	if v.Job != jobs.BillingJob || v.Exit == nil || *v.Exit != batch.ExitFailed {
		return nil
	}
	waiting, err := operator.CountUnknownCharges(ctx, db.DB)
	if err != nil {
		return err
	}
	var commands []string
	for _, of := range waiting {
		commands = append(commands, "duly adopt "+of.Gateway)
	}
	v.Next = slices.Concat(commands, v.Next)
	return nil
}
