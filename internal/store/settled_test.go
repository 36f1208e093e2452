package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/store"
)

// A charge counts once: as what somebody has to do about its invoice, if that is so.
func TestASettlementCountsOnce(t *testing.T) {
	for _, c := range []struct {
		attempt billing.AttemptStatus
		invoice billing.InvoiceStatus
		want    batch.Tally
	}{
		{billing.AttemptDeclined, billing.Open, batch.Tally{Declined: 1}},
		{billing.AttemptDeclined, billing.Uncollectible, batch.Tally{Declined: 1}},
		{billing.AttemptDeclined, billing.Review, batch.Tally{Review: 1}},
		{billing.AttemptReview, billing.Review, batch.Tally{Review: 1}},
		{billing.AttemptRejected, billing.Review, batch.Tally{Rejected: 1}},
	} {
		var tally batch.Tally
		store.Settled{Result: &billing.Result{}, Settlement: billing.Settlement{Attempt: c.attempt, Invoice: c.invoice}}.Count(&tally)
		require.Equal(t, c.want, tally, "%s, %s", c.attempt, c.invoice)
	}
}
