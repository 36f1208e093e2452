package planned

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"duly/internal/billing"
	"duly/internal/billing/guard"
	"duly/internal/payment"
)

// Refused maps a kind to the reason why its columns cannot be written here; kinds that are missing can be.
type Refused map[Kind]string

// Plan is the effect of planned changes on a locked subscription.
type Plan struct {
	Before billing.Subscription
	// After is Before with the changes in Done. For an issue its amount is that of the period: see [Plan.Price].
	After        billing.Subscription
	CancelReason string
	Done         []Done
	// Problem is why the change Stuck cannot be applied; empty: there is none. No later change is, and no invoice is issued.
	Problem string
	Stuck   Change

	price   int64 // what each period costs from now on
	oneOff  *Change
	pending []Change
}

// Done is a change that is applied.
type Done struct {
	Change

	Outcome string
	// Same: it made no difference.
	Same bool
	Due  payment.Date // of a one-off amount: the period that it was used for
}

// Outcomes of changes that are applied.
const (
	Applied       = "applied"
	UsedFor       = "used for the period of " // and its due date: a one-off amount
	pausedAlready = "no change: it was paused already"
	activeAlready = "no change: it was active already"
)

// ForIssue applies to s the changes that are effective by its next due date, in order. If s is not due, it applies the changes that are
// effective by today: the earlier of its next date and today is the limit. A paused subscription and a trial have no turn, and a resumption
// ends both: it moves the date to the first period that begins on its day or later. What is cancelled, or in no status that duly knows, stays as it is.
func ForIssue(s billing.Subscription, list []Change, p billing.IssuePolicy, refused Refused) Plan {
	plan := planOf(s)
	list = Sorted(list)
	for i, c := range list {
		if c.Effective > plan.horizon(p) {
			plan.pending = append(plan.pending, list[i:]...)
			break
		}
		if c.Kind == OneOff {
			plan.oneTime(c, refused)
		} else {
			plan.apply(c, refused)
		}
		if plan.Problem != "" {
			plan.pending = append(plan.pending, list[i:]...)
			break
		}
	}
	plan.price = plan.After.Money.Amount
	if plan.oneOff != nil && Billed(plan.After.Status) && plan.After.Next <= p.Business && plan.oneOff.Effective <= billing.DueOf(plan.After, p) {
		plan.After.Money.Amount, _ = plan.oneOff.amount()
	} else {
		plan.oneOff = nil
	}
	return plan
}

// ForClaim applies to s, of which an invoice is about to be charged, what counts for a charge and is effective by that day: payment methods, pauses and
// cancellations. Everything else is left to the next issue, and what would overtake it with it: a pause or a cancellation behind a resumption,
// a method behind one that cannot be applied: nothing is charged until that one is fixed; and a pause before which a period began that is not invoiced
// yet, with the resumptions behind it: the issue would find the subscription paused, and never invoice that period. A resumption of what is active
// changes nothing, and is done.
func ForClaim(s billing.Subscription, list []Change, day payment.Date, refused Refused) Plan {
	plan := planOf(s)
	resuming, owed := false, false
	for _, c := range Sorted(list) {
		if c.Effective > day || !alters(plan.After.Status) {
			break
		}
		switch {
		case c.Kind == Method && plan.After.MethodProblem == "":
			plan.apply(c, refused)
		case c.Kind == Pause && plan.owesBefore(c.Effective):
			owed = true
		case (c.Kind == Pause || c.Kind == Cancel) && !resuming:
			plan.apply(c, refused)
		case c.Kind == Resume && !resuming && !owed:
			if resuming = !Billed(plan.After.Status); !resuming {
				plan.apply(c, refused)
			}
		}
		if plan.Problem != "" {
			if c.Kind == Method {
				plan.After.MethodProblem = plan.Problem
			} else {
				resuming = true
			}
			plan.Problem, plan.Stuck = "", Change{}
		}
	}
	plan.price = plan.After.Money.Amount
	return plan
}

func planOf(s billing.Subscription) Plan { return Plan{Before: s, After: s} }

// Billed reports whether subscriptions in that status are invoiced.
func Billed(s billing.SubscriptionStatus) bool { return s == billing.Active || s == billing.PastDue }

// alters reports whether changes are applied to a subscription in that status.
func alters(s billing.SubscriptionStatus) bool {
	return Billed(s) || s == billing.Paused || s == billing.Trialing
}

// owesBefore reports whether a period began before a day for which no invoice was issued yet.
func (p *Plan) owesBefore(day payment.Date) bool {
	s := p.After
	return Billed(s.Status) && billing.DateProblem(s.Next) == "" && s.Next < day
}

// horizon is the last day whose changes count now; zero: none do.
func (p *Plan) horizon(policy billing.IssuePolicy) payment.Date {
	s := p.After
	switch {
	case !alters(s.Status):
		return 0
	case !Billed(s.Status), billing.DateProblem(s.Next) != "":
		return policy.Effective
	case s.Next <= policy.Business && s.Interval.Validate() == nil:
		return billing.DueOf(s, policy)
	}
	return min(s.Next, policy.Effective)
}

// oneTime notes an amount for one period. The first one that is effective is used first; the next invoice uses the next.
func (p *Plan) oneTime(c Change, refused Refused) {
	if why := cmp.Or(c.dayProblem(), refused[OneOff]); why != "" {
		p.stick(c, why)
		return
	}
	if _, problem := c.amount(); problem != "" {
		p.stick(c, problem)
		return
	}
	if p.oneOff == nil {
		p.oneOff = &c
	}
}

func (p *Plan) stick(c Change, problem string) {
	p.Stuck = c
	p.Problem = fmt.Sprintf("%s: %s; correct or delete its row, or duly resolve change %d --as ignored", c, problem, c.ID)
}

// apply applies one change, or says why that cannot be.
func (p *Plan) apply(c Change, refused Refused) {
	if why := cmp.Or(c.dayProblem(), refused[c.Kind]); why != "" {
		p.stick(c, why)
		return
	}
	outcome, problem := Applied, ""
	s := &p.After
	switch c.Kind {
	case Pause:
		if s.Status == billing.Paused {
			outcome = pausedAlready
		}
		s.Status = billing.Paused
	case Resume:
		if Billed(s.Status) {
			outcome = activeAlready
			break
		}
		problem = goOn(s, c.Effective)
	case Cancel:
		s.Status, p.CancelReason = billing.Cancelled, c.Note
		if c.Note == "" {
			p.CancelReason = fmt.Sprintf("planned change %d", c.ID)
		}
	case Amount:
		var amount int64
		if amount, problem = c.amount(); problem == "" {
			s.Money.Amount = amount
		}
	case Interval:
		var i billing.Interval
		if i, problem = c.interval(); problem == "" {
			if s.Status == billing.Paused { // until that day its periods were as long as before
				_ = pass(s, c.Effective)
			}
			s.Interval = i
		}
	case Method:
		var method string
		if method, problem = c.method(); problem == "" {
			s.Method = method
		}
	case OneOff:
	default:
		problem = fmt.Sprintf("kind %q is not one of pause, resume, cancel, amount, one_off_amount, interval, method", payment.Cut(string(c.Kind), billing.MaxQuoted))
	}
	if problem != "" {
		p.stick(c, problem)
		return
	}
	p.Done = append(p.Done, Done{Change: c, Outcome: outcome, Same: outcome != Applied})
}

// goOn makes s active from a day on: the periods that began before are never billed. A trial whose date is a placeholder begins its first period on that day;
// of what is paused nobody knows up to when it is paid.
func goOn(s *billing.Subscription, from payment.Date) (problem string) {
	switch far := placeholder(s.Next, from); {
	case far && s.Status == billing.Trialing:
		s.Next, s.AnchorDay = from, billing.Anchor(from, 0, s.Interval)
	case far:
		return fmt.Sprintf("next_billing_date %s lies more than ten years behind it: put there the first day that is to be billed", s.Next)
	}
	if problem = pass(s, from); problem == "" {
		s.Status = billing.Active
	}
	return problem
}

// placeholder reports whether a next date lies so far behind a day that it stands for none: more than ten years.
func placeholder(next, day payment.Date) bool {
	year, month, of := day.Split()
	return next > payment.NewDate(year+10, month, of)
}

// pass moves the date of s to the first period that begins on a day or later, or says why that cannot be.
func pass(s *billing.Subscription, day payment.Date) (problem string) {
	if err := s.Interval.Validate(); err != nil {
		return err.Error()
	}
	if problem := billing.DateProblem(s.Next); problem != "" {
		return problem
	}
	next := billing.FirstFrom(*s, day)
	if next.IsZero() {
		return fmt.Sprintf("no period begins on %s or later", day)
	}
	if next != s.Next && s.Interval.ByMonth() {
		s.AnchorDay = billing.Anchor(s.Next, s.AnchorDay, s.Interval)
	}
	s.Next = next
	return ""
}

// Price is the price of a period once the changes are applied, without a one-off amount.
func (p *Plan) Price() int64 { return p.price }

// Use notes that an invoice is issued for a due date: its one-off amount is used up, if there is one. A nil Plan has no changes.
func (p *Plan) Use(due payment.Date) (oneOff bool) {
	if p == nil || p.oneOff == nil || due.IsZero() {
		return false
	}
	p.Done = append(p.Done, Done{Change: *p.oneOff, Outcome: UsedFor + due.String(), Due: due})
	p.oneOff = nil
	return true
}

// Waits reports whether a change that counts for a charge is effective by that day and was not applied: the charge is left to a claim, which applies it. A nil Plan is that of no change.
func (p *Plan) Waits(day payment.Date) bool {
	if p == nil {
		return false
	}
	for _, c := range p.pending {
		if c.Effective <= day && (c.Kind == Method || c.Kind == Pause || c.Kind == Cancel) {
			return true
		}
	}
	return false
}

// Claimed is the subscription as a claim by that day makes it, which applies what of p is left.
func (p *Plan) Claimed(day payment.Date, refused Refused) billing.Subscription {
	return ForClaim(p.After, p.pending, day, refused).After
}

// Resumes is the day of the first resumption that is not applied; zero: there is none.
func (p *Plan) Resumes() payment.Date {
	for _, c := range p.pending {
		if c.Kind == Resume {
			return c.Effective
		}
	}
	return 0
}

// ProblemChanged reports whether the row of the change that cannot be applied does not show the problem yet.
func (p *Plan) ProblemChanged() bool { return p.Problem != "" && p.Stuck.Outcome != p.StoredProblem() }

// StoredProblem is the problem as the row of its change stores it.
func (p *Plan) StoredProblem() string { return payment.Cut(p.Problem, billing.MaxText) }

// ByChanges stands for a status where subscriptions are read one status at a time: it reads them by their planned changes, whatever their status is.
const ByChanges billing.SubscriptionStatus = ""

// Decide is [billing.DecideIssue] of a subscription as the changes of p make it: one of them that cannot be applied keeps it from being invoiced. What is
// issued uses a one-off amount up. A nil Plan is that of no change.
func (p *Plan) Decide(s billing.Subscription, newest billing.Newest, invoiced func(payment.Date) bool, policy billing.IssuePolicy) billing.Issue {
	if p != nil && p.Problem != "" {
		return billing.Unissuable(s, policy, p.Problem)
	}
	issue := billing.DecideIssue(s, newest, invoiced, policy)
	if p != nil && issue.Review == "" && strings.HasPrefix(s.ReviewReason, problemOf) {
		issue.ClearReview = true
	}
	if p.Use(issue.Due) {
		issue.AmountCheck = guard.OneOff
	}
	issue.Changed = p != nil && slices.ContainsFunc(p.Done, func(d Done) bool { return !d.Same })
	return issue
}
