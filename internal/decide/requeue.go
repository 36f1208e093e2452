package decide

import (
	"context"
	"errors"
	"fmt"

	"duly/internal/billing"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/inspect"
	"duly/internal/mysql"
	"duly/internal/operator"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/session"
	"duly/internal/suspicion"
)

// Requeuer is what `duly requeue` does about one kind of row.
type Requeuer struct {
	What, Short, Next string
	List              string
	Many              string // filters, as an example
	Do                func(context.Context, *session.Session, *session.Database, uint64, operator.Action, []string) error
	// preview says why it would be refused; no gateway is asked.
	preview func(context.Context, *session.Database, uint64) (string, error)
}

// Requeuers lists what `duly requeue` does, a kind of row each.
func Requeuers(ses *session.Session) []Requeuer {
	return []Requeuer{
		{"invoice", "Charge invoices again whose row was at fault", "duly run billing", "review", " --since 2026-01-31", requeueInvoice, previewRequeue},
		{"order", "Check orders again at once, and try their refunds", "duly run reconcile", "review", " --since 2026-01-31", requeueOrder, previewRequeueOrder},
		{"event", "Deliver events again that were given up", "duly run outbox", "dead-events", " --dead --sink webhook", requeueEvent, func(context.Context, *session.Database, uint64) (string, error) {
			return "would be due again", nil
		}},
	}
}

// RequeueMany is `duly requeue` by filters.
func RequeueMany(r Requeuer, reason string, do func(*session.Database, uint64) error) Bulk {
	command := "duly requeue " + r.What
	if reason != "" {
		command += " --" + cli.FlagReason + " " + inspect.Quoted(reason)
	}
	return Bulk{
		verb: "requeue", what: r.What, command: command, next: r.Next, preview: r.preview,
		do: func(_ context.Context, db *session.Database, id uint64) (string, error) {
			return "due again", do(db, id)
		},
	}
}

// previewRequeue says what would become of an invoice.
func previewRequeue(ctx context.Context, db *session.Database, id uint64) (string, error) {
	status, past, err := operator.Requeued(ctx, db.DB, id)
	if err != nil {
		return "", err
	}
	if attempt := billing.Unproven(past); status == billing.Review && attempt != 0 {
		return fmt.Sprintf("would be due again, unless its gateway says that attempt %d took money or cannot say", attempt), nil
	}
	return "would be due again", exit.Usage(billing.Requeue(id, status, past))
}

func requeueOrder(ctx context.Context, ses *session.Session, db *session.Database, id uint64, action operator.Action, _ []string) error {
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return err
	}
	return operator.RequeueOrder(ctx, db.DB, id, business(), action, lockedOrder(id))
}

// previewRequeueOrder says what would become of an order.
func previewRequeueOrder(ctx context.Context, db *session.Database, id uint64) (string, error) {
	o, list, check, err := operator.OrderForOperator(ctx, db.DB, id, "")
	switch {
	case err != nil:
		return "", mysql.Classify(ctx, err)
	case o == nil:
		return "", cli.NoOrder(id)
	}
	return "would be due again", exit.Usage(orders.Requeue(*o, list, check))
}

// requeueInvoice makes an invoice due again. If its newest attempt ended without a proof, the gateway is asked first whether
// that took money.
func requeueInvoice(ctx context.Context, ses *session.Session, db *session.Database, id uint64, action operator.Action, _ []string) error {
	if err := suspicion.Settled(ctx, ses, db, fmt.Sprintf("duly requeue invoice %d", id)); err != nil {
		return err
	}
	status, past, err := operator.Requeued(ctx, db.DB, id)
	if err != nil {
		return err
	}
	if attempt := billing.Unproven(past); status == billing.Review && attempt != 0 {
		action.Detail = map[string]uint64{"attempt": attempt}
		if err := mustAsk(ctx, ses, db, attempt); err != nil {
			return err
		}
		reason := action.Reason
		if reason == "" {
			reason = "requeued"
		}
		_, err := settleAttempt(ctx, ses, db, attempt, "", billing.Word{As: payment.AsNotExecuted, Reason: reason}, action)
		return err
	}
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return err
	}
	return operator.RequeueInvoice(ctx, db.DB, id, business(), action)
}

// mustAsk refuses to requeue an invoice whose attempt is to be looked up where its gateway is not configured: another host can
// ask, and what it learns is better than any word.
func mustAsk(ctx context.Context, ses *session.Session, db *session.Database, attempt uint64) error {
	c, err := ses.Load()
	if err != nil {
		return err
	}
	seen, err := operator.Reviewed(ctx, db.DB, attempt)
	if err != nil {
		return err
	}
	if _, configured := c.Gateways[seen.Gateway]; !configured {
		return exit.Usagef("whether attempt %d took money must be asked, and gateways.%s is not configured here: type it where it is: duly requeue invoice %d",
			attempt, seen.Gateway, seen.Invoice.ID)
	}
	return nil
}

// IdsOf reads the ids of `duly requeue`, with every mistake at once.
func IdsOf(what string, args []string) ([]uint64, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("say which %ss, by their ids or by filters: duly requeue %s 7 8", what, what)
	}
	var ids []uint64
	var found []error
	for _, arg := range args {
		id, err := cli.ReadID(arg)
		ids, found = append(ids, id), append(found, err)
	}
	return ids, errors.Join(found...)
}

// Requeue does one row after the other, and tells of each.
func Requeue(screen *cli.Screen, ids []uint64, what, next string, do func(uint64) error) error {
	list := make([]Resolved, 0, len(ids))
	var refusals []error
	for _, id := range ids {
		r := Resolved{What: what, ID: id, Done: true, Detail: "due again: " + next}
		if err := do(id); err != nil {
			if err = RefusedOr(err); !isRefusal(err) {
				return broken(screen, list, showRequeued, refusals, err)
			}
			refusals = append(refusals, err)
			r.Done, r.Detail = false, err.Error()
		}
		list = append(list, r)
	}
	return conclude(screen, list, showRequeued, refusals)
}

func showRequeued(screen *cli.Screen, list []Resolved) {
	for _, r := range list {
		if r.Done {
			screen.Line("%s %d is %s", r.What, r.ID, r.Detail)
		}
	}
}

// requeueEvent makes an event due again at the receivers that it was given up for: those that are named, or all.
func requeueEvent(ctx context.Context, ses *session.Session, db *session.Database, id uint64, action operator.Action, sinks []string) error {
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return err
	}
	return operator.RequeueEvent(ctx, db.DB, id, business(), action, sinks...)
}
