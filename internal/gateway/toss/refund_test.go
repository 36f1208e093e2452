package toss_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

func tag() string { return provider.Tag("refund-1") }

func refund(amount int64) payment.Refund {
	return payment.Refund{Key: "refund-1", ID: paymentKey, Amount: amount, Reason: "ord_7", RequestID: "run-1/refund-7"}
}

func cancel(amount int64, reason, status string) map[string]any {
	return map[string]any{"cancelAmount": amount, "cancelReason": reason, "cancelStatus": status, "canceledAt": "2026-01-31T21:00:00+09:00", "transactionKey": "tx-2"}
}

func refunded(balance int64, cancels ...any) string {
	return record("PARTIAL_CANCELED", map[string]any{"balanceAmount": balance, "cancels": cancels})
}

// A refund is sent with the balance that was seen right before, and the guard is asked for it alone.
func TestTossRefundIsBoundToTheBalance(t *testing.T) {
	s := canned.Serve(t, canned.Reads(refunded(12000), canned.Reply(http.StatusOK, refunded(10000, cancel(900, "by hand", "DONE"), cancel(2000, "ord_7 "+tag(), "DONE")))))
	client, guards := open(t, configFor(s.URL)), 0
	ctx := gateway.WithGuard(about(t), gateway.Guard{Check: func() error { guards++; return nil }})
	r := client.Refund(ctx, refund(2000))
	require.Equal(t, payment.EffectDone, r.Effect)
	require.EqualValues(t, 2900, r.Payment.Refunded)
	require.Equal(t, 1, guards)
	got := s.Requests()
	require.Len(t, got, 2)
	require.Equal(t, "GET /v1/payments/"+paymentKey, got[0].Method+" "+got[0].Target)
	require.Equal(t, "POST /v1/payments/"+paymentKey+"/cancel", got[1].Method+" "+got[1].Target)
	require.Equal(t, `{"cancelReason":"ord_7 `+tag()+`","cancelAmount":2000,"refundableAmount":12000}`, got[1].Body)
	require.Equal(t, "refund-1", got[1].Header.Get("Idempotency-Key"))

	ctx = gateway.WithGuard(about(t), gateway.Guard{Check: func() error { return gateway.ErrGuard }})
	require.Equal(t, payment.EffectNone, client.Refund(ctx, refund(1)).Effect)
	require.Len(t, s.Requests(), 3, "only looked at")
	long := refund(1)
	long.Reason = strings.Repeat("환", 300)
	client.Refund(about(t), long)
	require.Contains(t, s.Requests()[4].Body, `"cancelReason":"`+strings.Repeat("환", 178)+" "+tag()+`"`)
}

// What was refunded under the key before is found in the payment's record, and is not sent again.
func TestTossRefundIsNotSentAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		before map[string]any
		effect payment.Effect
		sent   bool
	}{
		"done":              {cancel(100, "ord_7 "+tag(), "DONE"), payment.EffectDone, false},
		"of another amount": {cancel(90, "ord_7 "+tag(), "DONE"), payment.EffectRefused, false},
		"in progress":       {cancel(100, "ord_7 "+tag(), "IN_PROGRESS"), payment.EffectUnknown, false},
		"aborted":           {cancel(100, "ord_7 "+tag(), "ABORTED"), payment.EffectDone, true},
		"somebody else's":   {cancel(100, "by hand", "DONE"), payment.EffectDone, true},
	} {
		s := canned.Serve(t, canned.Reads(refunded(12800, tc.before), canned.Reply(http.StatusOK, refunded(12700, tc.before, cancel(100, "ord_7 "+tag(), "DONE")))))
		r := open(t, configFor(s.URL)).Refund(about(t), refund(100))
		require.Equal(t, tc.effect, r.Effect, name)
		require.Equal(t, tc.effect == payment.EffectDone, r.Payment != nil, name)
		require.Equal(t, tc.sent, len(s.Requests()) == 2, name)
	}
}

// What Toss could only refuse is not sent.
func TestImpossibleRefundsAreNotSent(t *testing.T) {
	for _, tc := range []struct {
		body   string
		amount int64
		want   payment.Reply
	}{
		{record("DONE", nil), 12901, payment.Reply{Effect: payment.EffectRefused, Reason: "12900 of it are left to refund"}},
		{refunded(0), 1, payment.Reply{Effect: payment.EffectRefused, Reason: "0 of it are left to refund"}},
		{record("READY", nil), 1, payment.Reply{Effect: payment.EffectRefused, Reason: "the payment is pending"}},
	} {
		s := canned.Serve(t, canned.Reply(http.StatusOK, tc.body))
		require.Equal(t, tc.want, open(t, configFor(s.URL)).Refund(about(t), refund(tc.amount)))
		require.Len(t, s.Requests(), 1)
	}
	s := canned.Serve(t, canned.Reply(http.StatusOK, ""))
	for _, change := range []func(*payment.Refund){
		func(r *payment.Refund) { r.Key = "" }, func(r *payment.Refund) { r.ID = "" }, func(r *payment.Refund) { r.ID = ".." }, func(r *payment.Refund) { r.Amount = 0 },
	} {
		r := refund(1)
		change(&r)
		require.Equal(t, payment.EffectRejected, open(t, configFor(s.URL)).Refund(about(t), r).Effect)
	}
	require.Equal(t, payment.EffectRejected, open(t, configFor(s.URL)).Cancel(about(t), payment.Cancel{Key: "k", ID: paymentKey}).Effect)
	require.Empty(t, s.Requests())
}

// A payment that cannot be looked at is not refunded.
func TestRefundOfWhatCannotBeSeen(t *testing.T) {
	for _, tc := range []struct {
		status  int
		body    string
		effect  payment.Effect
		failure bool
	}{
		{404, `{"code":"NOT_FOUND_PAYMENT","message":""}`, payment.EffectRejected, false},
		{404, "", payment.EffectNone, false},
		{401, `{"code":"UNAUTHORIZED_KEY","message":""}`, payment.EffectMisconfigured, false},
		{403, `{"code":"FORBIDDEN_CONSECUTIVE_REQUEST","message":""}`, payment.EffectNone, false},
		{500, "", payment.EffectNone, true},
		{200, "{}", payment.EffectNone, false},
		{200, record("DONE", map[string]any{"paymentKey": "other"}), payment.EffectNone, false},
	} {
		s := canned.Serve(t, canned.Reply(tc.status, tc.body))
		r := open(t, configFor(s.URL)).Refund(about(t), refund(1))
		require.Equal(t, tc.effect, r.Effect, "%d %s", tc.status, tc.body)
		require.Equal(t, tc.failure, r.Failure, "%d %s", tc.status, tc.body)
		require.Len(t, s.Requests(), 1)
	}
}

// Only a payment that gave back so much more is a refund; what is not listed may have been one.
func TestTossAnswersToARefund(t *testing.T) {
	for _, tc := range []struct {
		status  int
		body    string
		effect  payment.Effect
		failure bool
	}{
		{200, refunded(12800, cancel(100, "ord_7 "+tag(), "DONE")), payment.EffectDone, false},
		{200, record("CANCELED", map[string]any{"balanceAmount": 0, "cancels": []any{cancel(12900, "ord_7 "+tag(), "DONE")}}), payment.EffectDone, false},
		{200, refunded(12801, cancel(100, "ord_7 "+tag(), "DONE")), payment.EffectUnknown, false},
		{200, refunded(12800, cancel(100, "ord_7 "+tag(), "IN_PROGRESS")), payment.EffectUnknown, false},
		{200, refunded(12800, cancel(100, "by hand", "DONE")), payment.EffectUnknown, false},
		{200, record("DONE", nil), payment.EffectUnknown, false},
		{200, record("DONE", map[string]any{"paymentKey": "other"}), payment.EffectUnknown, false},
		{200, "{", payment.EffectUnknown, false},
		{200, "<html>", payment.EffectUnknown, true},
		{400, "", payment.EffectUnknown, false},
		{401, "", payment.EffectUnknown, false},
		{500, "", payment.EffectUnknown, true},
		{400, `{"code":"NEW_CODE","message":""}`, payment.EffectUnknown, false},
		{500, `{"code":"COMMON_ERROR","message":""}`, payment.EffectUnknown, true},
		{500, `{"code":"NOT_CANCELABLE_AMOUNT","message":""}`, payment.EffectUnknown, true},
	} {
		s := canned.Serve(t, canned.Reads(record("DONE", nil), canned.Reply(tc.status, tc.body)))
		r := open(t, configFor(s.URL)).Refund(about(t), refund(100))
		require.Equal(t, tc.effect, r.Effect, "%d %s", tc.status, tc.body)
		require.Equal(t, tc.failure, r.Failure, "%d %s", tc.status, tc.body)
		require.Equal(t, tc.effect == payment.EffectDone, r.Payment != nil)
	}
}
