package decide

import (
	"context"
	"errors"
	"fmt"

	"duly/internal/billing"
	"duly/internal/billing/reopening"
	"duly/internal/cli"
	"duly/internal/mysql"
	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/session"
	"duly/internal/store"
	"duly/internal/suspicion"
	"duly/steps"
)

// ReopenInvoiceFlags are the flags of `duly reopen invoice`.
type ReopenInvoiceFlags struct {
	Reason string
	Dry    bool
}

// Read returns the ids, or all mistakes of the arguments. Without a reason nothing is changed.
func (f *ReopenInvoiceFlags) Read(args []string, reasoned bool) ([]uint64, error) {
	var found []error
	if len(args) == 0 {
		found = append(found, errors.New("say which invoices, by their ids: duly reopen invoice 7 8"))
	}
	var ids []uint64
	for _, arg := range args {
		id, err := cli.ReadID(arg)
		ids, found = append(ids, id), append(found, err)
	}
	if reasoned && !session.HasReason(f.Reason) {
		found = append(found, errors.New("--reason: say why, for those who ask later"))
	}
	f.Dry = f.Dry || f.Reason == ""
	return ids, errors.Join(found...)
}

// ReopenInvoicesView is the document of `duly reopen invoice`.
type ReopenInvoicesView struct {
	DryRun   bool              `json:"dry_run"`
	Reopened int               `json:"reopened"` // by this command, or to be
	Refused  int               `json:"refused"`
	Invoices []reopenedInvoice `json:"invoices"`
	Next     []string          `json:"next"` // commands to type
}

// reopenedInvoice is an invoice that is charged again.
type reopenedInvoice struct {
	InvoiceID        uint64       `json:"invoice_id"`
	SubscriptionID   uint64       `json:"subscription_id,omitempty"`
	AttemptID        uint64       `json:"attempt_id,omitempty"` // the attempt that paid it, and took nothing
	Stage            int          `json:"stage"`
	SubscriptionFrom string       `json:"subscription_from,omitempty"`
	SubscriptionTo   string       `json:"subscription_to,omitempty"`
	NextBilling      payment.Date `json:"next_billing_date,omitempty"` // the new date
	Done             bool         `json:"done"`
	Refused          bool         `json:"refused"`
	Detail           string       `json:"detail"` // what happens to it, or why it was refused
}

// ReopenInvoices has closed invoices charged again, each in its own transaction, or shows what would happen to them.
func ReopenInvoices(ctx context.Context, ses *session.Session, db *session.Database, ids []uint64, f ReopenInvoiceFlags) error {
	v := ReopenInvoicesView{DryRun: f.Dry, Invoices: []reopenedInvoice{}, Next: []string{}}
	var refusals []error
	for _, id := range ids {
		row, err := reopenInvoice(ctx, ses, db, id, f)
		switch err = RefusedOr(err); {
		case err == nil:
			row.Done = !f.Dry
			v.Reopened++
			v.addNext(f, row)
		case isRefusal(err):
			row = reopenedInvoice{InvoiceID: id, Refused: true, Detail: err.Error()}
			v.Refused++
			refusals = append(refusals, err)
		default:
			return err
		}
		v.Invoices = append(v.Invoices, row)
	}
	return conclude(ses.Screen, v, showReopenedInvoices, refusals)
}

// addNext adds the command that follows for an invoice.
func (v *ReopenInvoicesView) addNext(f ReopenInvoiceFlags, row reopenedInvoice) {
	if f.Dry {
		v.Next = append(v.Next, fmt.Sprintf(`duly reopen invoice %d --reason "…"`, row.InvoiceID))
		return
	}
	v.Next = append(v.Next, fmt.Sprintf("duly run billing --subscription %d", row.SubscriptionID))
}

func showReopenedInvoices(screen *cli.Screen, v ReopenInvoicesView) {
	word := "reopened"
	if v.DryRun {
		word = "would be reopened"
	}
	for _, row := range v.Invoices {
		if !row.Refused {
			screen.Line("invoice %d %s: %s", row.InvoiceID, word, row.Detail)
		}
	}
	for _, next := range v.Next {
		screen.Command("next: %s", next)
	}
}

// reopenInvoice has one invoice charged again.
func reopenInvoice(ctx context.Context, ses *session.Session, db *session.Database, id uint64, f ReopenInvoiceFlags) (reopenedInvoice, error) {
	if err := suspicion.Settled(ctx, ses, db, fmt.Sprintf("duly reopen invoice %d --reason …", id)); err != nil {
		return reopenedInvoice{}, err
	}
	c, err := ses.Load()
	if err != nil {
		return reopenedInvoice{}, err
	}
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return reopenedInvoice{}, err
	}
	d, err := operator.Reopenable(ctx, db.DB, id)
	if err != nil {
		return reopenedInvoice{}, err
	}
	now := business()
	w := operator.InvoiceReopening{
		Invoice: id, Policy: session.BillingPolicy(c), Today: payment.DateOf(now.In(c.Business.Location())), Now: now,
		Known:  func(gateway string) bool { _, ok := c.Gateways[gateway]; return ok },
		Action: session.ActionOn("reopen", "invoice", id, f.Reason, nil),
	}
	if d.Status == billing.Paid {
		return reopenPaid(ctx, ses, db, d, w, f.Dry)
	}
	var r billing.Reopening
	if f.Dry {
		if r, err = reopening.DecideEnded(d, w.Policy, w.Today, w.Known); err != nil {
			err = store.RefusedError{Why: err}
		}
	} else {
		r, err = w.Ended(ctx, db.DB)
	}
	return reopenedAs(d, 0, r), err
}

func reopenedAs(d reopening.Invoice, attempt uint64, r billing.Reopening) reopenedInvoice {
	return reopenedInvoice{
		InvoiceID: d.ID, SubscriptionID: d.SubscriptionID, AttemptID: attempt, Stage: r.Stage,
		SubscriptionFrom: string(r.SubscriptionFrom), SubscriptionTo: string(r.SubscriptionTo), NextBilling: r.Next, Detail: r.Detail,
	}
}

// reopenPaid has a paid invoice charged again if its gateway's record says that the charge which paid it took nothing.
func reopenPaid(ctx context.Context, ses *session.Session, db *session.Database, d reopening.Invoice, w operator.InvoiceReopening, dry bool) (reopenedInvoice, error) {
	paying, err := d.PayingAttempt()
	if err != nil {
		return reopenedInvoice{}, store.RefusedError{Why: err}
	}
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return reopenedInvoice{}, err
	}
	seen, err := operator.Reviewed(ctx, db.DB, paying.ID)
	if err != nil {
		return reopenedInvoice{}, mysql.Classify(ctx, err)
	}
	if dry {
		r := billing.Reopening{Stage: d.Stage, Due: w.Today, Detail: fmt.Sprintf("gateway %s would be asked about attempt %d, and must say that it was declined", seen.Gateway, paying.ID)}
		return reopenedAs(d, paying.ID, r), nil
	}
	found, err := inquire(ctx, ses, db, inquiry{
		gateway: seen.Gateway, account: seen.Terms.Account, sent: seen.Sent(), itself: seen.Charge.Key,
		Inquiry: steps.Inquiry{Charge: seen.Charge, StoredID: seen.PaymentID, Created: seen.CreatedAt, RequestID: w.Action.Subject},
	}, business)
	if err != nil {
		return reopenedInvoice{}, err
	}
	u, err := w.Paid(ctx, db.DB, seen, found.evidence)
	return reopenedAs(d, paying.ID, u.Reopening), err
}
