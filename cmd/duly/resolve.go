package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/spf13/cobra"

	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/readers"
	"duly/steps"
	"duly/writers"
)

// resolved is the document of `duly resolve` and `duly requeue`, one for each row.
type resolved struct {
	What   string `json:"what"` // attempt, payment, finding, invoice, order, event
	ID     uint64 `json:"id"`
	As     string `json:"as,omitempty"`
	Done   bool   `json:"done"`
	Detail string `json:"detail"` // what happens next, or why it was refused
}

// resolveFlags are the flags of `duly resolve`.
type resolveFlags struct{ as, reason string }

func (a *app) resolveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resolve",
		Short: "Settle what is in review: an attempt, a payment or a finding",
		Long: "Settles what only a person can settle, and records who did it and why:\n\n" +
			"  --as paid GATEWAY_ID  that payment took the money; the gateway is asked\n" +
			"  --as not_executed     nothing was taken: an invoice is open again, an\n" +
			"                        order fails\n" +
			"  --as refunded         the money was given back; nothing more is charged for it\n" +
			"  --as ignored          nothing more is to be done\n\n" +
			"The gateway is asked by the charge's own key. Where it cannot say, --as not_executed is your recorded word, taken " +
			"once no request can take effect any more; for an attempt in doubt billing.give_up_after later. What is in flight is " +
			"never resolved by hand: a run asks the gateway. A payment that is still open is settled by hand once its order is in " +
			"review. Exit code 2 if it is refused, with what to type next; 4 for some minutes after the database has lost commits.",
		Example: "  duly resolve attempt 7 --as paid pay_8f3 --reason \"charged by hand on 3 May\"\n" +
			"  duly resolve payment 12 --as refunded --reason \"support gave it back\"\n" +
			"  duly resolve finding 3 --as ignored --reason \"test account\"",
	}
	add := func(what string, do func(context.Context, *database, uint64, string, payment.As, writers.Action) (string, error)) {
		var f resolveFlags
		sub := &cobra.Command{
			Use: what + " ID [GATEWAY_ID]", Short: "Settle one " + what,
			Example: "  duly resolve " + what + " 7 --as not_executed --reason \"asked the provider\"",
			Args:    cobra.ArbitraryArgs, ValidArgsFunction: a.completeWaiting(what),
			RunE: func(cmd *cobra.Command, args []string) error {
				n, as, named, err := f.read(what, args)
				if err != nil {
					return usage(err)
				}
				return a.withSchema(cmd.Context(), func(db *database) error {
					action := act("resolve", what, n, f.reason, map[string]string{"as": string(as), "payment": named})
					detail, err := do(cmd.Context(), db, n, named, as, action)
					if err != nil {
						return refusedOr(err)
					}
					if a.json {
						return a.print(resolved{What: what, ID: n, As: string(as), Done: true, Detail: detail})
					}
					a.line("%s %d resolved as %s: %s", what, n, as, detail)
					return nil
				})
			},
		}
		sub.Flags().StringVar(&f.as, "as", "", "`WHAT` became of it: paid, not_executed, refunded, ignored (needed)")
		sub.Flags().StringVar(&f.reason, "reason", "", "why: a `TEXT` for those who ask later (needed)")
		complete(sub, "as", cobra.FixedCompletions(resolutions(), cobra.ShellCompDirectiveNoFileComp))
		cmd.AddCommand(sub)
	}
	add("attempt", a.resolveAttempt)
	add("payment", a.resolvePayment)
	add("finding", a.resolveFinding)
	group(cmd)
	return cmd
}

// read checks the arguments of `duly resolve`, all at once.
func (f resolveFlags) read(what string, args []string) (id uint64, as payment.As, named string, err error) {
	var found []error
	if len(args) == 0 {
		found = append(found, fmt.Errorf("say which %s, by its id: duly resolve %s 7 --as ignored --reason \"…\"", what, what))
	} else if id, err = idOf(args[0]); err != nil {
		found = append(found, err)
	}
	if as, err = payment.ParseAs(f.as); err != nil {
		found = append(found, fmt.Errorf("--as: %w", err))
	}
	if strings.TrimSpace(f.reason) == "" {
		found = append(found, errors.New("--reason: say why, for those who ask later"))
	}
	switch {
	case len(args) > 2:
		found = append(found, fmt.Errorf("%q is one argument too many", args[2]))
	case len(args) == 2 && as != payment.AsPaid:
		found = append(found, fmt.Errorf("%q: a payment is named with --as paid alone", args[1]))
	case len(args) == 2:
		named = args[1]
	case as == payment.AsPaid && what != "finding" && len(args) == 1:
		found = append(found, fmt.Errorf("--as paid needs the gateway's id of the payment: duly resolve %s %s --as paid GATEWAY_ID", what, args[0]))
	}
	return id, as, named, errors.Join(found...)
}

// act is what is recorded of an operator's command.
func act(action, what string, id uint64, reason string, detail any) writers.Action {
	return writers.Action{Action: action, Subject: fmt.Sprintf("%s:%d", what, id), Who: operator(), Host: hostname(), Reason: reason, Detail: detail}
}

// operator is who types: the user behind sudo, if there is one.
func operator() string {
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

// refusedOr tells what an operator asked for in vain (exit 2) from an error of ours.
func refusedOr(err error) error {
	if _, ok := errors.AsType[exitError](err); ok {
		return err
	}
	if _, ok := errors.AsType[writers.RefusedError](err); ok || errors.Is(err, writers.ErrNotThere) {
		return usage(lastOf(err))
	}
	return failed(err)
}

// lastOf is the text for people: without the name of the transaction that it came from.
func lastOf(err error) error {
	if r, ok := errors.AsType[writers.RefusedError](err); ok {
		return r
	}
	text := err.Error()
	for _, transaction := range []string{"resolve", "requeue", "stop", "throttle", "adopt"} {
		text = strings.TrimPrefix(text, transaction+": ")
	}
	return errors.New(text)
}

func (a *app) resolveAttempt(ctx context.Context, db *database, id uint64, named string, as payment.As, action writers.Action) (string, error) {
	again := fmt.Sprintf("duly resolve attempt %d --as %s", id, as)
	if named != "" {
		again += " " + named
	}
	if err := a.settled(ctx, db, again+" --reason …"); err != nil {
		return "", err
	}
	word := billing.Word{As: as, Reason: action.Reason, Counts: true}
	return a.settleAttempt(ctx, db, id, named, word, action)
}

// settleAttempt asks the gateway about an attempt and settles it as an operator says. It returns how the invoice stands.
func (a *app) settleAttempt(ctx context.Context, db *database, id uint64, named string, word billing.Word, action writers.Action) (string, error) {
	c, err := a.load()
	if err != nil {
		return "", err
	}
	business, err := a.clock(ctx, db.DB)
	if err != nil {
		return "", err
	}
	seen, err := writers.Reviewed(ctx, db.DB, id)
	if err != nil {
		return "", err
	}
	word.GiveUpAfter = c.Billing.GiveUpAfter
	var found inquired
	if word.As != payment.AsIgnored {
		if found, err = a.inquire(ctx, db, inquiry{
			gateway: seen.Gateway, account: seen.Terms.Account, sent: seen.Sent(),
			Inquiry: steps.Inquiry{Charge: seen.Charge, StoredID: seen.PaymentID, Named: named, Created: seen.CreatedAt, RequestID: action.Subject},
		}, business); err != nil {
			return "", err
		}
	}
	bookings, err := a.bookings(seen.Gateway)
	if err != nil {
		return "", err
	}
	next := ""
	err = writers.ResolveAttempt(ctx, db.DB, seen, business(), bookings, action, func(locked billing.Reviewed) (billing.Resolution, error) {
		decided, err := billing.Resolve(locked, word, found.evidence, found.keeping)
		next = standing(locked, decided)
		return decided, err
	})
	return next, err
}

// standing says how the invoice stands after r.
func standing(a billing.Reviewed, r billing.Resolution) string {
	if r.Invoice == "" {
		return fmt.Sprintf("invoice %d stays %s", a.Invoice.ID, a.InvoiceStatus)
	}
	if r.Invoice == billing.Open {
		return fmt.Sprintf("invoice %d is open, the next run charges it: duly run billing --subscription %d", a.Invoice.ID, a.Invoice.SubscriptionID)
	}
	return fmt.Sprintf("invoice %d is %s", a.Invoice.ID, r.Invoice)
}

func (a *app) resolvePayment(ctx context.Context, db *database, id uint64, named string, as payment.As, action writers.Action) (string, error) {
	business, err := a.clock(ctx, db.DB)
	if err != nil {
		return "", err
	}
	order, err := readers.OrderOfPayment(ctx, db.DB, id)
	switch {
	case err != nil:
		return "", err
	case order == 0:
		return "", usagef("there is no payment %d", id)
	}
	row, charge, err := paymentOf(ctx, db, order, id)
	if err != nil {
		return "", err
	}
	var found inquired
	if as != payment.AsIgnored {
		if found, err = a.inquire(ctx, db, inquiry{
			gateway: row.Gateway, sent: payment.Window{From: row.CreatedAt, To: row.CreatedAt},
			Inquiry: steps.Inquiry{Charge: charge, StoredID: row.TransactionKey, Named: named, Created: row.CreatedAt, RequestID: action.Subject},
		}, business); err != nil {
			return "", err
		}
	}
	keeping := orders.Keeping{
		Known: found.known, KeyLife: found.keeping.KeyLife, Longest: found.keeping.Longest, FindLasts: found.keeping.FindLasts,
	}
	bookings, err := a.bookings(row.Gateway)
	if err != nil {
		return "", err
	}
	next := ""
	err = writers.ResolvePayment(ctx, db.DB, id, business(), bookings, action, lockedOrder(order), func(r orders.Reviewed) (orders.Resolution, error) {
		r.Keeping = keeping
		if changed := r.Changed(row, charge); changed != "" {
			return orders.Resolution{}, fmt.Errorf("%s of payment %d changed while the gateway was asked: duly show order %d, then try again", changed, id, order)
		}
		decided, err := orders.Resolve(r, as, action.Reason, found.evidence)
		next = fmt.Sprintf("order %d is checked by the next run: duly run reconcile --order %d", order, order)
		if decided.Reason != "" {
			next = fmt.Sprintf("order %d stays in review: %s", order, decided.Reason)
		}
		return decided, err
	})
	return next, err
}

// paymentOf reads a payment of an order, and what was charged for it.
func paymentOf(ctx context.Context, db *database, order, id uint64) (orders.Payment, payment.Charge, error) {
	o, list, _, err := readers.OrderForOperator(ctx, db.DB, order, "")
	if err != nil {
		return orders.Payment{}, payment.Charge{}, mysql.Classify(ctx, err)
	}
	for _, p := range list {
		if o != nil && p.ID == id {
			return p, p.Charge(*o), nil
		}
	}
	return orders.Payment{}, payment.Charge{}, usagef("payment %d belongs to order %d, which is not there", id, order)
}

// lockedOrder reads an order within an operator's transaction.
func lockedOrder(id uint64) writers.OrderReader {
	return func(ctx context.Context, tx *sqlx.Tx) (*orders.Order, []orders.Payment, orders.Check, error) {
		return readers.OrderForOperator(ctx, tx, id, " FOR UPDATE")
	}
}
