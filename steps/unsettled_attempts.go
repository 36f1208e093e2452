package steps

import (
	"context"
	"fmt"
	"slices"
	"time"

	"duly/internal/billing"
	"duly/internal/gateway"
	"duly/internal/payment"
)

// UnsettledAttempts finds out what became of attempts in doubt: by an answer that was kept, by asking the gateway, or by
// sending the same bytes under the same key again while that can do no harm. What the gateway does not know counts only
// beside payments of ours that it shows. It implements batch.Processor.
type UnsettledAttempts struct {
	Gateways Gateways
	Controls *Controls
	Doubts   *Doubts
	Brake    *Brake
	Now      func() time.Time // the process's own clock
	// More: this run charges others after this step, and looks at attempts in doubt again at its end.
	More bool
	// History, if there is one, says when an item may be sent again.
	History History
}

// Process implements batch.Processor.
func (r *UnsettledAttempts) Process(ctx context.Context, item billing.Claimed) (billing.Result, error) {
	result := r.recover(ctx, item)
	r.Brake.Watch(item.Gateway, result.Answer.Outcome)
	return result, nil
}

func (r *UnsettledAttempts) recover(ctx context.Context, item billing.Claimed) billing.Result {
	r.Doubts.settled(item.ID)
	result := billing.Result{Claimed: item}
	if item.Kept != nil {
		result.Answer = billing.Answer{Outcome: *item.Kept, Found: true, Kept: true}
		return result
	}
	g, ok := r.Gateways[item.Gateway]
	if !ok {
		result.Answer.Outcome.Reason = "gateway " + item.Gateway + " is not configured"
		return result
	}
	asked := billing.Unaskable
	if g.Capabilities().FindByKey || item.PaymentID != "" {
		finding := g.Find(stoppable(ctx), item.Charge, item.PaymentID)
		asked = answer(finding)
		if ctx.Err() != nil { // called off by us
			asked = billing.NotAsked
		}
		result.Claimed.Patience = asked.Counted(item.Patience, r.at(item))
		if !finding.Absent && finding.Outcome.Kind != payment.InDoubt {
			return r.found(ctx, g, result, finding.Outcome)
		}
		result.Answer.Outcome = finding.Outcome
	}
	return r.unfound(ctx, g, result, asked)
}

// at is the instant of the business clock, as far as the age of an item tells it.
func (r *UnsettledAttempts) at(item billing.Claimed) time.Time {
	return item.CreatedAt.Add(age(item, r.Now()))
}

// found settles an attempt by the gateway's record, if that can be believed.
func (r *UnsettledAttempts) found(ctx context.Context, g *gateway.Limited, result billing.Result, found payment.Outcome) billing.Result {
	believed, vetted := billing.Believable(result.Claimed.Attempt, found)
	switch {
	case !believed:
		r.elsewhere(&result)
		return result
	case vetted:
		v := r.Controls.Vet(ctx, g, result.Claimed.Controls, payment.BothSides)
		// A gateway that is asked by ids alone has nothing to check by: the id is one that it gave to us.
		if free := found.Kind != payment.Differs && g.Capabilities().FindByKey; v.Failed() || v.Unknown() || free && !v.Shown() {
			result.Answer.Outcome = payment.Outcome{Reason: v.Distrust(g.Name())}
			if !v.Failed() && !v.Unknown() {
				r.Doubts.note(result.Claimed, uncontrolled, keptFor(g.Capabilities()).Horizon(result.Claimed.Attempt))
			}
			return result
		}
	}
	result.Answer = billing.Answer{Outcome: found, Found: true}
	return result
}

// unfound decides about an attempt that the gateway has said nothing definite about.
func (r *UnsettledAttempts) unfound(ctx context.Context, g *gateway.Limited, result billing.Result, asked billing.Asked) billing.Result {
	item, guarantees := result.Claimed, keptFor(g.Capabilities())
	action := billing.DecideAbsent(item.Attempt, guarantees, asked, item.Chargeable, age(item, r.Now()))
	if why := r.hindrance(ctx, g, item, action); why != "" {
		unsent(&result, why)
		return result
	}
	if listed := r.listed(item, action); listed != nil {
		if outcome := payment.Judge(item.Charge, *listed); outcome.Kind != payment.InDoubt {
			return r.found(ctx, g, result, outcome)
		} else {
			if asked != billing.Undecided { // the list says what the look-up did not
				result.Claimed.Patience = billing.Undecided.Counted(item.Patience, r.at(item))
			}
			if action != billing.GiveUp || !result.Claimed.Patience.Over() {
				result.Answer.Outcome = outcome
				return result
			}
		}
	}
	// Last, since what went before may have taken a minute: a control says nothing of an address that has moved since.
	if sides := action.Sides(asked); sides != 0 {
		v := r.Controls.Vet(ctx, g, item.Controls, sides)
		vetted := action.Vetted(v)
		if action == billing.Release && vetted != action {
			r.unproven(&result, v, guarantees)
		}
		if vetted != action {
			result.Answer.Outcome.Reason = v.Reason(g.Name())
		}
		action = vetted
	}
	switch action {
	case billing.Resend:
		send(ctx, r.Gateways, r.Brake, r.Now, &result, excuse{})
	case billing.Release:
		return r.again(ctx, g, result)
	case billing.GiveUp:
		result.Verdict, result.Reason = billing.Unknowable, hopeless(asked, result.Claimed.Patience)
		if asked == billing.Unaskable {
			result.Reason += lastApproval(stoppable(ctx), g, item)
		}
	case billing.CheckLater:
		if item.Elsewhere && asked == billing.Absent {
			r.elsewhere(&result)
		}
		if result.Answer.Outcome.Reason == "" {
			result.Answer.Outcome.Reason = "not seen by the gateway yet"
		}
	}
	return result
}

// hindrance says why an item is neither sent again nor released in this run, whatever controls show; empty: nothing stands
// against it.
func (r *UnsettledAttempts) hindrance(ctx context.Context, g *gateway.Limited, item billing.Claimed, action billing.AbsentAction) string {
	switch action {
	case billing.Resend, billing.Release:
	case billing.CheckLater, billing.GiveUp:
		return ""
	}
	if r.History == nil {
		return ""
	}
	if action == billing.Resend {
		if err := r.History.Clear(ctx, item.Gateway); err != nil {
			return err.Error()
		}
	}
	later, err := r.History.Later(ctx, item)
	if err != nil {
		return err.Error()
	}
	found, why := lookUp(ctx, g, item.Charge, later)
	switch {
	case why != "":
		return "later charges of its invoice could not be looked up: " + why
	case len(found) == 0:
		return ""
	}
	took := func(p payment.Payment) bool { return !p.TookNone() }
	if why, known := accountFor(ctx, r.History, item.Gateway, found); !known || slices.ContainsFunc(found, took) {
		return why
	}
	return ""
}

// listed is what the gateway lists under the key of an item that would be sent again, released or given up: what is shown
// outweighs what is not.
func (r *UnsettledAttempts) listed(item billing.Claimed, action billing.AbsentAction) *payment.Payment {
	if r.History == nil || action != billing.Resend && action != billing.Release && action != billing.GiveUp {
		return nil
	}
	return r.History.Listed(item.Gateway, item.Charge.Key)
}

// again asks a second time about a charge whose absence controls have borne out since: the address may have been a wrong
// one when it was first asked, and the right one when they were. Only an absence with controls between two answers counts.
func (r *UnsettledAttempts) again(ctx context.Context, g *gateway.Limited, result billing.Result) billing.Result {
	switch finding := g.Find(ctx, result.Claimed.Charge, result.Claimed.PaymentID); {
	case finding.Absent:
		result.Verdict = billing.NeverSeen
	case finding.Outcome.Kind == payment.InDoubt:
		result.Answer.Outcome = finding.Outcome
	default:
		return r.found(ctx, g, result, finding.Outcome)
	}
	return result
}

// unproven notes that an absence proves nothing for want of payments to check it by.
func (r *UnsettledAttempts) unproven(result *billing.Result, v payment.Vetting, k billing.Guarantees) {
	if v.Missing() == "" || v.Failed() || v.Unknown() {
		return
	}
	result.Soon = r.More && v.Earlier == payment.ControlPassed
	r.Doubts.note(result.Claimed, uncontrolled, k.Horizon(result.Claimed.Attempt))
}

// elsewhere notes that an attempt was sent to another account, about which this one says nothing.
func (r *UnsettledAttempts) elsewhere(result *billing.Result) {
	result.Answer.Outcome = payment.Outcome{
		Reason: fmt.Sprintf("sent to another account of gateway %s than today's, which does not know it", result.Claimed.Gateway),
	}
	r.Doubts.note(result.Claimed, sentElsewhere, keptFor(r.Gateways[result.Claimed.Gateway].Capabilities()).Horizon(result.Claimed.Attempt))
}

// answer names what a look-up brought where it brought nothing definite.
func answer(f gateway.Finding) billing.Asked {
	switch {
	case f.Unasked, f.Misconfigured:
		return billing.NotAsked
	case f.Absent:
		return billing.Absent
	case f.Outcome.LookUpOnly:
		return billing.Undecided
	}
	return billing.Unanswered
}

func hopeless(asked billing.Asked, p payment.Patience) string {
	switch asked {
	case billing.Absent:
		return "sent, and never seen by a gateway whose absence proves nothing: look whether the customer was charged"
	case billing.Unaskable:
		return "sent, and the gateway cannot be asked: look whether the customer was charged"
	case billing.NotAsked, billing.Undecided, billing.Unanswered:
	}
	return p.String() + ": look whether the customer was charged"
}
