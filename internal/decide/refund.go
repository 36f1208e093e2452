package decide

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/gateway"
	"duly/internal/mysql"
	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/refundrows"
	"duly/internal/refunds"
	"duly/internal/session"
	"duly/internal/suspicion"
	"duly/steps"
)

// RefundFlags are the flags of `duly refund`.
type RefundFlags struct {
	Amount                                  int64 // minor units; 0: all that is left
	Payment                                 uint64
	Reason                                  string
	Restock, EndSubscription, GiveBack, Dry bool
	Again                                   bool // also beside a refund of the same amount that is not settled
}

// RequestedRefund is the document of `duly refund`.
type RequestedRefund struct {
	What     string           `json:"what"` // invoice or order
	ID       uint64           `json:"id"`
	Refund   uint64           `json:"refund_id,omitempty"` // left out with --dry-run
	Payment  uint64           `json:"payment_id,omitempty"`
	Amount   int64            `json:"amount"` // minor units that are asked for
	Paid     int64            `json:"paid_amount"`
	Refunded int64            `json:"refunded_amount"` // that are recorded as refunded already
	Currency string           `json:"currency"`
	Gateway  string           `json:"gateway"`
	FollowUp refunds.FollowUp `json:"follow_up,omitempty"`
	Restock  bool             `json:"restock"`
	DryRun   bool             `json:"dry_run"`
	Pending  []PendingRefund  `json:"pending"` // refunds of the same payment that are executed before it
	Next     string           `json:"next"`
}

// PendingRefund is a refund of the same payment that is not settled.
type PendingRefund struct {
	Refund uint64 `json:"refund_id"`
	Status string `json:"status"`
	Amount *int64 `json:"amount"` // minor units; null: all that is left
}

// Check returns all mistakes of the command line.
func (f RefundFlags) Check(what string, args []string) (id uint64, err error) {
	var found []error
	if len(args) != 1 {
		found = append(found, fmt.Errorf("say which %s, by its id: duly refund %s 7 --reason \"…\"", what, what))
	} else if id, err = cli.ReadID(args[0]); err != nil {
		found = append(found, err)
	}
	if !session.HasReason(f.Reason) {
		found = append(found, errors.New("--reason: say why, for those who ask later"))
	}
	if f.EndSubscription && f.GiveBack {
		found = append(found, errors.New("--end-subscription and --give-period-back: one of them"))
	}
	return id, errors.Join(found...)
}

// Refund requests a refund for an operator. The next run with the step refund executes it.
func Refund(ctx context.Context, ses *session.Session, db *session.Database, what string, id uint64, f RefundFlags) error {
	r := refunds.Refund{Amount: f.Amount, Reason: f.Reason, Restock: f.Restock, RequestedBy: session.OperatorName()}
	switch {
	case f.EndSubscription:
		r.FollowUp = refunds.EndSubscription
	case f.GiveBack:
		r.FollowUp = refunds.GivePeriodBack
	}
	next := "duly run reconcile --step refund"
	if what == "order" {
		paid, err := operator.PaymentToRefund(ctx, db.DB, id, f.Payment)
		if err != nil {
			return RefusedOr(err)
		}
		r.PaymentID = paid
		next += fmt.Sprintf(" --order %d", id)
	} else {
		r.InvoiceID = id
	}
	target, pending, err := operator.RefundTarget(ctx, db.DB, r, f.Again)
	if err != nil {
		return RefusedOr(err)
	}
	v := RequestedRefund{
		What: what, ID: id, Payment: r.PaymentID, Amount: r.Amount, Paid: target.Paid.Amount, Refunded: target.Recorded, Currency: target.Paid.Currency, Gateway: target.Gateway,
		FollowUp: r.FollowUp, Restock: r.Restock, DryRun: f.Dry, Next: next,
	}
	if v.Amount == 0 {
		v.Amount = pending.Left(v.Paid - v.Refunded)
	}
	v.Pending = []PendingRefund{}
	for _, p := range pending {
		one := PendingRefund{Refund: p.ID, Status: string(p.Status)}
		if p.Amount > 0 {
			one.Amount = &p.Amount
		}
		v.Pending = append(v.Pending, one)
	}
	if !f.Dry {
		if v.Refund, err = operator.RequestRefund(ctx, db.DB, r, f.Again, session.ActionOn("refund", what, id, f.Reason, nil)); errors.Is(err, mysql.ErrCommitUnknown) {
			return exit.Failed(fmt.Errorf("%w; duly show %s %d says whether the refund was requested: if it was not, type the command again", err, what, id))
		} else if err != nil {
			return RefusedOr(err)
		}
	}
	if ses.Screen.JSON {
		return ses.Screen.Print(v)
	}
	for _, p := range pending {
		ses.Screen.Line("%s comes before it", p.Named(target))
	}
	money := payment.Money{Amount: v.Amount, Currency: v.Currency}
	paid := payment.Money{Amount: v.Paid, Currency: v.Currency}
	if f.Dry {
		ses.Screen.Line("%s of %s would be refunded at %s; nothing was requested", money, paid, v.Gateway)
		return nil
	}
	ses.Screen.Line("refund %d: %s of %s, at %s", v.Refund, money, paid, v.Gateway)
	ses.Screen.Command("%s", next)
	return nil
}

// resolveRefund settles a refund in review as an operator decided; it asks the gateway about the payment first.
func resolveRefund(ctx context.Context, ses *session.Session, db *session.Database, id uint64, _ string, as payment.Resolution, action operator.Action) (string, error) {
	if as == payment.AsCancelled {
		business, err := ses.Clock(ctx, db.DB)
		if err != nil {
			return "", err
		}
		return "nothing of it was sent, and nothing will be", operator.CancelRefund(ctx, db.DB, id, business(), action)
	}
	if err := suspicion.Settled(ctx, ses, db, fmt.Sprintf("duly resolve refund %d --as %s --reason …", id, as)); err != nil {
		return "", err
	}
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return "", err
	}
	seen, err := operator.RefundInReview(ctx, db.DB, id, "")
	if err != nil {
		return "", err
	}
	word := refunds.Word{As: as, Reason: action.Reason, Begun: business()}
	if as != payment.AsIgnored && seen.Gateway != "" && !seen.Executed() {
		if err = askAbout(ctx, ses, db, seen, &word, business); err != nil {
			return "", err
		}
	}
	if err := word.Takes(seen); err != nil {
		return "", exit.Usage(err)
	}
	followed, err := operator.ResolveRefund(ctx, db.DB, seen, word, business(), action)
	if err != nil {
		return "", err
	}
	return strings.Join(append([]string{seen.Follows(as)}, followed...), "; "), nil
}

// askAbout asks the gateway of a refund about its payment, and completes word by what that brought.
func askAbout(ctx context.Context, ses *session.Session, db *session.Database, c refunds.Claimed, word *refunds.Word, business func() time.Time) error {
	configured, err := ses.Load()
	if err != nil {
		return err
	}
	g, ok := configured.Gateways[c.Gateway]
	if !ok {
		return nil
	}
	paced, err := ses.Paced(c.Gateway, g)
	if err != nil {
		return err
	}
	defer paced.Close()
	word.Longest = paced.Capabilities().LongestRequest
	source, err := controlsOf(ctx, db, c.Gateway, paced.Capabilities(), business)
	if err != nil {
		return exit.Failed(err)
	}
	if word.Elsewhere, err = refundrows.Elsewhere(ctx, source, c); err != nil {
		return exit.Failed(err)
	}
	if source.Accounts[c.Gateway] == 0 && word.Elsewhere == "" {
		word.Elsewhere = fmt.Sprintf("no run has called gateway %[1]s where gateways.%[1]s.url leads today: fix it", c.Gateway)
	}
	which := c.Which()
	which.RequestID = fmt.Sprintf("refund:%d", c.Refund.ID)
	ctx = gateway.WithCustomer(ctx, c.CustomerID)
	if word.Sight = paced.Look(ctx, which); word.As == payment.AsNotExecuted && word.Sight.Payment != nil {
		// A copy of the account may not have the refund.
		controls := &steps.Controls{Now: business}
		word.Doubtful = controls.ShowsNewest(ctx, paced, source)
	}
	return nil
}

func previewRefund(ctx context.Context, ses *session.Session, db *session.Database, id uint64, as payment.Resolution) (string, error) {
	if as == payment.AsCancelled {
		return "it would be taken back", operator.RefundToCancel(ctx, db.DB, id)
	}
	c, err := operator.RefundInReview(ctx, db.DB, id, "")
	switch {
	case err != nil:
		return "", err
	case as == payment.AsIgnored && c.Executed():
		return c.Follows(as), nil
	case as == payment.AsIgnored:
		return "it would never be sent again", nil
	}
	if why := c.Alone(as); why != "" {
		return "", exit.Usagef("%s", why)
	}
	return asked(ses, "refund", id, "its payment", c.Gateway, as)
}
