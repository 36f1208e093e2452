package readers

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/network"
	"duly/internal/claims"
)

const (
	// crowdLook is how long a claim waits that found nothing but methods which are being tried.
	crowdLook = 50 * time.Millisecond
	// crowdPatience is for how long a run waits for them to be settled. What waits longer is put off to the next day.
	crowdPatience = time.Minute
)

// crowd are invoices whose methods are being tried for others, as often as their card networks allow to be declined. They are claimed once the walk
// is at its end, as those are settled.
type crowd struct {
	rows  []fullRow
	again bool      // there are more
	since time.Time // when claims began to find nothing else; zero: they do not
	tired bool      // what waits is put off
}

func (c *crowd) reset() { c.rows, c.again = nil, false }

func (c *crowd) add(rows []fullRow) {
	for _, row := range rows {
		if len(c.rows) >= claims.MostPostponed {
			c.again = true
			return
		}
		c.rows = append(c.rows, row)
	}
}

// follow has the rows claimed with those that were postponed.
func (c *crowd) follow(later *claims.Postponed) {
	for _, row := range c.rows {
		later.Add(row.lane, row.id)
	}
	later.Again = later.Again || c.again
	c.reset()
}

// await is called after a claim of postponed rows, and waits a moment if it found nothing but rows that wait.
func (c *crowd) await(ctx context.Context, claim *openInvoicesClaim, now time.Time) {
	if len(claim.items) > 0 || len(claim.crowd) == 0 {
		c.since, c.tired = time.Time{}, false
		return
	}
	if c.since.IsZero() {
		c.since = now
	}
	c.tired = now.Sub(c.since) >= crowdPatience
	_ = batch.Wait(ctx, crowdLook) // the engine sees that the run ends
}

// allowed are those of the charges that card networks allow now and that there is room for; the others are noted in c, or held.
func (s *OpenInvoices) allowed(ctx context.Context, tx *sqlx.Tx, c *openInvoicesClaim, chosen []charge, rooms *batch.Rooms) (charges []charge, held []billing.Decided, _ error) {
	if len(chosen) == 0 {
		return nil, nil, nil
	}
	keys := make([]network.Key, len(chosen))
	for i, ch := range chosen {
		keys[i] = keyOf(ch.sub, ch.inv.Money)
	}
	now := s.Now()
	tries, err := ledger(ctx, tx, s.Policy.Network, keys, methodsOf(keys), now)
	if err != nil {
		return nil, nil, err
	}
	for i, ch := range chosen {
		hold := tries.Take(keys[i])
		row := fullRow{ch.sub.Gateway, ch.inv.ID}
		switch {
		case hold.Waits && !s.crowd.tired:
			c.crowd = append(c.crowd, row)
		case hold.Held():
			held = append(held, billing.Decided{Invoice: ch.inv, Claim: billing.Hold(hold, s.Policy, s.Today())})
		case rooms.Take(ch.sub.Gateway):
			charges = append(charges, ch)
		default:
			c.full = append(c.full, row)
		}
	}
	return charges, held, nil
}
