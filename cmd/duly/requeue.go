package main

import (
	"context"
	"errors"
	"fmt"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/operator"
	"duly/internal/orders"
	"duly/internal/payment"
)

// requeuer is what `duly requeue` does about one kind of row.
type requeuer struct {
	what, short, next string
	list              string
	many              string // filters, as an example
	do                func(context.Context, *Session, *database, uint64, operator.Action, []string) error
	// preview says why it would be refused; no gateway is asked.
	preview func(context.Context, *database, uint64) (string, error)
}

func requeuers(ses *Session) []requeuer {
	return []requeuer{
		{"invoice", "Charge invoices again whose row was at fault", "duly run billing", "review", " --since 2026-01-31", requeueInvoice, previewRequeue},
		{"order", "Check orders again at once, and try their refunds", "duly run reconcile", "review", " --since 2026-01-31", requeueOrder, previewRequeueOrder},
		{"event", "Deliver events again that were given up", "duly run outbox", "dead-events", " --dead --sink webhook", requeueEvent, func(context.Context, *database, uint64) (string, error) {
			return "would be due again", nil
		}},
	}
}

func requeueMany(r requeuer, reason string, do func(*database, uint64) error) bulk {
	command := "duly requeue " + r.what
	if reason != "" {
		command += " --" + flagReason + " " + quoted(reason)
	}
	return bulk{
		verb: "requeue", what: r.what, command: command, next: r.next, preview: r.preview,
		do: func(_ context.Context, db *database, id uint64) (string, error) { return "due again", do(db, id) },
	}
}

// previewRequeue says what would become of an invoice.
func previewRequeue(ctx context.Context, db *database, id uint64) (string, error) {
	status, past, err := operator.Requeued(ctx, db.DB, id)
	if err != nil {
		return "", err
	}
	if attempt := billing.Unproven(past); status == billing.Review && attempt != 0 {
		return fmt.Sprintf("would be due again, unless its gateway says that attempt %d took money or cannot say", attempt), nil
	}
	return "would be due again", usage(billing.Requeue(id, status, past))
}

func requeueOrder(ctx context.Context, ses *Session, db *database, id uint64, action operator.Action, _ []string) error {
	business, err := ses.clock(ctx, db.DB)
	if err != nil {
		return err
	}
	return operator.RequeueOrder(ctx, db.DB, id, business(), action, lockedOrder(id))
}

// previewRequeueOrder says what would become of an order.
func previewRequeueOrder(ctx context.Context, db *database, id uint64) (string, error) {
	o, list, check, err := operator.OrderForOperator(ctx, db.DB, id, "")
	switch {
	case err != nil:
		return "", mysql.Classify(ctx, err)
	case o == nil:
		return "", noOrder(id)
	}
	return "would be due again", usage(orders.Requeue(*o, list, check))
}

// requeueInvoice makes an invoice due again. If its newest attempt ended without a proof, the gateway is asked first whether
// that took money.
func requeueInvoice(ctx context.Context, ses *Session, db *database, id uint64, action operator.Action, _ []string) error {
	if err := settled(ctx, ses, db, fmt.Sprintf("duly requeue invoice %d", id)); err != nil {
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
	business, err := ses.clock(ctx, db.DB)
	if err != nil {
		return err
	}
	return operator.RequeueInvoice(ctx, db.DB, id, business(), action)
}

// mustAsk refuses to requeue an invoice whose attempt is to be looked up where its gateway is not configured: another host can
// ask, and what it learns is better than any word.
func mustAsk(ctx context.Context, ses *Session, db *database, attempt uint64) error {
	c, err := ses.load()
	if err != nil {
		return err
	}
	seen, err := operator.Reviewed(ctx, db.DB, attempt)
	if err != nil {
		return err
	}
	if _, configured := c.Gateways[seen.Gateway]; !configured {
		return usagef("whether attempt %d took money must be asked, and gateways.%s is not configured here: type it where it is: duly requeue invoice %d",
			attempt, seen.Gateway, seen.Invoice.ID)
	}
	return nil
}

// idsOf reads the ids of `duly requeue`, with every mistake at once.
func idsOf(what string, args []string) ([]uint64, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("say which %ss, by their ids or by filters: duly requeue %s 7 8", what, what)
	}
	var ids []uint64
	var found []error
	for _, arg := range args {
		id, err := idOf(arg)
		ids, found = append(ids, id), append(found, err)
	}
	return ids, errors.Join(found...)
}

// requeue does one row after the other, and tells of each.
func requeue(screen *Screen, ids []uint64, what, next string, do func(uint64) error) error {
	list := make([]resolved, 0, len(ids))
	var refusals []error
	for _, id := range ids {
		r := resolved{What: what, ID: id, Done: true, Detail: "due again: " + next}
		if err := do(id); err != nil {
			err = refusedOr(err)
			if exit, ok := errors.AsType[exitError](err); !ok || exit.code != batch.ExitUsage {
				return err
			}
			refusals = append(refusals, err)
			r.Done, r.Detail = false, err.Error()
		}
		list = append(list, r)
	}
	if screen.json {
		if err := screen.print(list); err != nil {
			return err
		}
	}
	for _, r := range list {
		if r.Done && !screen.json {
			screen.line("%s %d is %s", what, r.ID, r.Detail)
		}
	}
	return usage(errors.Join(refusals...))
}

// requeueEvent makes an event due again at the receivers that it was given up for: those that are named, or all.
func requeueEvent(ctx context.Context, ses *Session, db *database, id uint64, action operator.Action, sinks []string) error {
	business, err := ses.clock(ctx, db.DB)
	if err != nil {
		return err
	}
	return operator.RequeueEvent(ctx, db.DB, id, business(), action, sinks...)
}
