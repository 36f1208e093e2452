package decide

import (
	"context"
	"time"

	"duly/internal/billing"
	"duly/internal/exit"
	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/session"
	"duly/internal/store"
	"duly/steps"
)

// inquiry is a charge that an operator settles, as the tables have it.
type inquiry struct {
	steps.Inquiry

	gateway string
	account uint32         // that it was sent to; 0: it counts as today's
	sent    payment.Window // when its first request left
	itself  string         // the key of a charge that is succeeded here, and no control of its own; empty: it is not
}

// inquired is what an inquiry brought. known is false if this host's configuration has no such gateway: then nothing was
// asked.
type inquired struct {
	evidence   payment.Evidence
	guarantees billing.Guarantees
	known      bool
}

// inquire asks the gateway about a charge that an operator settles.
func inquire(ctx context.Context, ses *session.Session, db *session.Database, q inquiry, business func() time.Time) (inquired, error) {
	c, err := ses.Load()
	if err != nil {
		return inquired{}, err
	}
	g, ok := c.Gateways[q.gateway]
	if !ok {
		return inquired{evidence: steps.Uninquired(q.gateway, business)}, nil
	}
	paced, err := ses.Paced(q.gateway, g)
	if err != nil {
		return inquired{}, err
	}
	defer paced.Close()
	able := paced.Capabilities()
	if err := q.history(ctx, db, able, business); err != nil {
		return inquired{}, exit.Failed(err)
	}
	return inquired{
		evidence:   steps.Inquire(ctx, paced, q.Inquiry, &steps.Controls{Now: business}, business),
		guarantees: billing.Guarantees{KeyLife: able.KeyLife, Longest: able.LongestRequest, LookupOutlivesKey: able.LookupOutlivesKey},
		known:      true,
	}, nil
}

// history finds out whether q was sent to the account that the gateway is called at today, and by which payments its
// absence there is checked.
func (q *inquiry) history(ctx context.Context, db *session.Database, able gateway.Capabilities, business func() time.Time) error {
	controls, err := controlsOf(ctx, db, q.gateway, able, business)
	if err != nil {
		return err
	}
	same, err := controls.Today(ctx, q.gateway, q.account)
	if err != nil {
		return err
	}
	if q.Elsewhere = !same; q.Elsewhere || q.Named != "" {
		return nil
	}
	found, err := controls.For(ctx, q.gateway, []payment.Window{q.sent})
	if err != nil {
		return err
	}
	q.Controls = found[0].Without(q.itself)
	return nil
}

// controlsOf finds the payments that a gateway took where it is called today.
func controlsOf(ctx context.Context, db *session.Database, name string, able gateway.Capabilities, business func() time.Time) (*store.Controls, error) {
	today, err := query.AccountRow(ctx, db.DB, payment.Account{Gateway: name, Address: able.Address, ID: able.Account})
	if err != nil {
		return nil, err
	}
	return &store.Controls{
		DB: db.DB, Accounts: map[string]uint32{name: today}, Retention: func(string) time.Duration { return able.Retention }, Now: business,
	}, nil
}
