package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// abstinent is a gateway of which nothing may be called but what costs no request.
type abstinent struct {
	gateway.Gateway // nil: any call panics

	closed bool
}

func (a *abstinent) Capabilities() gateway.Capabilities { return gateway.Capabilities{List: true} }

func (a *abstinent) Close() { a.closed = true }

// Nothing reaches a gateway that is to stay untouched, and no answer says that money moved or did not exist.
func TestUntouched(t *testing.T) {
	real := &abstinent{}
	g := gateway.NewDryRun(real)
	require.True(t, g.Capabilities().List)
	require.Equal(t, payment.NotExecuted, g.Charge(t.Context(), payment.Charge{}).Kind)
	found := g.Find(t.Context(), payment.Charge{}, "")
	require.False(t, found.Absent)
	require.Equal(t, payment.InDoubt, found.Outcome.Kind)
	sight := g.Look(t.Context(), payment.Ref{})
	require.False(t, sight.Absent)
	require.Nil(t, sight.Payment)
	require.Equal(t, payment.EffectNone, g.Cancel(t.Context(), payment.Cancel{}).Effect)
	require.Equal(t, payment.EffectNone, g.Refund(t.Context(), payment.Refund{}).Effect)
	_, err := g.List(t.Context(), payment.Window{}, "")
	require.ErrorIs(t, err, gateway.ErrUntouched)
	require.ErrorIs(t, g.Ping(t.Context()), gateway.ErrUntouched)
	g.Close()
	require.True(t, real.closed)
}
