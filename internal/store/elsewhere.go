package store

import (
	"context"
	"fmt"
	"slices"

	"duly/internal/mysql"
	"duly/internal/orders"
)

const bookedAt = `SELECT account_id FROM bookings
WHERE account_id IN (?) AND gateway_payment_id = ? AND kind = 'payment' AND row_id = ? AND proof IS NOT NULL ORDER BY account_id`

// Elsewhere implements steps.ControlSource. A payment was taken where it is booked by proof; one that is not booked so was taken
// elsewhere if it is older than the account that the gateway is called at, and an older account is there.
func (c *Controls) Elsewhere(ctx context.Context, p orders.Payment) (why string, err error) {
	g, err := c.group(ctx, p.Gateway)
	if err != nil || len(g.today) == 0 || len(g.today) == len(g.all) {
		return "", err
	}
	var booked []uint32
	if p.TransactionKey != "" {
		if err := mysql.SelectIn(ctx, c.DB, &booked, bookedAt, g.all, p.TransactionKey, p.ID); err != nil {
			return "", fmt.Errorf("read where gateway %s took a payment: %w", p.Gateway, mysql.Classify(ctx, err))
		}
	}
	var at Account
	switch {
	case slices.ContainsFunc(booked, func(account uint32) bool { return slices.Contains(g.today, account) }):
		return "", nil
	case len(booked) > 0:
		at = g.known[booked[len(booked)-1]]
	case p.CreatedAt.Before(g.since) && g.first.Since.Before(g.since):
		at = g.first
	default:
		return "", nil
	}
	return fmt.Sprintf("what gateway %[1]s took at %[2]s is not refunded or cancelled at %[3]s: if it has moved, duly doctor --moved %[1]s %[2]s; else fix gateways.%[1]s.url",
		p.Gateway, at.Address, g.known[c.Accounts[p.Gateway]].Address), nil
}
