package history

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"duly/internal/audit"
	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/store"
	"duly/writers"
)

// rejectedPeriods are the references whose money a gateway has under the key of a rejected attempt. Nothing more is sent for them, and
// nobody else is held up by them. The zero value is empty; it is safe for concurrent use.
type rejectedPeriods struct {
	mu  sync.Mutex
	why map[string]billing.RejectedAnyway
}

func (r *rejectedPeriods) add(list []billing.RejectedAnyway) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range list {
		if r.why == nil {
			r.why = map[string]billing.RejectedAnyway{}
		}
		r.why[one.Reference] = one
	}
}

// hold says why nothing is sent for a reference; nil if something may be.
func (r *rejectedPeriods) hold(reference string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one, held := r.why[reference]; held {
		return fmt.Errorf("not sent: %s", one)
	}
	return nil
}

// note records charges that are strange to the tables. Nothing more is sent to their gateway, unless rejected attempts account for all
// of them: these hold up their own periods alone. Where the database may have been restored that is not believed.
func (c *listCheck) note(ctx context.Context, x *batch.StepExecution, strange []payment.Payment, held query.KeysHeld) error {
	var rejected []billing.RejectedAnyway
	for _, p := range strange {
		if at, is := held.Attempts[p.Key]; is && billing.TakenThoughRejected(p, at) {
			rejected = append(rejected, billing.RejectedAnyway{
				Attempt: at.ID, Key: p.Key, Reference: at.Reference, Gateway: c.name, PaymentID: p.ID, Message: at.Message,
			})
		}
	}
	c.history.rejected.add(rejected)
	unknown := len(strange)
	if !c.history.restored() {
		unknown -= len(rejected)
	}
	c.found(unknown)
	return c.record(ctx, x, strange, rejected)
}

// record writes unknown charges down: what they are, and a finding for money that the gateway kept. Those that rejected attempts account
// for are adopted as any other, and their invoices go to review.
func (c *listCheck) record(ctx context.Context, x *batch.StepExecution, found []payment.Payment, rejected []billing.RejectedAnyway) error {
	h := c.history
	var findings []audit.Finding
	for _, p := range found {
		f, ok := audit.Unknown(c.name, p, nil)
		if !ok {
			continue
		}
		if at := slices.IndexFunc(rejected, func(r billing.RejectedAnyway) bool { return r.Key == p.Key }); at >= 0 {
			f.Detail.Row, f.Detail.Text = audit.Row{Table: audit.Attempts, ID: rejected[at].Attempt}.String(), rejected[at].String()
		}
		findings = append(findings, f)
	}
	return x.Retry(ctx, func(ctx context.Context) error {
		if err := writers.UnknownCharges(ctx, h.DB, c.name, h.Accounts[c.name], h.KeyPrefixes[c.name], found); err != nil {
			return err
		}
		if err := writers.RejectedAnyway(ctx, h.DB, rejected, h.Business()); err != nil {
			return err
		}
		return store.Findings(ctx, h.DB, h.Business(), findings)
	})
}
