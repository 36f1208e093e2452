package toss

import (
	"duly/internal/gateway"
	"duly/internal/payment"
)

var _ gateway.ChargeChecker = (*Client)(nil)

// CheckCharge implements [gateway.ChargeChecker].
func (*Client) CheckCharge(charge payment.Charge) error {
	_, err := encode(charge)
	return err
}
