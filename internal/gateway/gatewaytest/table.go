package gatewaytest

import "duly/internal/payment"

// Behaviours lists the behaviours of the ordinary cases.
func Behaviours() []Behaviour {
	var all []Behaviour
	for _, r := range table() {
		all = append(all, r.behaviour)
	}
	return all
}

// table lists the ordinary cases.
func table() []row {
	var (
		paid      = is(payment.Paid)
		differs   = is(payment.Differs)
		doubt     = is(payment.InDoubt)
		pending   = is(payment.InDoubt).only()
		idle      = is(payment.NotExecuted)
		broken    = is(payment.InDoubt).failed()
		neverSeen = want{kinds: []payment.Kind{payment.InDoubt}, absent: true}
		soft      = is(payment.Refused).of(payment.Soft)
		hard      = is(payment.Refused).of(payment.Hard)
		action    = is(payment.Refused).of(payment.Action)
		tryLater  = is(payment.TryLater)
	)
	const (
		replay = "The same key with the same body answers with the first result."
		after  = "The money may have been taken: what cannot be read is in doubt, and the same key again tells the result."
		before = "Nobody knows that nothing was done: it is in doubt, and the same key again does it."
		other  = "Ids come back after a restore: an answer that is not ours in every field is nobody's yes."
	)
	return []row{
		{Succeeds, replay, paid, paid, 1, paid, want{}, 1},
		{DeclinesSoft, "Another day may do. " + replay, soft, soft, 0, soft, want{}, 0},
		{DeclinesHard, "This method is never charged again. " + replay, hard, hard, 0, hard, want{}, 0},
		{DeclinesAction, "The customer must act first. " + replay, action, action, 0, action, want{}, 0},
		{DeclinesForNow, "A definite no that passes must not use up a stage.", tryLater, tryLater, 0, tryLater, want{}, 0},
		{DeclinesUnknown, "A code that nobody knows costs a stage, not the method.", soft.final(), soft, 0, soft.final(), soft, 0},
		{Pends, "Accepted and not decided: only a look-up can help.", pending, pending, 0, want{}, want{}, 0},
		{IsCanceled, "A yes that somebody took back is for people to look at.", differs, differs, 0, differs, want{}, 0},
		{IsRefunded, "A look-up shows the payment as it stands now.", paid, differs, 0, want{}, want{}, 0},
		{Rejects, "One bad row says nothing about the others.", is(payment.Rejected), neverSeen, 0, want{}, want{}, 0},
		{RefusesCredentials, "Our own token is wrong: no row is at fault.", is(payment.Misconfigured).final(), neverSeen, 0, want{}, want{}, 0},
		{ForbidsAccount, "Our own account may not: no row is at fault.", is(payment.Misconfigured).final(), neverSeen, 0, want{}, want{}, 0},
		{ChangesAmount, other, differs, differs, anyTimes, want{}, want{}, 0},
		{ChangesCurrency, other, differs, differs, anyTimes, want{}, want{}, 0},
		{ChangesCustomer, other, differs, differs, anyTimes, want{}, want{}, 0},
		{ChangesReference, other, differs, differs, anyTimes, want{}, want{}, 0},
		{DropsBefore, before, broken, neverSeen, 0, paid, want{}, 1},
		{DropsAfter, after, broken, paid, 1, paid, want{}, 1},
		{Fails5xxBefore, before, broken, neverSeen, 0, paid, want{}, 1},
		{Fails5xxAfter, after, broken, paid, 1, paid, want{}, 1},
		{TooMany, "Not executed, and no fault of the gateway.", idle, neverSeen, 0, paid, want{}, 1},
		{TooManyAfterDrop, "429 speaks of one request: the one before it was executed.", broken, paid, 1, idle, paid, 1},
		{SaysNotExecuted, "The one 503 that may be believed.", idle.failed(), neverSeen, 0, paid, want{}, 1},
		{GarblesBefore, before, doubt, neverSeen, 0, paid, want{}, 1},
		{GarblesAfter, after, doubt, paid, 1, paid, want{}, 1},
		{HalvesAnswer, after, broken, paid, 1, paid, want{}, 1},
		{Slow, after, broken, paid, 1, paid, want{}, 1},
		{Redirects, "A client that follows it sends the charge to a stranger.", doubt, neverSeen, 0, paid, want{}, 1},
		{ConflictsBefore, before, doubt, neverSeen, 0, paid, want{}, 1},
		{ConflictsAfter, after, doubt, paid, 1, paid, want{}, 1},
		{SaysEmpty400Before, before, doubt, neverSeen, 0, paid, want{}, 1},
		{SaysEmpty400After, after, doubt, paid, 1, paid, want{}, 1},
		{SaysEmpty404Before, before, doubt, neverSeen, 0, paid, want{}, 1},
		{SaysEmpty404After, after, doubt, paid, 1, paid, want{}, 1},
	}
}

// under is r at a provider with traits.
func (r row) under(t Traits) row {
	paid, soft := is(payment.Paid), is(payment.Refused).of(payment.Soft)
	switch r.behaviour { //nolint:exhaustive // the others are alike everywhere
	case Pends, IsCanceled, ChangesAmount, ChangesCurrency, ChangesReference, ChangesCustomer:
		r.first.orPaid = t.BlankSuccess || t.StatusHidden && r.behaviour == IsCanceled
		if r.refound = r.again; len(r.again.kinds) > 0 {
			r.again.orPaid = r.first.orPaid
		}
	case DeclinesHard, DeclinesAction:
		if t.ReasonsUnknown {
			r.first, r.found, r.again = soft, soft, soft
		}
	case DeclinesForNow:
		if t.LaterIsSoft {
			r.first, r.found, r.again = soft, soft, soft
		}
	case SaysNotExecuted:
		if t.TooManyAlone || t.NothingSaysNot {
			r.first = is(payment.InDoubt).failed()
		}
		if t.BusyIsTooMany {
			r.first = is(payment.NotExecuted)
		}
	case TooMany:
		if t.NothingSaysNot {
			r.first = is(payment.InDoubt)
		}
	case GarblesBefore, GarblesAfter:
		r.first.looks = t.BlankSuccess
	}
	switch {
	case r.behaviour == Pends && t.PendingUnread:
		r.first = is(payment.InDoubt)
	case r.behaviour == ChangesReference && t.ReferenceInKey:
		r.found.kinds = append(r.found.kinds, payment.InDoubt)
	case r.behaviour == ChangesCustomer && t.CustomerHidden:
		r.first.orPaid, r.found.orPaid = true, true
	case r.behaviour == ChangesCurrency && t.CurrencyHidden:
		r.first, r.found = paid, paid
	}
	return r
}
