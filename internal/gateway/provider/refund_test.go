package provider_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"duly/internal/gateway/provider"
	"duly/internal/payment"
)

// A refund is done by what was refunded under its key only if that is exactly what it asks for.
func TestRefundedBeforeIsTheSameAmount(t *testing.T) {
	p := payment.Payment{ID: "pay_1", Status: payment.Succeeded}
	r := payment.Refund{ID: "pay_1", Key: "k", Amount: 500}
	assert.Equal(t, payment.Reply{Effect: payment.EffectDone, Payment: &p}, provider.RefundedBefore(p, 500, r))
	for amount, reason := range map[int64]string{
		499: "499 were refunded under its key", 501: "501 were refunded under its key", 0: "0 were refunded under its key",
	} {
		assert.Equal(t, payment.Reply{Effect: payment.EffectRefused, Reason: reason}, provider.RefundedBefore(p, amount, r))
	}
}
