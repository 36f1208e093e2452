package billing

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"duly/internal/payment"
)

const (
	// BrakePool is how many of a gateway's newest answers the brake chooses from.
	BrakePool = 2 * brakeWindow
	// BrakeHistory is how far back the brake looks, and the time that a gateway's usual share is taken of.
	BrakeHistory = 90 * 24 * time.Hour

	// brakeWindow is how many customers' answers the brake judges by.
	brakeWindow = 200
	// brakeFirst is how many first tries must be bad, without a success, where there are fewer answers.
	brakeFirst = 20
	// brakeVouched is how long a success speaks for its gateway.
	brakeVouched = 12 * time.Hour
	// brakeUsual is how many times its usual share a gateway may have, and brakeMost what that comes to at most, in percent.
	brakeUsual = 3
	brakeMost  = 90
	// brakeOff is the percentage that switches the brake off.
	brakeOff = 100
	// brakeShareOf is how many answers a usual share is taken of at least: a few say nothing.
	brakeShareOf = brakeWindow
)

// BrakeAnswer is a gateway's answer to an attempt, as stored.
type BrakeAnswer struct {
	Customer string
	Method   string
	Stage    int
	Status   AttemptStatus
	Class    payment.Class
	// Doubted: nobody knew for a while. One that went to review then need not be an answer.
	Doubted bool
	At      time.Time
	// PaidBefore: the method had paid at this gateway before.
	PaidBefore bool
}

// counts reports whether a is a definite answer about a charge.
func (a BrakeAnswer) counts() bool {
	switch a.Status {
	case AttemptSucceeded, AttemptDeclined, AttemptRejected:
		return true
	case AttemptReview:
		return !a.Doubted
	case AttemptInFlight, AttemptInDoubt, AttemptReleased:
	}
	return false
}

// Bad reports whether a may mean that the account is at fault and not the customer: declined for good, rejected, or
// answered with something that differs.
func (a BrakeAnswer) Bad() bool {
	switch a.Status {
	case AttemptDeclined:
		return barred(a.Class)
	case AttemptRejected:
		return true
	case AttemptReview:
		return a.counts()
	case AttemptSucceeded, AttemptInFlight, AttemptInDoubt, AttemptReleased:
	}
	return false
}

// Alarming reports whether an outcome will be a bad answer to the brake once it is settled.
func Alarming(o payment.Outcome) bool {
	switch o.Kind {
	case payment.Refused:
		return barred(o.Decline.Class)
	case payment.Differs, payment.Rejected:
		return true
	case payment.Paid, payment.TryLater, payment.InDoubt, payment.NotExecuted, payment.Misconfigured:
	}
	return false
}

// BrakeShare is how many answers a gateway gave in the past, and how many of them were bad.
type BrakeShare struct{ Bad, All int64 }

// Brake is what the brake makes of a gateway's answers.
type Brake struct {
	// Reason is why the gateway must be sent nothing more; empty: it may.
	Reason string
	// Room is how many further bad answers there must be before the gateway can be stopped.
	Room int
}

// DecideBrake judges a gateway by its newest answers since it was last resumed, up to [BrakePool] of them, in any order.
// percent is what the operator allows.
//
//   - One answer of each customer counts: the newest, and by a method that has paid before rather than by another. If more
//     than 200 customers have answers, those count first whose method has paid before, then the newest.
//   - Of fewer than 200 only first tries tell: 20 bad ones since the last success, if that was not within twelve hours before now.
//   - Of 200 more may not be bad than percent, or than three times the gateway's usual share, which is read only if it
//     matters.
func DecideBrake(answers []BrakeAnswer, percent int, now time.Time, usual func() (BrakeShare, error)) (Brake, error) {
	if percent >= brakeOff {
		return Brake{Room: math.MaxInt32}, nil
	}
	window := brakeAnswers(answers)
	bad := countBad(window)
	allowed := brakeWindow * percent / 100
	b := Brake{Room: max(allowed+1-bad, 1)}
	switch {
	case len(window) < brakeWindow:
		return b.few(answers, window, now), nil
	case bad <= allowed:
		return b, nil
	}
	share, err := usual()
	if err != nil {
		return b, err
	}
	if own := share.percent(); own > percent {
		percent, allowed = own, brakeWindow*own/100
	}
	if bad > allowed {
		return Brake{Reason: fmt.Sprintf("%d of the last %d answers are hard declines, actions, rejections or differ (at most %d %%)", bad, brakeWindow, percent)}, nil
	}
	b.Room = allowed + 1 - bad
	return b, nil
}

// percent is what the gateway's usual share allows.
func (s BrakeShare) percent() int {
	if s.All < brakeShareOf {
		return 0
	}
	return int(min(brakeUsual*100*s.Bad/s.All, brakeMost))
}

// few judges a gateway that fewer than 200 customers have answers of.
func (b Brake) few(answers, window []BrakeAnswer, now time.Time) Brake {
	var paid time.Time
	for _, a := range answers {
		if a.Status == AttemptSucceeded && a.At.After(paid) {
			paid = a.At
		}
	}
	if !paid.IsZero() && now.Sub(paid) < brakeVouched {
		return b
	}
	first := 0
	for _, a := range window {
		if a.Stage == 0 && a.Bad() && a.At.After(paid) {
			first++
		}
	}
	if first >= brakeFirst {
		return Brake{Reason: fmt.Sprintf("%d first tries are hard declines, actions, rejections or differ, and none succeeded", first)}
	}
	b.Room = min(b.Room, brakeFirst-first)
	return b
}

// brakeAnswers are the answers that count: one a customer, 200 at most.
func brakeAnswers(answers []BrakeAnswer) []BrakeAnswer {
	list := slices.DeleteFunc(slices.Clone(answers), func(a BrakeAnswer) bool { return !a.counts() })
	slices.SortStableFunc(list, func(a, b BrakeAnswer) int {
		if a.PaidBefore != b.PaidBefore {
			return cmp.Compare(rank(a), rank(b))
		}
		return b.At.Compare(a.At)
	})
	seen := make(map[string]bool, len(list))
	list = slices.DeleteFunc(list, func(a BrakeAnswer) bool {
		again := seen[a.Customer]
		seen[a.Customer] = true
		return again
	})
	return list[:min(len(list), brakeWindow)]
}

func rank(a BrakeAnswer) int {
	if a.PaidBefore {
		return 0
	}
	return 1
}

// BrakeWeighs reports whether it matters which of the methods have paid before: there are more bad answers than percent
// allows.
func BrakeWeighs(answers []BrakeAnswer, percent int) bool {
	return percent < brakeOff && countBad(answers) > brakeWindow*percent/100
}

func countBad(answers []BrakeAnswer) int {
	n := 0
	for _, a := range answers {
		if a.Bad() {
			n++
		}
	}
	return n
}
