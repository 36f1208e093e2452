package gateway_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
)

type witness struct {
	*fake

	at time.Time
}

func (w witness) LastApproved(context.Context, payment.Charge) (time.Time, bool) {
	return w.at, !w.at.IsZero()
}

// A gateway that is no witness knows nothing, and one that is left alone is not asked.
func TestLastApproved(t *testing.T) {
	at := time.Date(2026, 1, 31, 3, 0, 0, 0, time.UTC)
	_, ok := pace(t, &fake{}).LastApproved(t.Context(), payment.Charge{})
	require.False(t, ok)

	l := gateway.Defaults()
	l.Now = time.Now
	p := gateway.Limit("main", witness{&fake{}, at}, l)
	defer p.Close()
	got, ok := p.LastApproved(t.Context(), payment.Charge{})
	require.True(t, ok)
	require.Equal(t, at, got)
	p.Pause("for a test")
	_, ok = p.LastApproved(t.Context(), payment.Charge{})
	require.False(t, ok)
	require.Equal(t, int64(1), p.Stats().LookUps)

	silent := gateway.Limit("main", witness{fake: &fake{}}, l)
	defer silent.Close()
	_, ok = silent.LastApproved(t.Context(), payment.Charge{})
	require.False(t, ok)
}
