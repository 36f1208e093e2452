package billing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

func TestResultSettlesByItsVerdict(t *testing.T) {
	a := at(1)
	settle := func(r billing.Result) billing.Settlement {
		r.Claimed.Attempt = a
		return r.Settle(billing.PastDue, sample.Policy(), sample.Day("2026-02-03"), sample.Noon)
	}
	paid := sample.Answered(payment.Paid, "")
	require.Equal(t, billing.Settle(a, paid, billing.PastDue, sample.Policy(), sample.Day("2026-02-03"), sample.Noon), settle(billing.Result{Answer: paid}))
	require.Equal(t, billing.SettleAbsent(a), settle(billing.Result{Verdict: billing.NeverSeen, Answer: paid}))
	require.Equal(t, billing.ToReview(a, "why"), settle(billing.Result{Verdict: billing.Unknowable, Reason: "why", Answer: paid}))
	require.Equal(t, billing.AttemptInDoubt, settle(billing.Result{}).Attempt, "no answer is no answer")
}

func TestResultDefinite(t *testing.T) {
	for _, ans := range everyAnswer() {
		for _, ans.Found = range []bool{false, true} {
			kind := ans.Outcome.Kind
			want := kind == payment.Paid || kind == payment.Refused || kind == payment.Differs || kind == payment.TryLater && ans.Found
			require.Equal(t, want, billing.Result{Answer: ans}.Definite(), "%s found %t", kind, ans.Found)
			require.False(t, billing.Result{Answer: ans, Verdict: billing.NeverSeen}.Definite())
			require.False(t, billing.Result{Answer: ans, Verdict: billing.Unknowable}.Definite())
		}
	}
}

func TestWhatCannotBeWrittenIsTold(t *testing.T) {
	claim := billing.Unclaimable(sample.Invoice(), "the row is odd")
	require.Equal(t, billing.Claim{Action: billing.ReviewInvoice, Reason: "the row is odd", Events: claim.Events}, claim)
	require.Equal(t, []string{"review.needed"}, sample.EventTypes(claim.Events))
	require.Contains(t, payload(t, claim.Events[0]), `"reference":"sub_42_20260131"`)

	event := billing.SubscriptionReview(42, sample.Day("2026-02-01"), "the row is odd")
	require.Equal(t, "review.needed", event.Type)
	require.Equal(t, "subscription:42", event.Subject)
	require.Contains(t, event.Dedupe, "review.needed:subscription:42:20260201:")
	require.Contains(t, payload(t, event), `"reason":"the row is odd"`)
}
