package decide

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/mysql"
	"duly/internal/operator"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/query/worklist"
	"duly/internal/session"
	"duly/internal/store"
	"duly/internal/suspicion"
	"duly/steps"
)

// Resolved is the document of `duly resolve` and `duly requeue`, one for each row.
type Resolved struct {
	What   string `json:"what"` // attempt, payment, finding, invoice, order, event, refund
	ID     uint64 `json:"id"`
	As     string `json:"as,omitempty"`
	Done   bool   `json:"done"`
	Detail string `json:"detail"` // what happens next, or why it was refused
}

// ResolveFlags are the flags of `duly resolve`.
type ResolveFlags struct{ As, Reason string }

// Resolver is what `duly resolve` does about one kind of row.
type Resolver struct {
	What string
	List string
	Do   func(context.Context, *session.Session, *session.Database, uint64, string, payment.Resolution, operator.Action) (string, error)
	// preview says what would be done, or why it would be refused; no gateway is asked.
	preview func(context.Context, *session.Session, *session.Database, uint64, payment.Resolution) (string, error)
}

// Resolvers lists what `duly resolve` does, a kind of row each.
func Resolvers(ses *session.Session) []Resolver {
	return []Resolver{
		{"attempt", "review", resolveAttempt, previewAttempt},
		{"payment", "review", resolvePayment, previewPayment},
		{"invoice", "review", resolveInvoice, previewInvoice},
		{"order", "review", resolveOrder, previewOrder},
		{"finding", "findings", resolveFinding, previewFinding},
		{"refund", "review", resolveRefund, previewRefund},
		{"change", "changes", resolveChange, previewChange},
	}
}

// UsualAs is the way that examples show.
func UsualAs(what string) payment.Resolution {
	switch what {
	case "invoice":
		return payment.AsVoid
	case "change":
		return payment.AsIgnored
	}
	return payment.AsNotExecuted
}

// WaysFor lists the ways to resolve that make sense of a kind of row.
func WaysFor(what string) []payment.Resolution {
	if what == worklist.Change {
		return []payment.Resolution{payment.AsIgnored}
	}
	return slices.DeleteFunc(payment.Resolutions(), func(as payment.Resolution) bool {
		return as.OfInvoice() != (what == "invoice") || what == worklist.Refund && as == payment.AsPaid || what != worklist.Refund && as == payment.AsCancelled
	})
}

// WordsFor lists the words of --as that a kind of row takes.
func WordsFor(what string) string {
	var words []string
	for _, as := range WaysFor(what) {
		words = append(words, string(as))
	}
	return strings.Join(words, ", ")
}

// Action is what is recorded.
func (f ResolveFlags) Action(what string, id uint64, as payment.Resolution, named string) operator.Action {
	return session.ActionOn("resolve", what, id, f.Reason, map[string]string{"as": string(as), "payment": named})
}

// Read checks the arguments of `duly resolve`, all at once: ids, or one id and the payment that is named.
func (f ResolveFlags) Read(what string, args []string) (ids []uint64, as payment.Resolution, named string, err error) {
	var found []error
	if len(args) == 0 {
		found = append(found, fmt.Errorf("say which %s, by its id or by filters: duly resolve %s 7 --as %s --reason \"…\"", what, what, UsualAs(what)))
	} else {
		id, err := cli.ReadID(args[0])
		ids, found = append(ids, id), append(found, err)
	}
	if as, err = payment.ParseAs(f.As); err != nil {
		found = append(found, fmt.Errorf("--as: %w", err))
	}
	if err == nil && as == payment.AsCancelled && what != worklist.Refund {
		found = append(found, fmt.Errorf("--as: %s is no way to resolve %ss: %s", as, what, WordsFor(what)))
	}
	if !session.HasReason(f.Reason) {
		found = append(found, errors.New("--reason: say why, for those who ask later"))
	}
	switch {
	case len(args) > 2 && as == payment.AsPaid:
		found = append(found, fmt.Errorf("%q is one argument too many", args[2]))
	case len(args) > 1 && as != payment.AsPaid:
		for _, arg := range args[1:] {
			id, err := cli.ReadID(arg)
			if ids = append(ids, id); err != nil {
				found = append(found, fmt.Errorf("%q: a payment is named with --as paid alone", arg))
			}
		}
	case len(args) == 2:
		named = args[1]
	case as == payment.AsPaid && what != "finding" && what != "invoice" && what != worklist.Refund && what != worklist.Change && len(args) == 1:
		found = append(found, fmt.Errorf("--as paid needs the gateway's id of the payment: duly resolve %s %s --as paid GATEWAY_ID", what, args[0]))
	}
	return ids, as, named, errors.Join(found...)
}

// Resolve settles rows by their ids, one after the other.
func Resolve(ctx context.Context, ses *session.Session, db *session.Database, r Resolver, f ResolveFlags, ids []uint64, as payment.Resolution, named string) error {
	list := make([]Resolved, 0, len(ids))
	var refusals []error
	for _, id := range ids {
		row := Resolved{What: r.What, ID: id, As: string(as), Done: true}
		var err error
		if row.Detail, err = r.Do(ctx, ses, db, id, named, as, f.Action(r.What, id, as, named)); err != nil {
			if err = RefusedOr(err); len(ids) == 1 || !isRefusal(err) {
				return broken(ses.Screen, list, showResolved, refusals, err)
			}
			refusals = append(refusals, err)
			row.Done, row.Detail = false, err.Error()
		}
		list = append(list, row)
	}
	if ses.Screen.JSON && len(ids) == 1 {
		return ses.Screen.Print(list[0])
	}
	return conclude(ses.Screen, list, showResolved, refusals)
}

func showResolved(screen *cli.Screen, list []Resolved) {
	for _, r := range list {
		if r.Done {
			screen.Line("%s %d resolved as %s: %s", r.What, r.ID, r.As, r.Detail)
		}
	}
}

// ReadMany checks the flags for rows that filters select.
func (f ResolveFlags) ReadMany(what string) (payment.Resolution, error) {
	var found []error
	as, err := payment.ParseAs(f.As)
	switch {
	case err != nil:
		found = append(found, fmt.Errorf("--as: %w", err))
	case !slices.Contains(WaysFor(what), as):
		found = append(found, fmt.Errorf("--as: %s is no way to resolve %ss: %s", as, what, WordsFor(what)))
	case as == payment.AsPaid && what != "finding":
		found = append(found, fmt.Errorf("--as paid names one payment: type it %s by %s, duly list %s shows them", what, what, "review"))
	}
	if !session.HasReason(f.Reason) {
		found = append(found, errors.New("--reason: say why, for those who ask later"))
	}
	return as, errors.Join(found...)
}

// RefusedOr tells what an operator asked for in vain (exit 2) from an error of ours. What nobody knows to be done is asked for again: it is done once.
func RefusedOr(err error) error {
	if _, ok := errors.AsType[exit.Error](err); ok {
		return err
	}
	if _, ok := errors.AsType[store.RefusedError](err); ok || errors.Is(err, operator.ErrNotThere) {
		return exit.Usage(lastOf(err))
	}
	if errors.Is(err, mysql.ErrCommitUnknown) {
		err = fmt.Errorf("%w; type the command again: what was done is not done twice", err)
	}
	return exit.Failed(err)
}

// lastOf is the text for people: without the name of the transaction that it came from.
func lastOf(err error) error {
	if r, ok := errors.AsType[store.RefusedError](err); ok {
		return r
	}
	text := err.Error()
	for _, transaction := range []string{"resolve", "requeue", "stop", "throttle", "adopt", "reopen", "refund-ask"} {
		text = strings.TrimPrefix(text, transaction+": ")
	}
	return errors.New(text)
}

func resolveAttempt(ctx context.Context, ses *session.Session, db *session.Database, id uint64, named string, as payment.Resolution, action operator.Action) (string, error) {
	again := fmt.Sprintf("duly resolve attempt %d --as %s", id, as)
	if named != "" {
		again += " " + named
	}
	if err := suspicion.Settled(ctx, ses, db, again+" --reason …"); err != nil {
		return "", err
	}
	word := billing.Word{As: as, Reason: action.Reason, Counts: true}
	return settleAttempt(ctx, ses, db, id, named, word, action)
}

// settleAttempt asks the gateway about an attempt and settles it as an operator says. It returns how the invoice stands.
func settleAttempt(ctx context.Context, ses *session.Session, db *session.Database, id uint64, named string, word billing.Word, action operator.Action) (string, error) {
	c, err := ses.Load()
	if err != nil {
		return "", err
	}
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return "", err
	}
	seen, err := operator.Reviewed(ctx, db.DB, id)
	if err != nil {
		return "", err
	}
	if err := seen.Takes(word.As); err != nil {
		return "", exit.Usage(err)
	}
	word.GiveUpAfter = c.Billing.GiveUpAfter
	var found inquired
	if word.As != payment.AsIgnored {
		if found, err = inquire(ctx, ses, db, inquiry{
			gateway: seen.Gateway, account: seen.Terms.Account, sent: seen.Sent(),
			Inquiry: steps.Inquiry{Charge: seen.Charge, StoredID: seen.PaymentID, Named: named, Created: seen.CreatedAt, RequestID: action.Subject},
		}, business); err != nil {
			return "", err
		}
	}
	bookings, err := ses.Bookings(seen.Gateway)
	if err != nil {
		return "", err
	}
	next := ""
	err = operator.ResolveAttempt(ctx, db.DB, seen, business(), bookings, action, func(locked billing.Reviewed) (billing.Resolution, error) {
		decided, err := billing.Resolve(locked, word, found.evidence, found.guarantees)
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

func resolvePayment(ctx context.Context, ses *session.Session, db *session.Database, id uint64, named string, as payment.Resolution, action operator.Action) (string, error) {
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return "", err
	}
	order, err := operator.OrderOfPayment(ctx, db.DB, id)
	switch {
	case err != nil:
		return "", err
	case order == 0:
		return "", exit.Usagef("no payment %d; see duly show order ID", id)
	}
	row, charge, err := paymentOf(ctx, db, order, id)
	if err != nil {
		return "", err
	}
	if err := row.Takes(as); err != nil {
		return "", exit.Usage(err)
	}
	var found inquired
	if as != payment.AsIgnored {
		if found, err = inquire(ctx, ses, db, inquiry{
			gateway: row.Gateway, sent: payment.Window{From: row.CreatedAt, To: row.CreatedAt},
			Inquiry: steps.Inquiry{Charge: charge, StoredID: row.TransactionKey, Named: named, Created: row.CreatedAt, RequestID: action.Subject},
		}, business); err != nil {
			return "", err
		}
	}
	guarantees := orders.Guarantees{
		Known: found.known, KeyLife: found.guarantees.KeyLife, Longest: found.guarantees.Longest, LookupOutlivesKey: found.guarantees.LookupOutlivesKey,
	}
	bookings, err := ses.Bookings(row.Gateway)
	if err != nil {
		return "", err
	}
	next := ""
	err = operator.ResolvePayment(ctx, db.DB, id, business(), bookings, action, lockedOrder(order), func(r orders.Reviewed) (orders.Resolution, error) {
		r.Guarantees = guarantees
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
func paymentOf(ctx context.Context, db *session.Database, order, id uint64) (orders.Payment, payment.Charge, error) {
	o, list, _, err := operator.OrderForOperator(ctx, db.DB, order, "")
	if err != nil {
		return orders.Payment{}, payment.Charge{}, mysql.Classify(ctx, err)
	}
	for _, p := range list {
		if o != nil && p.ID == id {
			return p, p.Charge(*o), nil
		}
	}
	return orders.Payment{}, payment.Charge{}, exit.Usagef("payment %d belongs to order %d, which is not there", id, order)
}

// lockedOrder reads an order within an operator's transaction.
func lockedOrder(id uint64) operator.OrderReader {
	return func(ctx context.Context, tx *sqlx.Tx) (*orders.Order, []orders.Payment, orders.Check, error) {
		return operator.OrderForOperator(ctx, tx, id, " FOR UPDATE")
	}
}
