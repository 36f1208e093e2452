package jobs

import (
	"cmp"
	"context"
	"slices"
	"time"

	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/store"
	"duly/internal/sum"
	"duly/readers"
)

// Forecast is what a billing run would do, as far as the tables tell.
type Forecast struct {
	// Charges are sums of what would be sent, by step, gateway and currency.
	Charges []ForecastSum `json:"charges"`
	// First are the first charges, in the order of the walk.
	First []ForecastCharge `json:"first"`
	// Unsettled are earlier charges that would be asked about before anything else.
	Unsettled []ForecastSum `json:"unsettled"`
	// Limited: the limit of the run would be reached.
	Limited bool `json:"limited"`

	Free      int64 `json:"free"`       // invoices of amount 0, paid at once
	Void      int64 `json:"void"`       // invoices of subscriptions that were cancelled
	Passed    int64 `json:"passed"`     // stages used up without a charge: the method was declined for good
	Ended     int64 `json:"ended"`      // invoices that would end unpaid without another charge
	Review    int64 `json:"review"`     // rows that an operator would have to look at
	LeftAlone int64 `json:"left_alone"` // charges of gateways that are paused, or not configured here

	// Problems are why rows would be reviewed or left, with their first ids; MoreProblems counts the rows of others.
	Problems     []ForecastProblem `json:"problems"`
	MoreProblems int64             `json:"more_problems,omitempty"`

	// Unknown counts the charges of each gateway that wait to be adopted.
	Unknown []query.HeldGateway `json:"unknown_charges,omitempty"`
}

// ForecastSum counts charges.
type ForecastSum struct {
	Step     string `json:"step"`
	Gateway  string `json:"gateway"`
	Currency string `json:"currency"`
	Count    int64  `json:"count"`
	Amount   int64  `json:"amount"` // minor units
}

// ForecastCharge is one charge that would be sent.
type ForecastCharge struct {
	Step         string       `json:"step"`
	Subscription uint64       `json:"subscription_id"`
	Invoice      uint64       `json:"invoice_id,omitempty"` // left out where it is not issued yet
	Due          payment.Date `json:"due_date"`
	Attempt      int          `json:"attempt"`
	Gateway      string       `json:"gateway"`
	Amount       int64        `json:"amount"` // minor units
	Currency     string       `json:"currency"`
}

// ForecastBilling says what Billing with the same arguments would do, without writing anything, taking a lock
// or calling a gateway: the same rules over readers that only look. At most first charges are listed, limit
// bounds them all (0: no bound).
func ForecastBilling(ctx context.Context, d Deps, o BillingOptions, stages, first, limit int) (Forecast, error) {
	f := &forecast{
		billingJob: &billingJob{worker: newWorker(d), o: o}, first: first, limit: limit, sums: map[ForecastSum]*ForecastSum{},
		Forecast: Forecast{Charges: []ForecastSum{}, First: []ForecastCharge{}, Unsettled: []ForecastSum{}},
		peek:     query.Preview{DB: d.DB, Selection: o.Selection, Size: o.ChunkSize},
	}
	err := f.all(ctx, stages)
	f.Problems, f.MoreProblems = f.problems.named(), f.problems.more
	if err == nil {
		f.Unknown, err = query.HoldingCharges(ctx, d.DB)
	}
	for _, sum := range f.sums {
		f.Charges = append(f.Charges, *sum)
	}
	order := BillingSteps(stages)
	slices.SortFunc(f.Charges, func(a, b ForecastSum) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Step), slices.Index(order, b.Step)),
			cmp.Compare(a.Gateway, b.Gateway), cmp.Compare(a.Currency, b.Currency))
	})
	return f.Forecast, err
}

type forecast struct {
	*billingJob
	Forecast

	peek         query.Preview
	first, limit int
	charges      int
	problems     problems
	sums         map[ForecastSum]*ForecastSum
}

func (f *forecast) all(ctx context.Context, stages int) error {
	if f.has(StepRecover) || f.has(StepRecoverLast) {
		if err := f.unsettled(ctx); err != nil {
			return err
		}
	}
	if f.has(StepIssue) {
		if err := f.issue(ctx); err != nil {
			return err
		}
	}
	for stage, step := range BillingSteps(stages)[2 : 3+stages] {
		if !f.has(step) {
			continue
		}
		err := f.peek.Open(ctx, stage, func(inv readers.OpenInvoice) bool { return f.open(step, inv) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *forecast) unsettled(ctx context.Context) error {
	sums, err := f.peek.Unsettled(ctx)
	if err != nil {
		return err
	}
	elsewhere, err := query.AttemptsElsewhere(ctx, f.DB, f.o.Selection, f.configured())
	f.LeftAlone += f.problems.elsewhere("attempt", elsewhere)
	for _, s := range sums {
		if !f.known(s.Gateway) {
			continue
		}
		f.Unsettled = append(f.Unsettled, ForecastSum{StepRecover, s.Gateway, s.Currency, s.Count, s.Amount})
		f.charges += int(s.Count)
	}
	return err
}

// issue walks what is due. A new invoice would be collected by the same run, if that has the step.
func (f *forecast) issue(ctx context.Context) error {
	policy := billing.IssuePolicy{
		Business: f.o.Selection.Business, Effective: f.effective(), CatchUp: f.o.CatchUp, KnownGateway: f.known,
	}
	for _, status := range []billing.SubscriptionStatus{billing.Active, billing.PastDue} {
		err := f.peek.Due(ctx, status, func(row readers.DueSubscription) bool {
			issue := billing.DecideIssue(row.Subscription, row.Newest, row.IsInvoiced, policy)
			switch {
			case issue.Review != "":
				f.Review++
				f.problems.add("subscription", ProblemReview, issue.Review, row.ID)
			case issue.Elsewhere:
				f.LeftAlone++
				f.problems.add("subscription", ProblemLeft, unconfigured(row.Gateway), row.ID)
			case issue.Settled:
				f.Free++
			case !issue.Due.IsZero() && f.has(StepCollect):
				inv := billing.Invoice{SubscriptionID: row.ID, Due: issue.Due, Money: row.Money}
				return f.open(StepCollect, readers.OpenInvoice{Invoice: inv, Subscription: row.Subscription})
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// open counts what would become of an invoice; false: the limit is reached.
func (f *forecast) open(step string, inv readers.OpenInvoice) bool {
	what, id := "invoice", inv.ID
	if id == 0 { // not issued yet
		what, id = "subscription", inv.SubscriptionID
	}
	if inv.Gone {
		f.Review++
		f.problems.add(what, ProblemReview, "its subscription is gone", id)
		return true
	}
	if f.closed(inv.Subscription.Gateway) {
		f.LeftAlone++
		return true
	}
	claim := billing.DecideClaim(inv.Invoice, inv.Subscription, inv.Past, f.o.Policy, f.effective(), f.known)
	switch claim.Action {
	case billing.ReviewInvoice:
		f.Review++
		f.problems.add(what, ProblemReview, claim.Reason, id)
	case billing.VoidInvoice:
		f.Void++
	case billing.UseStage:
		f.Passed++
	case billing.EndInvoice:
		f.Ended++
	case billing.LeaveInvoice:
		f.LeftAlone++
		f.problems.add(what, ProblemLeft, unconfigured(inv.Subscription.Gateway), id)
	case billing.Charge:
		return f.charge(step, inv, claim.No)
	}
	return true
}

func (f *forecast) charge(step string, inv readers.OpenInvoice, no int) bool {
	if f.limit > 0 && f.charges >= f.limit {
		f.Limited = true
		return false
	}
	f.charges++
	gateway, money := inv.Subscription.Gateway, inv.Money
	key := ForecastSum{Step: step, Gateway: gateway, Currency: money.Currency}
	total, ok := f.sums[key]
	if !ok {
		total = &ForecastSum{Step: step, Gateway: gateway, Currency: money.Currency}
		f.sums[key] = total
	}
	total.Count++
	total.Amount = sum.Add(total.Amount, money.Amount)
	if len(f.First) < f.first {
		f.First = append(f.First, ForecastCharge{
			step, inv.SubscriptionID, inv.ID, inv.Due, no, gateway, money.Amount, money.Currency,
		})
	}
	return true
}

// DueIn counts what a step of the billing job has before it; -1 if that is not known.
func DueIn(ctx context.Context, d Deps, selection store.Selection, stages int, step string) (int64, error) {
	effective := max(selection.Business, d.today())
	counts := map[string]func() (int64, error){
		StepIssue: func() (int64, error) { return query.Issuable(ctx, d.DB, selection, effective) },
		StepRecover: func() (int64, error) {
			u, err := query.CountUnsettled(ctx, d.DB, selection, store.Gateways{})
			if err != nil || u.InFlight == 0 {
				return u.InDoubt, err
			}
			live, err := d.heldByLiveRuns(ctx, selection)
			return max(u.InFlight-live, 0) + u.InDoubt, err
		},
	}
	for stage, name := range BillingSteps(stages)[2 : 3+stages] {
		counts[name] = func() (int64, error) { return query.Collectable(ctx, d.DB, selection, stage, store.Gateways{}) }
	}
	if count, ok := counts[step]; ok {
		return count()
	}
	return -1, nil
}

// heldByLiveRuns counts the charges in flight that belong to runs whose lease holds.
func (d Deps) heldByLiveRuns(ctx context.Context, selection store.Selection) (int64, error) {
	owners, err := query.Owners(ctx, d.DB, selection, 0)
	if err != nil {
		return 0, err
	}
	held := int64(0)
	for _, o := range owners {
		if !o.Beat.Add(time.Duration(o.LeaseMS) * time.Millisecond).After(d.Business()) {
			continue // the step takes over what it held
		}
		n, err := query.CountClaims(ctx, d.DB, o.ID)
		if err != nil {
			return 0, err
		}
		held += n
	}
	return held, nil
}
