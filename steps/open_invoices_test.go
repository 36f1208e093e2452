package steps_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/payment"
	"duly/steps"
)

// What is known of a charge before its first request keeps it from being sent.
func TestNothingIsSentOfWhatIsKnown(t *testing.T) {
	for name, c := range map[string]struct {
		change func(item *billing.Claimed)
		want   billing.Answer
	}{
		"an answer that was kept": {
			func(item *billing.Claimed) { item.Kept = &payment.Outcome{Kind: payment.Paid, PaymentID: "pay_1"} },
			billing.Answer{Outcome: payment.Outcome{Kind: payment.Paid, PaymentID: "pay_1"}, Found: true, Kept: true},
		},
		"a period that a gateway lists a charge of": {
			func(item *billing.Claimed) { item.Held = "duly adopt main" },
			billing.Answer{Outcome: payment.Outcome{Kind: payment.NotExecuted, Reason: "duly adopt main"}},
		},
		"an answer to another charge": {
			func(item *billing.Claimed) { item.Doubted = true },
			billing.Answer{Outcome: payment.Outcome{Reason: "an answer is kept under its key that is not one to this charge"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, item := ordinary(), claimed(0)
				c.change(&item)
				got := process(t.Context(), t, &steps.OpenInvoices{Gateways: gateways(t, p), Brake: &steps.Brake{}, Now: time.Now}, item, nil)
				require.Empty(t, p.sent)
				require.Equal(t, c.want, got.Answer)
			})
		})
	}
}
