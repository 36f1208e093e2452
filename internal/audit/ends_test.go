package audit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/audit"
	"duly/internal/payment"
)

// Only payments that a gateway shows as ours stand around others.
func TestEnds(t *testing.T) {
	noon := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	var ends audit.Ends
	add := func(gateway, key string, at time.Time, change func(*audit.Ours)) {
		o := audit.Ours{Gateway: "main", Key: key, Standing: audit.Paid, CreatedAt: at}
		if change != nil {
			change(&o)
		}
		ends.Add(gateway, o, payment.Payment{ID: "pay_" + key, Key: key})
	}
	of := func() (earlier, later []string) {
		first, last := ends.Of("main")
		for _, c := range first {
			earlier = append(earlier, c.PaymentID)
		}
		for _, c := range last {
			later = append(later, c.PaymentID)
		}
		return earlier, later
	}
	earlier, later := of()
	require.Empty(t, earlier)
	require.Empty(t, later)

	add("main", "a", noon, nil)
	add("main", "b", noon.Add(time.Hour), nil)
	add("main", "c", noon.Add(-time.Hour), nil)
	add("other", "d", noon.Add(-2*time.Hour), nil)
	add("main", "e", noon.Add(-2*time.Hour), func(o *audit.Ours) { o.Standing = audit.NotPaid })
	add("main", "f", noon.Add(-2*time.Hour), func(o *audit.Ours) { o.GatewayID = "pay_other" })
	add("main", "g", noon.Add(-2*time.Hour), func(o *audit.Ours) { o.Key = "" })
	earlier, later = of()
	require.Equal(t, []string{"pay_c"}, earlier)
	require.Equal(t, []string{"pay_b"}, later)
}
