package brake

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"duly/internal/billing"
	"duly/internal/payment"
)

const (
	// Pool is how many of a gateway's newest answers the brake chooses from.
	Pool = 2 * windowSize
	// History is how far back the brake looks, and the time that a gateway's usual share is taken of.
	History = 90 * 24 * time.Hour

	// windowSize is how many customers' answers the brake judges by.
	windowSize = 200
	// firstTries is how many first tries must be bad, without a success, where there are fewer answers.
	firstTries = 20
	// vouchedFor is how long a success speaks for its gateway.
	vouchedFor = 12 * time.Hour
	// usualTimes is how many times its usual share a gateway may have, and brakeMost what that comes to at most, in percent.
	usualTimes  = 3
	mostPercent = 90
	// offPercent is the percentage that switches the brake off.
	offPercent = 100
	// shareOf is how many answers a usual share is taken of at least: a few say nothing.
	shareOf = windowSize
)

// Answer is a gateway's answer to an attempt, as stored.
type Answer struct {
	Customer string
	Method   string
	Stage    int
	Status   billing.AttemptStatus
	Class    payment.Class
	// Doubted: nobody knew for a while. One that went to review then need not be an answer.
	Doubted bool
	At      time.Time
	// PaidBefore: the method had paid at this gateway before.
	PaidBefore bool
}

// counts reports whether a is a definite answer about a charge.
func (a Answer) counts() bool {
	switch a.Status {
	case billing.AttemptSucceeded, billing.AttemptDeclined, billing.AttemptRejected:
		return true
	case billing.AttemptReview:
		return !a.Doubted
	case billing.AttemptInFlight, billing.AttemptInDoubt, billing.AttemptReleased:
	}
	return false
}

// Bad reports whether a may mean that the account is at fault and not the customer: declined for good, rejected, or
// answered with something that differs.
func (a Answer) Bad() bool {
	switch a.Status {
	case billing.AttemptDeclined:
		return billing.Barred(a.Class)
	case billing.AttemptRejected:
		return true
	case billing.AttemptReview:
		return a.counts()
	case billing.AttemptSucceeded, billing.AttemptInFlight, billing.AttemptInDoubt, billing.AttemptReleased:
	}
	return false
}

// Alarming reports whether an outcome will be a bad answer to the brake once it is settled.
func Alarming(o payment.Outcome) bool {
	switch o.Kind {
	case payment.Refused:
		return billing.Barred(o.Decline.Class)
	case payment.Differs, payment.Rejected:
		return true
	case payment.Paid, payment.TryLater, payment.InDoubt, payment.NotExecuted, payment.Misconfigured:
	}
	return false
}

// Share is how many answers a gateway gave in the past, and how many of them were bad.
type Share struct{ Bad, All int64 }

// Verdict is what the brake makes of a gateway's answers.
type Verdict struct {
	// Reason is why the gateway must be sent nothing more; empty: it may.
	Reason string
	// Room is how many further bad answers there must be before the gateway can be stopped.
	Room int
}

// Decide judges a gateway by its newest answers since it was last resumed, up to [Pool] of them, in any order.
// percent is what the operator allows.
//
//   - One answer of each customer counts: the newest, and by a method that has paid before rather than by another. If more
//     than 200 customers have answers, those count first whose method has paid before, then the newest.
//   - Of fewer than 200 only first tries tell: 20 bad ones since the last success, if that was not within twelve hours before now.
//   - Of 200 more may not be bad than percent, or than three times the gateway's usual share, which is read only if it
//     matters.
func Decide(answers []Answer, percent int, now time.Time, usual func() (Share, error)) (Verdict, error) {
	if percent >= offPercent {
		return Verdict{Room: math.MaxInt32}, nil
	}
	window := counted(answers)
	bad := countBad(window)
	allowed := windowSize * percent / 100
	b := Verdict{Room: max(allowed+1-bad, 1)}
	switch {
	case len(window) < windowSize:
		return b.few(answers, window, now), nil
	case bad <= allowed:
		return b, nil
	}
	share, err := usual()
	if err != nil {
		return b, err
	}
	if own := share.percent(); own > percent {
		percent, allowed = own, windowSize*own/100
	}
	if bad > allowed {
		return Verdict{Reason: fmt.Sprintf("%d of the last %d answers are hard declines, actions, rejections or differ (at most %d %%)", bad, windowSize, percent)}, nil
	}
	b.Room = allowed + 1 - bad
	return b, nil
}

// percent is what the gateway's usual share allows.
func (s Share) percent() int {
	if s.All < shareOf {
		return 0
	}
	return int(min(usualTimes*100*s.Bad/s.All, mostPercent))
}

// few judges a gateway that fewer than 200 customers have answers of.
func (b Verdict) few(answers, window []Answer, now time.Time) Verdict {
	var paid time.Time
	for _, a := range answers {
		if a.Status == billing.AttemptSucceeded && a.At.After(paid) {
			paid = a.At
		}
	}
	if !paid.IsZero() && now.Sub(paid) < vouchedFor {
		return b
	}
	first := 0
	for _, a := range window {
		if a.Stage == 0 && a.Bad() && a.At.After(paid) {
			first++
		}
	}
	if first >= firstTries {
		return Verdict{Reason: fmt.Sprintf("%d first tries are hard declines, actions, rejections or differ, and none succeeded", first)}
	}
	b.Room = min(b.Room, firstTries-first)
	return b
}

// counted are the answers that count: one a customer, 200 at most.
func counted(answers []Answer) []Answer {
	list := slices.DeleteFunc(slices.Clone(answers), func(a Answer) bool { return !a.counts() })
	slices.SortStableFunc(list, func(a, b Answer) int {
		if a.PaidBefore != b.PaidBefore {
			return cmp.Compare(rank(a), rank(b))
		}
		return b.At.Compare(a.At)
	})
	seen := make(map[string]bool, len(list))
	list = slices.DeleteFunc(list, func(a Answer) bool {
		again := seen[a.Customer]
		seen[a.Customer] = true
		return again
	})
	return list[:min(len(list), windowSize)]
}

func rank(a Answer) int {
	if a.PaidBefore {
		return 0
	}
	return 1
}

// Weighs reports whether it matters which of the methods have paid before: there are more bad answers than percent
// allows.
func Weighs(answers []Answer, percent int) bool {
	return percent < offPercent && countBad(answers) > windowSize*percent/100
}

func countBad(answers []Answer) int {
	n := 0
	for _, a := range answers {
		if a.Bad() {
			n++
		}
	}
	return n
}
