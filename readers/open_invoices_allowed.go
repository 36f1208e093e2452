package readers

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/network"
	"duly/internal/methods"
)

// allowed are those of the charges that card networks allow now and that there is room for; the others are noted in c, or held.
func (s *OpenInvoices) allowed(ctx context.Context, tx *sqlx.Tx, c *openInvoicesClaim, chosen []charge, rooms *batch.Rooms) (charges []charge, held []billing.Decided, _ error) {
	keys := make([]network.Key, len(chosen))
	for i, ch := range chosen {
		keys[i] = ch.sub.NetworkKey(ch.inv.Money)
	}
	tries, err := methods.Ledger(ctx, tx, s.Policy.Network, keys, methods.Names(s.Policy.Network, keys), s.Now())
	if err != nil {
		return nil, nil, err
	}
	for i, ch := range chosen {
		switch hold := tries.Take(keys[i], s.Policy.Of(ch.sub.DunningPolicy).MaxTries); {
		case hold.Waits && !s.waiting.Tired():
			c.waiting = append(c.waiting, methods.Row{Lane: ch.sub.Gateway, ID: ch.inv.ID})
		case hold.Held():
			held = append(held, billing.Decided{Invoice: *ch.inv, Claim: billing.Hold(hold, s.Policy, s.Today())})
		case rooms.Take(ch.sub.Gateway):
			charges = append(charges, ch)
		default:
			c.full = append(c.full, methods.Row{Lane: ch.sub.Gateway, ID: ch.inv.ID})
		}
	}
	return charges, held, nil
}
