package planned_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/billing/planned"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

// A date far in the future stands for none. A trial is billed from its resumption on; what is paused is left to a person. A date of some years is meant.
func TestAResumptionFindsAPlaceholder(t *testing.T) {
	t.Parallel()
	plan := planned.ForIssue(due("2099-12-31", billing.Trialing), changes("2026-01-30 resume"), on("2026-01-31"), nil)
	require.Empty(t, plan.Problem)
	require.Equal(t, billing.Active, plan.After.Status)
	require.Equal(t, sample.Day("2026-01-30"), plan.After.Next)
	require.Equal(t, 30, plan.After.AnchorDay)

	plan = planned.ForIssue(due("2099-12-31", billing.Paused), changes("2026-01-30 resume"), on("2026-01-31"), nil)
	require.Contains(t, plan.Problem, "next_billing_date 2099-12-31 lies more than ten years behind it")
	require.Equal(t, billing.Paused, plan.After.Status)

	for _, status := range []billing.SubscriptionStatus{billing.Trialing, billing.Paused} {
		plan = planned.ForIssue(due("2036-01-30", status), changes("2026-01-30 resume"), on("2026-01-31"), nil)
		require.Empty(t, plan.Problem)
		require.Equal(t, sample.Day("2036-01-30"), plan.After.Next)
	}
}

// A date that is none comes before every other one, and is applied neither at an issue nor at a claim.
func TestADayThatIsNone(t *testing.T) {
	t.Parallel()
	none, err := payment.ParseDate("1999-01-01")
	require.NoError(t, err)
	list := []planned.Change{{ID: 1, Effective: none, Kind: planned.Cancel}, {ID: 2, Effective: sample.Day("2026-01-01"), Kind: planned.Cancel}}
	for _, day := range []payment.Date{none, 0, -1} {
		list[0].Effective = day
		plan := planned.ForClaim(due("2026-01-31", billing.Active), list, sample.Day("2026-01-31"), nil)
		require.Empty(t, plan.Done)
		plan = planned.ForIssue(due("2026-01-31", billing.Active), list, on("2026-01-31"), nil)
		require.Empty(t, plan.Done)
		require.Contains(t, plan.Problem, "is not a day from 2000-01-01 on")
	}
	_, planned1999 := planned.PriceOn([]planned.Change{{ID: 1, Effective: none, Kind: planned.Amount, Value: "5"}}, sample.Day("2026-01-31"), planned.Foreseen)
	require.False(t, planned1999)
}
