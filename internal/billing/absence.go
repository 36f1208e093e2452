package billing

import "time"

// Asked is what a look-up brought where it brought nothing definite.
type Asked uint8

// The ways to come back without an answer.
const (
	// Unanswered: the gateway could not be reached, or its answer not be read.
	Unanswered Asked = iota
	// Undecided: the gateway knows the charge and has not decided it yet.
	Undecided
	// Absent: the gateway says that it never saw the charge.
	Absent
	// Unaskable: this gateway has no look-up for what is known of the charge.
	Unaskable
)

// Keeping is what a gateway declares about keys and look-ups.
type Keeping struct {
	KeyLife   time.Duration // how long a key is kept; 0: not at all
	Longest   time.Duration // how long after it was sent a request can take effect
	FindLasts bool          // look-ups answer for as long as the payment exists
}

// AbsentAction is what is done with an unsettled attempt that no answer was found for.
type AbsentAction uint8

// The actions; the zero value changes nothing.
const (
	// CheckLater leaves it in doubt until the next check.
	CheckLater AbsentAction = iota
	// Resend sends the same bytes under the same key again.
	Resend
	// Release takes it that nothing was and ever will be executed; see ReleaseAbsent.
	Release
	// GiveUp leaves it to an operator; see ToReview.
	GiveUp
)

// patience is how long a gateway that is down or undecided is asked at the least.
const patience = 24 * time.Hour

// DecideAbsent says what becomes of an unsettled attempt of that age that no definite answer was found for.
// chargeable: its subscription may still be charged, and by the same method at the same gateway.
//
// With L the key's life and R the longest request, an attempt created at t can be sent until t+L-R: the
// gateway then still knows the key when the last request arrives. From t+L+R on nothing that was sent can
// take effect any more, so that an absence proves that nothing was executed, if the look-up lasts. In
// between, and for an attempt that must not be sent again, only time helps. Without keys (L = 0) any
// request may have been executed unseen: absence proves nothing.
func DecideAbsent(a Attempt, k Keeping, asked Asked, chargeable bool, age time.Duration) AbsentAction {
	overdue := age > k.KeyLife+k.Longest
	resendable := k.KeyLife > 0 && !a.LookUp && chargeable && age < k.KeyLife-k.Longest
	switch asked {
	case Absent:
		switch {
		case resendable && a.PaymentID == "":
			return Resend
		case !overdue:
			return CheckLater
		case k.KeyLife > 0 && k.FindLasts && a.PaymentID == "":
			return Release
		}
		return GiveUp
	case Unaskable:
		if resendable {
			return Resend
		}
		return GiveUp
	case Undecided, Unanswered:
	}
	if overdue && age > patience {
		return GiveUp
	}
	return CheckLater
}

// ReleaseAbsent takes a back after its absence was proved: nothing was executed under its key, and the same
// run may charge the invoice again.
func ReleaseAbsent(a Attempt) Settlement {
	s := unchanged(a).released(time.Time{})
	s.Doubted, s.LookUp, s.Proof = false, false, ProofLookUp
	s.Message = "never seen by the gateway"
	return s
}

// ToReview leaves a and its invoice to an operator; why says for what.
func ToReview(a Attempt, why string) Settlement {
	s := unchanged(a)
	s.Message = cut(why, maxText)
	return s.review(a, AttemptReview, s.Message)
}
