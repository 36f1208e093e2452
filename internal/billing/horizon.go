package billing

import (
	"time"

	"duly/internal/payment"
)

// Horizon is the instant after which no request of a, an attempt that is unsettled or was doubted, can take effect any
// more. k is what its gateway declares today; what was declared when the attempt was made counts where it is longer. Where every request
// was answered none is on its way, and what the last one began is done after the longest request.
func (k Guarantees) Horizon(a Attempt) time.Time {
	longest := k.longestUnder(a.Terms)
	if a.AllAnswered && !a.SentBy.IsZero() {
		return a.SentBy.Add(longest)
	}
	at := a.CreatedAt.Add(k.keptUnder(a.Terms) + longest)
	if by := a.SentBy.Add(longest); !a.SentBy.IsZero() && by.After(at) {
		return by
	}
	return at
}

// horizon is the instant after which no request of a can take effect any more. ok is false if nobody can say: how long its
// requests take is neither declared nor stored, or a run has yet to take the attempt over.
func (a Reviewed) horizon(k Guarantees) (at time.Time, ok bool) {
	longest := k.longestUnder(a.Terms)
	switch {
	case longest == 0:
		return time.Time{}, false
	case a.SettledAt.IsZero():
		return k.Horizon(a.Attempt), !a.SentBy.IsZero() || a.Status != AttemptInDoubt
	}
	settled := a.SettledAt.Add(longest)
	if !a.Doubted && a.SentBy.IsZero() { // its own worker settled it, after its last request was answered
		return settled, true
	}
	if at = k.Horizon(a.Attempt); settled.After(at) {
		return settled, true
	}
	return at, true
}

// Sent is when the first request of a left, as far as is known: controls of an absence were made before and after it.
func (a Reviewed) Sent() payment.Window {
	to := a.SentBy
	if to.IsZero() {
		to = a.SettledAt
	}
	if to.Before(a.CreatedAt) {
		to = a.CreatedAt
	}
	return payment.Window{From: a.CreatedAt, To: to}
}
