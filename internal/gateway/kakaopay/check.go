package kakaopay

import (
	"duly/internal/gateway"
	"duly/internal/payment"
)

var _ gateway.ChargeChecker = (*Client)(nil)

// CheckCharge implements [gateway.ChargeChecker].
func (c *Client) CheckCharge(charge payment.Charge) error {
	_, err := c.encode(charge)
	return err
}
