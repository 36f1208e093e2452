package gatewaytest

import (
	"context"
	"fmt"

	"duly/internal/payment"
)

// Case is one rule that a gateway keeps.
type Case struct {
	Name string
	// Why the rule matters, for people.
	Why string
	// Run returns nil if t keeps the rule, and an error that says what it did instead.
	Run func(ctx context.Context, t *Target) error
}

// Cases are all rules, in an order for reading.
func Cases() []Case {
	var all []Case
	for _, r := range table() {
		all = append(all, Case{Name: string(r.behaviour), Why: r.why, Run: r.run})
	}
	for _, more := range [][]Case{specials(), errorCases(), looks(), cancellations(), refunds(), listings()} {
		all = append(all, more...)
	}
	return all
}

// row is a case of the ordinary kind: charge, look it up, send it again under its key where that is allowed,
// look it up again, and compare with the provider's books.
type row struct {
	behaviour     Behaviour
	why           string
	first         want
	found         want
	taken         int  // payments that took money by then
	again         want // no kinds: it is not sent again
	refound       want // by look-up after that; no kinds: as again, and without failure
	takenInTheEnd int
}

func (r row) run(ctx context.Context, t *Target) error { return r.named(ctx, t, string(r.behaviour)) }

// named is run with a name that becomes part of the key.
func (r row) named(ctx context.Context, t *Target, name string) error {
	p, err := t.Start(name, r.behaviour)
	if err != nil {
		return err
	}
	r = r.under(t.Traits)
	if err := p.send(ctx, r.first); err != nil {
		return err
	}
	if err := p.find(ctx, r.found); err != nil {
		return err
	}
	if err := p.books(ctx, r.taken); err != nil {
		return err
	}
	repeatable := p.Able.KeyLife > 0 || r.first.kinds[0] == payment.NotExecuted
	if len(r.again.kinds) == 0 || !repeatable {
		return nil
	}
	if err := p.send(ctx, r.again); err != nil {
		return fmt.Errorf("the same key again: %w", err)
	}
	refound := r.refound
	if len(refound.kinds) == 0 {
		refound = r.again
		refound.failure = false
	}
	if err := p.find(ctx, refound); err != nil {
		return err
	}
	return p.books(ctx, r.takenInTheEnd)
}
