package gateway_test

import (
	"errors"
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

func (a *abstinent) CheckCharge(payment.Charge) error { return errNoCustomer }

func (a *abstinent) Close() { a.closed = true }

var errNoCustomer = errors.New("gateway_customer is missing")

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
	require.ErrorIs(t, gateway.Limit("main", g, gateway.Limits{}).CheckCharge(payment.Charge{}), errNoCustomer, "it is known without a call")
	require.NoError(t, gateway.NewDryRun(&fake{}).CheckCharge(payment.Charge{}), "a gateway without CheckCharge rejects nothing")
	g.Close()
	require.True(t, real.closed)
}
