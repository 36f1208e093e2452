package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/payment"
	"duly/writers"
)

func (a *app) requeueCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "requeue",
		Short: "Make invoices, orders or events due again",
		Long: "Makes rows due again that wait for a person, once what was wrong is put right, and records who did it. What is\n" +
			"unsettled is refused, and the line says what to do instead; so is an invoice whose rejected attempt is not proven to\n" +
			"have taken no money: the gateway is asked first. Exit code 2 if one is refused; the others are done.\n" +
			"Exit code 4, for invoices, for some minutes after the database has lost commits.",
		Example: "  duly requeue invoice 7 8 9\n" +
			"  duly requeue event 4711 --reason \"the receiver is up again\"",
	}
	add := func(what, short, next string, do func(context.Context, *database, uint64, writers.Action) error) {
		var reason string
		sub := &cobra.Command{
			Use: what + " ID…", Short: short, Example: "  duly requeue " + what + " 7 8", Args: cobra.ArbitraryArgs,
			ValidArgsFunction: a.completeWaiting(what),
			RunE: func(cmd *cobra.Command, args []string) error {
				ids, err := idsOf(what, args)
				if err != nil {
					return usage(err)
				}
				return a.withSchema(cmd.Context(), func(db *database) error {
					return a.requeue(ids, what, next, func(id uint64) error {
						return do(cmd.Context(), db, id, act("requeue", what, id, reason, nil))
					})
				})
			},
		}
		sub.Flags().StringVar(&reason, "reason", "", "why: a `TEXT` for those who ask later (default none)")
		cmd.AddCommand(sub)
	}
	add("invoice", "Charge invoices again whose row was at fault", "duly run billing", a.requeueInvoice)
	add("order", "Check orders again at once, and try what they are to be given back", "duly run reconcile", func(ctx context.Context, db *database, id uint64, action writers.Action) error {
		business, err := a.clock(ctx, db.DB)
		if err != nil {
			return err
		}
		return writers.RequeueOrder(ctx, db.DB, id, business(), action, lockedOrder(id))
	})
	add("event", "Deliver events again that were given up", "duly run outbox", a.requeueEvent)
	group(cmd)
	return cmd
}

// requeueInvoice makes an invoice due again. If its newest attempt ended without a proof, the gateway is asked first whether
// that took money.
func (a *app) requeueInvoice(ctx context.Context, db *database, id uint64, action writers.Action) error {
	if err := a.settled(ctx, db, fmt.Sprintf("duly requeue invoice %d", id)); err != nil {
		return err
	}
	status, past, err := writers.Requeued(ctx, db.DB, id)
	if err != nil {
		return err
	}
	if attempt := billing.Unproven(past); status == billing.Review && attempt != 0 {
		action.Detail = map[string]uint64{"attempt": attempt}
		if err := a.mustAsk(ctx, db, attempt); err != nil {
			return err
		}
		reason := action.Reason
		if reason == "" {
			reason = "requeued"
		}
		_, err := a.settleAttempt(ctx, db, attempt, "", billing.Word{As: payment.AsNotExecuted, Reason: reason}, action)
		return err
	}
	business, err := a.clock(ctx, db.DB)
	if err != nil {
		return err
	}
	return writers.RequeueInvoice(ctx, db.DB, id, business(), action)
}

// mustAsk refuses to requeue an invoice whose attempt is to be looked up where its gateway is not configured: another host can
// ask, and what it learns is better than any word.
func (a *app) mustAsk(ctx context.Context, db *database, attempt uint64) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	seen, err := writers.Reviewed(ctx, db.DB, attempt)
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
		return nil, fmt.Errorf("say which %ss, by their ids: duly requeue %s 7 8", what, what)
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
func (a *app) requeue(ids []uint64, what, next string, do func(uint64) error) error {
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
	if a.json {
		if err := a.print(list); err != nil {
			return err
		}
	}
	for _, r := range list {
		if r.Done && !a.json {
			a.line("%s %d is %s", what, r.ID, r.Detail)
		}
	}
	return usage(errors.Join(refusals...))
}
