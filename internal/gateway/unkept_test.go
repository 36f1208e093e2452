package gateway_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// keeper is a fake that keeps its errors under the key.
type keeper struct{ *fake }

func (k keeper) Capabilities() gateway.Capabilities {
	a := k.fake.Capabilities()
	a.KeepsErrors = true
	return a
}

// Refused credentials that a gateway keeps under the key are asked about; those that it does not keep leave the charge to be sent again
// when our account is in order.
func TestRefusedCredentialsThatAreNotKept(t *testing.T) {
	for unkept, want := range map[bool]payment.Outcome{
		true:  {Kind: payment.Misconfigured, Reason: "401", Unkept: true},
		false: {Kind: payment.InDoubt, Reason: "401", LookUpOnly: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{charge: in(payment.Outcome{Kind: payment.Misconfigured, Reason: "401", Unkept: unkept})}
			l := gateway.Defaults()
			l.Tries, l.Now = 1, time.Now
			p := gateway.Limit("main", keeper{f}, l)
			defer p.Close()
			o, doubted := p.Charge(t.Context(), payment.Charge{Key: "k"}, false)
			require.Equal(t, want, o)
			require.Equal(t, !unkept, doubted)
		})
	}
}

// A payment that was never tried to the end was declined by nobody: once it is cancelled it is tried anew, and uses up no stage.
func TestAPaymentThatWasNeverTriedIsTriedLater(t *testing.T) {
	for class, want := range map[payment.Class]payment.Kind{"": payment.TryLater, payment.Action: payment.Refused} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{
				charge: in(payment.Outcome{LookUpOnly: true, Unfinished: true, PaymentID: "pi_1", Decline: payment.Decline{Class: class, Code: "c"}}),
				change: func(int) payment.Reply { return payment.Reply{Effect: payment.EffectDone} },
			}
			o, _ := pace(t, f, once).Charge(t.Context(), payment.Charge{Key: "k"}, false)
			require.Equal(t, payment.Outcome{Kind: want, PaymentID: "pi_1", Decline: payment.Decline{Class: class, Code: "c"}}, o)
		})
	}
}
