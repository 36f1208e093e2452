package preview

import (
	"cmp"
	"context"
	"slices"
	"time"

	"duly/internal/billing"
	"duly/internal/billing/network"
	"duly/internal/billing/notice"
	"duly/internal/billing/planned"
	"duly/internal/changes"
	"duly/internal/noticerows"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/query/worklist"
	"duly/internal/sum"
	"duly/jobs"
	"duly/readers"
)

// BillingForecast is what a billing run would do, as far as the tables tell.
type BillingForecast struct {
	// Charges are sums of what would be sent, by step, gateway and currency.
	Charges []ChargeSum `json:"charges"`
	// First are the first charges, in the order of the walk.
	First []ChargeDue `json:"first"`
	// Unsettled are earlier charges that would be asked about before anything else.
	Unsettled []ChargeSum `json:"unsettled"`
	// Limited: the limit of the run would be reached.
	Limited bool `json:"limited"`

	Free      int64 `json:"free"`                // invoices of amount 0, paid at once
	Void      int64 `json:"void"`                // invoices of subscriptions that were cancelled
	Held      int64 `json:"held"`                // charges that a card network's rule, or max_tries_30d, would put off
	Passed    int64 `json:"passed"`              // stages used up without a charge: the method was declined for good
	Ended     int64 `json:"ended"`               // invoices that would end unpaid without another charge
	Review    int64 `json:"review"`              // rows that would wait for an operator
	Unnoticed int64 `json:"unnoticed,omitempty"` // charges that wait for a delivered notice
	// HeldByPolicy are those of Held that max_tries_30d of a dunning policy would put off.
	HeldByPolicy int64 `json:"held_by_policy,omitempty"`
	// WaitingForMethod charges wait for a planned change of their payment method that cannot be applied.
	WaitingForMethod int64 `json:"waiting_for_method,omitempty"`
	LeftAlone        int64 `json:"left_alone"` // charges of gateways that are paused, or not configured here
	// Guarded are sums of the invoices that would go to review for their amounts, by currency.
	Guarded []query.MoneySum `json:"guarded,omitempty"`

	// Problems are why rows would be reviewed or left, with their first ids; MoreProblems counts the rows of others.
	Problems     []Problem `json:"problems"`
	MoreProblems int64     `json:"more_problems,omitempty"`

	// Unknown counts the charges of each gateway that wait to be adopted.
	Unknown []query.HeldGateway `json:"unknown_charges,omitempty"`
}

// ChargeSum counts charges.
type ChargeSum struct {
	Step     string `json:"step"`
	Gateway  string `json:"gateway"`
	Currency string `json:"currency"`
	Count    int64  `json:"count"`
	Amount   int64  `json:"amount"` // minor units
}

// ChargeDue is one charge that would be sent.
type ChargeDue struct {
	Step         string       `json:"step"`
	Subscription uint64       `json:"subscription_id"`
	Invoice      uint64       `json:"invoice_id,omitempty"` // left out where it is not issued yet
	Due          payment.Date `json:"due_date"`
	Attempt      int          `json:"attempt"`
	Gateway      string       `json:"gateway"`
	Amount       int64        `json:"amount"` // minor units
	Currency     string       `json:"currency"`
}

// Billing says what [jobs.Billing] with the same arguments would do, without writing anything, taking a lock
// or calling a gateway: the same rules over readers that only look. At most first charges are listed, limit
// bounds them all (0: no bound).
func Billing(ctx context.Context, d jobs.Deps, o jobs.BillingOptions, stages, first, limit int) (BillingForecast, error) {
	at := func() time.Time { return on(d, o.Selection.Business) }
	f := &billingWalk{
		Deps: d, ctx: ctx, o: o, at: at, first: first, limit: limit, sums: map[ChargeSum]*ChargeSum{},
		BillingForecast: BillingForecast{Charges: []ChargeSum{}, First: []ChargeDue{}, Unsettled: []ChargeSum{}},
		peek:            query.Preview{DB: d.DB, Selection: o.Selection, Size: o.ChunkSize, Policy: o.Policy, Now: at, Effective: o.Effective(d.Today())},
	}
	err := f.all(ctx, stages)
	if err == nil {
		err = f.failed
	}
	f.Problems, f.MoreProblems = f.problems.named(), f.problems.more
	if err == nil {
		f.Unknown, err = query.HoldingCharges(ctx, d.DB)
	}
	for _, sum := range f.sums {
		f.Charges = append(f.Charges, *sum)
	}
	order := jobs.BillingSteps(stages)
	slices.SortFunc(f.Charges, func(a, b ChargeSum) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Step), slices.Index(order, b.Step)),
			cmp.Compare(a.Gateway, b.Gateway), cmp.Compare(a.Currency, b.Currency))
	})
	return f.BillingForecast, err
}

// on is now as it will be on the business date of a forecast, where that is a later day: what card networks forbid today may be over by then.
func on(d jobs.Deps, business payment.Date) time.Time {
	return d.Business().AddDate(0, 0, int(max(0, business-d.Today())))
}

type billingWalk struct {
	jobs.Deps
	BillingForecast

	at func() time.Time

	o            jobs.BillingOptions
	peek         query.Preview
	first, limit int
	charges      int
	problems     problems
	ctx          context.Context //nolint:containedctx // of the walk, for what is asked about single rows
	failed       error           // of what was asked about a row
	sums         map[ChargeSum]*ChargeSum
}

func (f *billingWalk) all(ctx context.Context, stages int) error {
	source, _, err := changes.Forecast(ctx, f.DB, billing.IssuePolicy{
		Business: f.o.Selection.Business, Effective: f.o.Effective(f.Today()), CatchUp: f.o.CatchUp, KnownGateway: f.Known,
	})
	if err != nil {
		return err
	}
	f.peek.Changes = source
	if jobs.Selected(f.o.Steps, jobs.StepRecover) || jobs.Selected(f.o.Steps, jobs.StepRecoverLast) {
		if err := f.unsettled(ctx); err != nil {
			return err
		}
	}
	if jobs.Selected(f.o.Steps, jobs.StepIssue) {
		if err := f.issue(ctx); err != nil {
			return err
		}
	}
	for stage, step := range jobs.BillingSteps(stages)[2 : 3+stages] {
		if !jobs.Selected(f.o.Steps, step) {
			continue
		}
		err := f.peek.Open(ctx, stage, func(inv readers.OpenInvoice) bool { return f.open(step, inv) })
		if err == nil {
			err = f.ahead(ctx, step, stage)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *billingWalk) unsettled(ctx context.Context) error {
	sums, err := f.peek.Unsettled(ctx)
	if err != nil {
		return err
	}
	elsewhere, err := query.AttemptsElsewhere(ctx, f.DB, f.o.Selection, f.Configured())
	f.LeftAlone += f.problems.elsewhere("attempt", elsewhere)
	for _, s := range sums {
		if !f.Known(s.Gateway) {
			continue
		}
		f.Unsettled = append(f.Unsettled, ChargeSum{jobs.StepRecover, s.Gateway, s.Currency, s.Count, s.Amount})
		f.charges += int(s.Count)
	}
	return err
}

// issue walks what is due. A new invoice would be collected by the same run, if that has the step.
func (f *billingWalk) issue(ctx context.Context) error {
	policy := billing.IssuePolicy{
		Business: f.o.Selection.Business, Effective: f.o.Effective(f.Today()), CatchUp: f.o.CatchUp, KnownGateway: f.Known, Named: f.o.Policy.Named,
	}
	statuses := []billing.SubscriptionStatus{billing.Active, billing.PastDue}
	if f.peek.Changes != nil {
		statuses = slices.Insert(statuses, 0, planned.ByChanges)
	}
	met := map[uint64]bool{} // by their changes
	for _, status := range statuses {
		err := f.peek.Due(ctx, status, func(row readers.DueSubscription) bool {
			if met[row.ID] {
				return true
			}
			met[row.ID] = status == planned.ByChanges
			issue := row.Plan.Decide(row.Subscription, row.Newest, row.IsInvoiced, policy)
			sub := row.Subscription
			if row.Plan != nil {
				sub = row.Plan.Claimed(policy.Effective, f.peek.Changes.Refused())
			}
			switch {
			case issue.Review != "":
				f.Review++
				f.problems.add("subscription", ProblemReview, issue.Review, row.ID)
			case issue.Elsewhere:
				f.LeftAlone++
				f.problems.add("subscription", ProblemLeft, unconfigured(row.Gateway), row.ID)
			case issue.Settled:
				f.Free++
			case !issue.Due.IsZero() && jobs.Selected(f.o.Steps, jobs.StepCollect):
				inv := billing.Invoice{SubscriptionID: row.ID, Due: issue.Due, Money: row.Money}
				return f.open(jobs.StepCollect, readers.OpenInvoice{Invoice: inv, Subscription: sub, Tries: row.Tries, Amount: row.Amount})
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	return f.ownerless(ctx)
}

// ownerless names due changes whose subscription does not exist.
func (f *billingWalk) ownerless(ctx context.Context) error {
	if f.peek.Changes == nil || len(f.o.Selection.Subscriptions) > 0 {
		return nil
	}
	found, err := worklist.OwnerlessChanges(ctx, f.DB, f.peek.Changes.Policy().Effective)
	if found.Count > 0 {
		f.problems.addAll("planned change", ProblemLeft, "there is no such subscription", found.Count, found.IDs)
	}
	return err
}

// open counts what would become of an invoice; false: the limit is reached.
func (f *billingWalk) open(step string, inv readers.OpenInvoice) bool {
	what, id := named(inv)
	if inv.Gone {
		f.review(inv, "its subscription is gone")
		return true
	}
	if closed(f.Deps, inv.Subscription.Gateway) {
		f.LeftAlone++
		return true
	}
	claim := billing.DecideClaim(inv.Invoice, inv.Subscription, inv.Past, f.o.Policy, f.o.Effective(f.Today()), f.Known)
	switch claim.Action {
	case billing.ReviewInvoice:
		f.review(inv, claim.Reason)
	case billing.VoidInvoice:
		f.Void++
	case billing.UseStage:
		f.Passed++
	case billing.EndInvoice:
		f.Ended++
	case billing.LeaveInvoice:
		if claim.Reason != "" {
			f.WaitingForMethod++
			f.problems.add(what, ProblemLeft, claim.Reason, id)
			return true
		}
		f.LeftAlone++
		f.problems.add(what, ProblemLeft, unconfigured(inv.Subscription.Gateway), id)
	case billing.Charge:
		if inv.Amount.Held() {
			f.Review++
			f.problems.addAmount(what, inv.Amount, inv.Money.Currency, id)
			f.Guarded = query.AddMoney(f.Guarded, inv.Money)
			return true
		}
		if why := f.unannounced(inv); why != "" {
			f.Unnoticed++
			f.problems.add(what, ProblemLeft, why, id)
			return true
		}
		held := f.o.Policy.Network.Check(inv.Tries, f.o.Policy.Of(inv.Subscription.DunningPolicy).MaxTries, f.at())
		if !held.Held() {
			return f.charge(step, inv, claim)
		}
		if f.Held++; held.Rule == network.PolicyRule {
			f.HeldByPolicy++
		}
	case billing.HoldInvoice:
	}
	return true
}

// unannounced returns why the first charge of an invoice waits for a notice; empty: it does not.
func (f *billingWalk) unannounced(inv readers.OpenInvoice) string {
	if f.failed != nil || !notice.Needed(inv.Invoice, len(inv.Past), f.o.Policy.Of(inv.Subscription.DunningPolicy)) {
		return ""
	}
	known, err := noticerows.Read(f.ctx, f.DB, []uint64{inv.SubscriptionID}, inv.Due)
	if f.failed = err; err != nil {
		return ""
	}
	return notice.Missing(inv.Invoice, known[noticerows.Key{Subscription: inv.SubscriptionID, Kind: notice.Upcoming, For: inv.Due}])
}

func (f *billingWalk) charge(step string, inv readers.OpenInvoice, claim billing.Claim) bool {
	if f.limit > 0 && f.charges >= f.limit {
		f.Limited = true
		return false
	}
	f.charges++
	if why := f.refused(inv, claim); why != "" {
		f.review(inv, why)
		return true
	}
	gateway, money := inv.Subscription.Gateway, inv.Money
	key := ChargeSum{Step: step, Gateway: gateway, Currency: money.Currency}
	total, ok := f.sums[key]
	if !ok {
		total = &ChargeSum{Step: step, Gateway: gateway, Currency: money.Currency}
		f.sums[key] = total
	}
	total.Count++
	total.Amount = sum.Add(total.Amount, money.Amount)
	if len(f.First) < f.first {
		f.First = append(f.First, ChargeDue{
			step, inv.SubscriptionID, inv.ID, inv.Due, claim.No, gateway, money.Amount, money.Currency,
		})
	}
	return true
}
