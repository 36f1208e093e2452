package adoption_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/billing/adoption"
	"duly/internal/test/sample"
)

// A charge that its gateway does not know any more is left to an operator, whatever it was listed as: nothing is paid, closed or
// charged by it, and the id that nobody shows is not stored.
func TestAdoptOfWhatIsNotShown(t *testing.T) {
	everyAdoptCase(func(c adoptCase) {
		u := c.unadopted()
		u.Denied = true
		a, err := adopted(u)
		if c.own == "in_flight" {
			require.ErrorContains(t, err, "run 17", c)
			return
		}
		require.NoError(t, err, c)
		before, after := u.Period, u.Period.After(a)
		adoptKeepsWhatIsEnded(t, c, before, after)
		if a.As != adoption.NotShown {
			require.Nil(t, a.Attempt, "%s: nothing is written of what is accounted for, or of what there is no row for", c)
			return
		}
		own := under(after, u.Record.Key)
		require.NotNil(t, own, c)
		require.Equal(t, billing.AttemptReview, own.Status, c)
		require.NotEqual(t, u.Record.ID, own.PaymentID, c)
		require.Empty(t, a.Settlement.Proof, c)
		require.Equal(t, []string{"review.needed"}, sample.EventTypes(a.Events()), c)
		require.NotEqual(t, billing.Open, after.Invoice.Status, "%s: its period would be charged", c)
		if before.Invoice != nil && before.Invoice.Status != billing.Open && before.Invoice.Status != billing.Charging {
			require.Equal(t, before.Invoice.Status, after.Invoice.Status, c)
		}
	})
}

// Of a subscription that is gone nothing can be written but a finding.
func TestAdoptOfWhatIsNotShownAndHasNoRow(t *testing.T) {
	for record, want := range map[string]adoption.As{"succeeded": adoption.Orphan, "declined soft": adoption.Known} {
		u := adoptCase{record, "", "none", "none", "none", "gone"}.unadopted()
		u.Denied = true
		a, err := adopted(u)
		require.NoError(t, err)
		require.Equal(t, want, a.As, record)
	}
}
