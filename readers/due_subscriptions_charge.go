package readers

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/amounts"
	"duly/internal/batch"
	"duly/internal/billable"
	"duly/internal/billing"
	"duly/internal/billing/notice"
	"duly/internal/billing/planned"
	"duly/internal/claims"
	"duly/internal/inserted"
	"duly/internal/methods"
	"duly/internal/mysql/sqltext"
	"duly/internal/store"
)

// DueCharges claims the charges of a run that issues and collects. It issues the due subscriptions and claims the first attempts of their
// invoices in the same transaction, wherever they may be charged now: such an invoice is born charging. Any other is born open.
//
// It walks three times: over the invoices that earlier runs left open, so that the oldest come first; over the due subscriptions; and
// over the open invoices again, which is the walk that [OpenInvoices] promises, and meets what was born open.
//
// A page of subscriptions that cannot be written is read again one by one, and a row that fails alone is issued by Alone.
type DueCharges struct {
	Open *OpenInvoices
	// Next returns the walk over due subscriptions that a claim goes on with; nil: there is none left. Took is called with a page of it that
	// was committed, and what it issued.
	Next func() *DueSubscriptions
	Took func(page DueSubscriptionsPage, issued batch.Tally)
	// Alone issues the next page of the walk without charging, and deals with its failures.
	Alone func(ctx context.Context) (more bool)
	// Decide says what becomes of a due subscription, with what planned changes make of it; Issue writes it within the claim's transaction.
	Decide func(DueSubscription, *planned.Plan) billing.Issue
	Issue  func(ctx context.Context, tx *sqlx.Tx, issued []billing.Issued) (inserted.Invoices, batch.Tally, error)

	earlier bool // the invoices that earlier runs left open were walked
}

// IssueClaim is the name of the transaction that issues invoices and claims their first attempts.
const IssueClaim = "issue-claim"

// Read implements batch.Reader.
func (d *DueCharges) Read(ctx context.Context, want batch.ClaimRequest) (batch.Claim[billing.Claimed], error) {
	switch {
	case want.Postponed:
	case !d.earlier:
		return d.readEarlier(ctx, want)
	default:
		if due := d.Next(); due != nil {
			return d.readDue(ctx, due, want)
		}
	}
	return d.Open.Read(ctx, want)
}

// readEarlier makes the next claim of the first walk. It waits for no lock: the last walk does.
func (d *DueCharges) readEarlier(ctx context.Context, want batch.ClaimRequest) (batch.Claim[billing.Claimed], error) {
	c, err := d.Open.readNext(ctx, want)
	if err != nil {
		return batch.Claim[billing.Claimed]{}, store.Breached(ctx, err)
	}
	if d.Open.walk.Phase != claims.Forward {
		d.Open.walk.Restart(claims.Forward)
		d.earlier = true
	}
	return batch.Claim[billing.Claimed]{Items: c.items, Postponed: d.Open.later.Names()}, nil
}

// readDue issues the next page of due subscriptions, and claims what of it may be charged now.
func (d *DueCharges) readDue(ctx context.Context, due *DueSubscriptions, want batch.ClaimRequest) (batch.Claim[billing.Claimed], error) {
	none, limit := batch.Claim[billing.Claimed]{Postponed: d.Open.later.Names()}, due.walk.Limit(want.Limit)
	c := &dueClaim{}
	lease, err := claims.LeaseName()
	if err == nil {
		err = claims.Make(ctx, d.Open.DB, IssueClaim, func(tx *sqlx.Tx) error {
			*c = dueClaim{openInvoicesClaim: openInvoicesClaim{lease: lease}}
			return d.transact(ctx, tx, c, due, want)
		}, func() (bool, error) { return c.tookEffect(ctx, d.Open.DB) })
	}
	if err != nil {
		kind, err := d.Open.failures.KindOf(ctx, d.Open.DB, err)
		switch err = due.walk.Failed(kind, err, limit); {
		case err == nil:
		case limit == 1 && c.page.seen == 1 && !claims.Retried(kind):
			d.Alone(ctx)
		default:
			return none, store.Breached(ctx, err)
		}
		return none, nil
	}
	d.Open.failures.Succeeded()
	c.confirmed(batch.Execution(ctx))
	d.Took(c.page, c.issued)
	none.Items = c.items
	return none, nil
}

// dueClaim is what one transaction issued and claimed.
type dueClaim struct {
	openInvoicesClaim

	page   DueSubscriptionsPage
	issued batch.Tally
}

// transact locks the subscriptions, and then writes rows that no other transaction can have locked. So it waits for nobody while it holds
// a lock that a claim of open invoices, which locks the invoice first, may wait for.
func (d *DueCharges) transact(ctx context.Context, tx *sqlx.Tx, c *dueClaim, due *DueSubscriptions, want batch.ClaimRequest) error {
	var err error
	if c.page, err = due.readPage(ctx, tx, want.Limit, billable.SuspectDates, methods.Counting{Rules: d.Open.Policy.Network, At: d.Open.Now()}); err != nil || len(c.page.Rows) == 0 {
		return err
	}
	issued := make([]billing.Issued, len(c.page.Rows))
	tries, err := billable.Ledger(ctx, tx, c.page.Rows, d.Open.Policy.Network, c.page.crowded, c.page.at)
	if err != nil {
		return err
	}
	invoices := make([]billing.Invoice, len(issued))
	for i, row := range c.page.Rows {
		issued[i] = billing.Issued{Subscription: &c.page.Rows[i].Subscription, Issue: d.Decide(row, c.page.Plans[row.ID])}
		invoices[i], _ = issued[i].Invoice()
	}
	// Only a price that was applied is approved.
	if err = c.page.Plans.Write(ctx, tx, due.Changes, d.Open.Now()); err != nil {
		return err
	}
	verdicts, err := amounts.Judge(ctx, tx, d.Open.Policy.Guards, invoices)
	if err != nil {
		return err
	}
	charges, rooms := make([]charge, 0, len(issued)), want.Rooms()
	for i, row := range c.page.Rows {
		inv, first, ok := billing.FirstCharge(issued[i], d.Open.Policy, d.Open.Today(), d.Open.Known)
		plan := c.page.Plans[row.ID]
		ok = ok && !plan.Waits(d.Open.Today()) && !notice.Needed(inv, 0, d.Open.Policy.Of(row.DunningPolicy))
		if !ok || verdicts[i].Held() || want.Skip(row.Gateway) || tries.Take(row.NetworkKey(inv.Money), d.Open.Policy.Of(row.DunningPolicy).MaxTries).Held() || !rooms.Take(row.Gateway) {
			continue // the last walk claims it, or says why it waits
		}
		issued[i].Charging = true
		charges = append(charges, d.Open.charge(&invoices[i], issued[i].Subscription, first))
	}
	var in inserted.Invoices
	if in, c.issued, err = d.Issue(ctx, tx, issued); err != nil || len(charges) == 0 {
		return err
	}
	if err := born(ctx, tx, in, charges); err != nil {
		return err
	}
	return d.Open.attemptFirst(ctx, tx, &c.openInvoicesClaim, charges)
}

// born gives charges the ids of their invoices, which are among those that the transaction has inserted.
func born(ctx context.Context, tx *sqlx.Tx, in inserted.Invoices, charges []charge) error {
	keys := make([]store.InvoiceKey, len(charges))
	for i, ch := range charges {
		keys[i] = store.InvoiceKey{Subscription: ch.sub.ID, Due: ch.inv.Due}
	}
	ids, err := in.IDs(ctx, tx, keys)
	if err != nil {
		return err
	}
	for i, id := range ids {
		charges[i].inv.ID = id
	}
	return nil
}

// attemptFirst writes the first attempts on invoices that were born charging.
func (s *OpenInvoices) attemptFirst(ctx context.Context, tx *sqlx.Tx, c *openInvoicesClaim, charges []charge) error {
	at, now := s.instant()
	run := batch.Execution(ctx).Run.ID
	rows := sqltext.NewRows(insertAttempts, len(charges))
	for i := range charges {
		charges[i].insert(rows, c.lease, run, now)
	}
	written, err := inserted.Attempts(ctx, tx, s.Server, rows)
	if err != nil {
		return err
	}
	return s.items(ctx, tx, c, charges, written, now, at)
}
