package decide

import (
	"context"
	"fmt"
	"time"

	"duly/internal/audit"
	"duly/internal/billing"
	"duly/internal/exit"
	"duly/internal/mysql"
	"duly/internal/operator"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/session"
	"duly/internal/suspicion"
	"duly/internal/view"
)

// resolveInvoice closes an invoice as an operator says. No gateway is asked: none has anything to say of it.
func resolveInvoice(ctx context.Context, ses *session.Session, db *session.Database, id uint64, _ string, as payment.Resolution, action operator.Action) (string, error) {
	if err := suspicion.Settled(ctx, ses, db, fmt.Sprintf("duly resolve invoice %d --as %s --reason …", id, as)); err != nil {
		return "", err
	}
	today, now, err := businessDay(ctx, ses, db)
	if err != nil {
		return "", err
	}
	closing, err := operator.CloseInvoice(ctx, db.DB, id, as, today, now, action)
	return "it is " + closed(closing), err
}

// businessDay is the business date, and the business clock's instant.
func businessDay(ctx context.Context, ses *session.Session, db *session.Database) (payment.Date, time.Time, error) {
	c, err := ses.Load()
	if err != nil {
		return 0, time.Time{}, err
	}
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return 0, time.Time{}, err
	}
	now := business()
	return payment.DateOf(now.In(c.Business.Location())), now, nil
}

// closed describes an invoice after it was closed or approved.
func closed(c billing.Closing) string {
	if c.Status == billing.Open {
		return "open, and the next run charges it, whatever its amount: duly run billing"
	}
	text := fmt.Sprintf("%s, and never charged again", c.Status)
	switch {
	case c.Stays != "":
		text += "; " + c.Stays
	case c.SubscriptionFrom != "":
		text += fmt.Sprintf("; its subscription %s → %s", c.SubscriptionFrom, c.SubscriptionTo)
		if !c.Next.IsZero() {
			text += fmt.Sprintf(", next billing date %s", c.Next)
		}
	}
	return text
}

func previewInvoice(ctx context.Context, ses *session.Session, db *session.Database, id uint64, as payment.Resolution) (string, error) {
	today, _, err := businessDay(ctx, ses, db)
	if err != nil {
		return "", err
	}
	c, err := operator.Closable(ctx, db.DB, id, today)
	if err != nil {
		return "", err
	}
	closing, err := billing.Close(c, as)
	if err != nil {
		return "", exit.Usage(err)
	}
	return "it would be " + closed(closing), nil
}

// resolveOrder settles the payment that an order waits for, or takes an order out of review whose row is gone.
func resolveOrder(ctx context.Context, ses *session.Session, db *session.Database, id uint64, named string, as payment.Resolution, action operator.Action) (string, error) {
	o, list, check, err := operator.OrderForOperator(ctx, db.DB, id, "")
	if err != nil {
		return "", mysql.Classify(ctx, err)
	}
	if o == nil {
		if as != payment.AsIgnored {
			return "", exit.Usagef("no order %d: if duly still has it in review, --as ignored ends that", id)
		}
		return "nothing of it is checked any more", operator.DismissOrder(ctx, db.DB, id, action)
	}
	p, err := orders.Through(id, list, check, as)
	if err != nil {
		return "", exit.Usage(err)
	}
	next, err := resolvePayment(ctx, ses, db, p.ID, named, as, action)
	return fmt.Sprintf("payment %d of it; %s", p.ID, next), err
}

func previewOrder(ctx context.Context, ses *session.Session, db *session.Database, id uint64, as payment.Resolution) (string, error) {
	o, list, check, err := operator.OrderForOperator(ctx, db.DB, id, "")
	switch {
	case err != nil:
		return "", mysql.Classify(ctx, err)
	case o == nil && as == payment.AsIgnored:
		return "its row is gone: it would be taken out of review", nil
	case o == nil:
		return "", exit.Usagef("no order %d: --as ignored takes it out of review", id)
	}
	p, err := orders.Through(id, list, check, as)
	if err != nil {
		return "", exit.Usage(err)
	}
	return asked(ses, "payment", p.ID, fmt.Sprintf("payment %d of it", p.ID), p.Gateway, as)
}

func previewAttempt(ctx context.Context, ses *session.Session, db *session.Database, id uint64, as payment.Resolution) (string, error) {
	seen, err := operator.Reviewed(ctx, db.DB, id)
	if err != nil {
		return "", err
	}
	if err := billing.Resolvable(seen, as); err != nil {
		return "", exit.Usage(err)
	}
	return asked(ses, "attempt", id, fmt.Sprintf("of invoice %d", seen.Invoice.ID), seen.Gateway, as)
}

func previewPayment(ctx context.Context, ses *session.Session, db *session.Database, id uint64, as payment.Resolution) (string, error) {
	order, err := operator.OrderOfPayment(ctx, db.DB, id)
	if err != nil {
		return "", err
	}
	row, _, err := paymentOf(ctx, db, order, id)
	if err != nil {
		return "", err
	}
	return asked(ses, "payment", id, fmt.Sprintf("of order %d", order), row.Gateway, as)
}

func previewFinding(_ context.Context, ses *session.Session, _ *session.Database, id uint64, as payment.Resolution) (string, error) {
	if err := audit.Takes(id, as); err != nil {
		return "", exit.Usage(err)
	}
	return asked(ses, "finding", id, "it", "", as)
}

// asked says what is done once a gateway was asked. Where it cannot be asked it is the operator's word alone that counts, and a word
// about money is said of one row at a time, by who has looked that row up.
func asked(ses *session.Session, kind string, id uint64, what, gateway string, as payment.Resolution) (string, error) {
	switch {
	case as == payment.AsIgnored:
		return what + " would be closed without asking", nil
	case gateway == "":
		return "its gateway would be asked, and refuse what it contradicts", nil
	}
	c, err := ses.Load()
	if err != nil {
		return "", err
	}
	if !view.Asks(c)(gateway) {
		return "", exit.Usagef("gateway %s cannot be asked from here, so that your word alone would count: look it up, then type it by its id: duly resolve %s %d --as %s --reason …",
			gateway, kind, id, as)
	}
	return fmt.Sprintf("%s: gateway %s would be asked, and refuse what it contradicts", what, gateway), nil
}
