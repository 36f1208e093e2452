package billing

import (
	"time"

	"duly/internal/payment"
)

// Asked is what a look-up brought where it brought nothing definite.
type Asked uint8

// The ways to come back without an answer.
const (
	// NotAsked: no request was made, or our own credentials were refused. It says nothing about the gateway.
	NotAsked Asked = iota
	// Unanswered: the gateway could not be reached, or its answer not be read.
	Unanswered
	// Undecided: the gateway knows the charge and has not decided it yet.
	Undecided
	// Absent: the gateway says that it never saw the charge.
	Absent
	// Unaskable: this gateway has no look-up for what is known of the charge.
	Unaskable
)

// Guarantees is what a gateway declares about keys and look-ups.
type Guarantees struct {
	KeyLife           time.Duration // how long a key is kept; 0: not at all
	Longest           time.Duration // how long after it was sent a request can take effect
	LookupOutlivesKey bool          // look-ups answer for as long as the payment exists
}

// longestUnder is R for an attempt that was made under t: the longer of what was declared then and what is now.
func (k Guarantees) longestUnder(t Terms) time.Duration { return max(k.Longest, t.Longest) }

// keptUnder is L for waiting: a key may be kept for the longer of what was declared then and what is now.
func (k Guarantees) keptUnder(t Terms) time.Duration { return max(k.KeyLife, t.KeyLife) }

// keyedUnder is L for whatever relies on the key: the shorter of the two, where both are known.
func (k Guarantees) keyedUnder(t Terms) time.Duration {
	if t.Longest == 0 { // nothing is stored
		return k.KeyLife
	}
	return min(k.KeyLife, t.KeyLife)
}

// SendFor is for how long after it was made an attempt under t may be sent: the gateway must still know the key when the
// last request arrives. It is 0 where no key guards a second request.
func (k Guarantees) SendFor(t Terms) time.Duration { return max(0, k.keyedUnder(t)-k.longestUnder(t)) }

// AbsentAction is what is done with an unsettled attempt that no answer was found for.
type AbsentAction uint8

// The actions; the zero value changes nothing.
const (
	// CheckLater leaves it in doubt until the next check.
	CheckLater AbsentAction = iota
	// Resend sends the same bytes under the same key again.
	Resend
	// Release takes it that nothing was and ever will be executed; see [SettleAbsent].
	Release
	// GiveUp leaves it to an operator; see ToReview.
	GiveUp
)

// Counted is what has been counted of look-ups of a charge, after one that brought this.
func (asked Asked) Counted(p payment.Patience, now time.Time) payment.Patience {
	switch asked {
	case Unanswered:
		return p.Unanswered(now)
	case Undecided:
		return p.Answered(true, now)
	case Absent:
		return p.Answered(false, now)
	case NotAsked, Unaskable:
	}
	return p
}

// Sides are the sides on which an absence must be checked before the action is taken; see AbsentAction.Vetted.
func (act AbsentAction) Sides(asked Asked) payment.Sides {
	if asked != Absent {
		return 0
	}
	switch act {
	case Resend, GiveUp:
		return payment.EarlierSide
	case Release:
		return payment.BothSides
	case CheckLater:
	}
	return 0
}

// Vetted is the action after controls were asked for on its Sides. A gateway that does not show what it took says nothing
// about any charge. Sending again needs an earlier control only where there is one, since the key guards it; releasing,
// after which another key is used, needs both.
func (act AbsentAction) Vetted(v payment.Vetting) AbsentAction {
	ok := true
	switch act {
	case Resend:
		ok = v.Allows()
	case Release:
		ok = v.Proves()
	case GiveUp:
		ok = !v.Failed()
	case CheckLater:
	}
	if ok {
		return act
	}
	return CheckLater
}

// DecideAbsent says what becomes of an unsettled attempt of that age that no definite answer was found for, if the
// controls of what is said to be absent pass. Its patience counts what was asked just now. chargeable: its subscription may still be charged, and by the same method
// at the same gateway.
//
// With L the key's life and R the longest request, an attempt created at t can be sent until t+L-R: the
// gateway then still knows the key when the last request arrives. From t+L+R on nothing that was sent can
// take effect any more, so that an absence proves that nothing was executed, if the look-up lasts. In
// between, and for an attempt that must not be sent again, only time helps. Where the gateway answered every request and keeps its
// answers, the key brings nothing else any more, and R after the last request is enough. Without keys (L = 0) any
// request may have been executed unseen: absence proves nothing. What was sent to another account is neither sent to this
// one nor absent because this one does not know it.
func DecideAbsent(a Attempt, k Guarantees, asked Asked, chargeable bool, age time.Duration) AbsentAction {
	now := a.CreatedAt.Add(age)
	overdue := now.After(k.Horizon(a))
	send := k.SendFor(a.Terms)
	resendable := send > 0 && !a.LookUp && !a.AllAnswered && !a.Elsewhere && chargeable && age < send
	switch asked {
	case Absent:
		switch {
		case resendable && a.PaymentID == "":
			return Resend
		case !overdue || a.Elsewhere:
			return CheckLater
		case k.keyedUnder(a.Terms) > 0 && k.LookupOutlivesKey && a.PaymentID == "":
			return Release
		}
		return GiveUp
	case Unaskable:
		if resendable {
			return Resend
		}
		return GiveUp
	case Undecided, Unanswered:
		if overdue && a.Patience.Over() {
			return GiveUp
		}
	case NotAsked:
	}
	return CheckLater
}

// Believable reports whether a record that was found for a settles it, and whether the gateway must show a payment of ours
// first. A success is believed as it is. Any other answer frees the invoice for another charge, and a copy of the account
// may hold one under the same key: so the gateway must not fail its controls, and must be the one that a was sent to.
func Believable(a Attempt, found payment.Outcome) (believed, vetted bool) {
	if found.Kind == payment.Paid {
		return true, false
	}
	return !a.Elsewhere, true
}

// SettleAbsent ends a after its absence was proved: nothing was executed under its key, and the same run may charge the invoice again.
// Where the gateway keeps an answer under the key, that would bring the same answer for as long as the key lives: the attempt ends as a decline
// without a class, and the next one has the next key. However often that happens it uses no stage: it is the gateway's fault or ours.
func SettleAbsent(a Attempt) Settlement {
	s := Unchanged(a).released(time.Time{})
	s.Doubted, s.LookUp, s.AllAnswered, s.Proof = false, false, false, ProofLookUp
	s.Message = "never seen by the gateway"
	if a.AllAnswered {
		s.Message = "answered with an error, and never executed"
		s.Attempt, s.Decline = AttemptDeclined, payment.Decline{Code: keptError, Message: s.Message}
	}
	return s
}

// keptError is the decline code of an attempt that the gateway did not execute, and answers with the same error for as long as its key
// lives.
const keptError = "kept_error"

// ToReview leaves a and its invoice to an operator; why says for what.
func ToReview(a Attempt, why string) Settlement {
	s := Unchanged(a)
	s.Message = cut(why, MaxText)
	return s.review(a, AttemptReview, s.Message)
}
