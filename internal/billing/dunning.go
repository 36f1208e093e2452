package billing

import "duly/internal/payment"

// NextStage gives the date of the stage after stage, or says that stage was the last. The date is that many
// days after the first decline as the policy says, but at least one day after this effective date, so that
// two stages of an invoice never fall on the same one, however late runs come. A stage beyond the policy's
// last, from when it had more, counts as the last.
func NextStage(p Policy, stage int, firstDeclined, effective payment.Date) (next payment.Date, last bool) {
	if stage >= len(p.RetryDays) {
		return 0, true
	}
	if firstDeclined.IsZero() {
		firstDeclined = effective
	}
	offset := payment.Date(p.RetryDays[max(stage, 0)]) //nolint:gosec // a number of days, far below the limit
	return max(firstDeclined+offset, effective+1), false
}

// Barred reports whether a method must never be charged again after a decline of class c, until the
// customer acts.
func Barred(c payment.Class) bool {
	switch c {
	case payment.Hard, payment.Action:
		return true
	case payment.Soft:
	}
	return false
}

// Bars reports whether a, which may be an attempt of any status, forbids charging s as it is now.
func (a PastAttempt) Bars(s Subscription) bool {
	return Barred(a.Class) && !a.Reopened && a.Gateway == s.Gateway && a.Method == s.Method
}

// UnpaidReason begins the reason for which duly cancels a subscription.
const UnpaidReason = "unpaid after the last retry: "
