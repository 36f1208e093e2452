package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

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

func requeueCommand(ses *Session) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "requeue",
		Short: "Make invoices, orders or events due again",
		Long: "Makes rows due again that wait for a person, once what was wrong is put right, and records who did it. What is\n" +
			"unsettled is refused, and the line says what to do instead; so is an invoice whose rejected attempt is not proven to\n" +
			"have taken no money: the gateway is asked first. Exit code 2 if one is refused; the others are done.\n" +
			"Exit code 4, for invoices, for some minutes after the database has lost commits.\n\n" +
			"Instead of ids the filters of duly list take many: without --yes it only shows what would be done; with it each is\n" +
			"done in a transaction of its own. It may be typed again.",
		Example: "  duly requeue invoice 7 8 9\n" +
			"  duly requeue invoice --gateway main --matching \"not configured\"\n" +
			"  duly requeue event --dead --sink webhook --reason \"it is up again\" --yes",
	}
	for _, r := range requeuers(ses) {
		cmd.AddCommand(requeueOne(ses, r))
	}
	group(cmd)
	return cmd
}

func requeueOne(ses *Session, r requeuer) *cobra.Command {
	var reason string
	var many manyFlags
	cmd := &cobra.Command{
		Use: r.what + " [ID…]", Short: r.short, Args: cobra.ArbitraryArgs,
		Example:           "  duly requeue " + r.what + " 7 8\n  duly requeue " + r.what + r.many + " --yes",
		ValidArgsFunction: completeWaiting(ses, r.what),
		RunE: func(cmd *cobra.Command, args []string) error {
			do := func(db *database, id uint64) error {
				return r.do(cmd.Context(), ses, db, id, newAction("requeue", r.what, id, reason, nil), many.sinks)
			}
			if many.given(cmd.Flags()) {
				if err := many.check(ses, args); err != nil {
					return usage(err)
				}
				return ses.asOperator(cmd.Context(), func(db *database) error {
					return doMany(cmd.Context(), ses, db, many, requeueMany(r, reason, do))
				})
			}
			ids, err := idsOf(r.what, args)
			if err != nil {
				return usage(err)
			}
			return ses.asOperator(cmd.Context(), func(db *database) error {
				return requeue(ses.Screen, ids, r.what, r.next, func(id uint64) error { return do(db, id) })
			})
		},
	}
	cmd.Flags().StringVar(&reason, flagReason, "", "why: a `TEXT` for those who ask later (default none)")
	many.add(ses, cmd, r.list)
	return cmd
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
		return refuse("whether attempt %d took money must be asked, and gateways.%s is not configured here: type it where it is: duly requeue invoice %d",
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
