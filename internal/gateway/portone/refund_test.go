package portone_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

// tag is "duly-" and 16 digits of the SHA-256 of refund-1.
const tag = "duly-04f3320a08d7710b"

func refund(amount int64) payment.Refund {
	return payment.Refund{Key: "refund-1", ID: paymentID, Amount: amount, Reason: "ord_7", RequestID: "run-1/refund-7"}
}

func cancellation(status string, amount int64, reason string) map[string]any {
	return map[string]any{"status": status, "id": "c-1", "totalAmount": amount, "reason": reason, "requestedAt": "2026-01-31T12:00:00Z"}
}

// A refund is sent with the balance that was seen right before, and the guard is asked for it alone.
func TestPortOneRefundIsBoundToTheBalance(t *testing.T) {
	s := canned.Serve(t, canned.Reads(record("PARTIAL_CANCELLED", map[string]any{"amount": amounts(12900, 900), "paidAt": "2026-01-31T12:00:00Z"}),
		canned.Reply(http.StatusOK, `{"cancellation":{"status":"SUCCEEDED","id":"c-1","totalAmount":2000,"reason":"r","requestedAt":"2026-01-31T12:00:00Z"}}`)))
	client, guards := open(t, configFor(s.URL)), 0
	ctx := gateway.WithGuard(about(t), gateway.Guard{Check: func() error { guards++; return nil }})
	r := client.Refund(ctx, refund(2000))
	require.Equal(t, payment.EffectDone, r.Effect)
	require.Equal(t, payment.Succeeded, r.Payment.Status)
	require.EqualValues(t, 2900, r.Payment.Refunded)
	require.Equal(t, "sub_42_20260131-1", r.Payment.Key)
	require.Equal(t, 1, guards)

	got := s.Requests()
	require.Len(t, got, 2)
	require.Equal(t, "GET /payments/"+paymentID+"?storeId=store-1", got[0].Method+" "+got[0].Target)
	require.Equal(t, "POST /payments/"+paymentID+"/cancel", got[1].Method+" "+got[1].Target)
	require.Equal(t, `{"storeId":"store-1","amount":2000,"reason":"ord_7 `+tag+`","currentCancellableAmount":12000}`, got[1].Body)
	require.Equal(t, `"`+provider.ID("refund-1")+`"`, got[1].Header.Get("Idempotency-Key"))

	ctx = gateway.WithGuard(about(t), gateway.Guard{Check: func() error { return gateway.ErrGuard }})
	require.Equal(t, payment.EffectNone, client.Refund(ctx, refund(1)).Effect)
	require.Len(t, s.Requests(), 3, "only looked at")
}

// What was refunded under the key before is found in the payment's record, and is not sent again.
func TestPortOneRefundIsNotSentAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		done   map[string]any
		effect payment.Effect
		sent   bool
	}{
		"succeeded":         {cancellation("SUCCEEDED", 100, "ord_7 "+tag), payment.EffectDone, false},
		"of another amount": {cancellation("SUCCEEDED", 90, "ord_7 "+tag), payment.EffectRefused, false},
		"requested":         {cancellation("REQUESTED", 100, "ord_7 "+tag), payment.EffectUnknown, false},
		"a new status":      {cancellation("APPROVED", 100, "ord_7 "+tag), payment.EffectUnknown, false},
		"failed":            {cancellation("FAILED", 100, "ord_7 "+tag), payment.EffectDone, true},
		"somebody else's":   {cancellation("SUCCEEDED", 100, "by hand"), payment.EffectDone, true},
	} {
		s := canned.Serve(t, canned.Reads(
			record("PARTIAL_CANCELLED", map[string]any{"amount": amounts(12900, 100), "cancellations": []any{tc.done}, "paidAt": "2026-01-31T12:00:00Z"}),
			canned.Reply(http.StatusOK, `{"cancellation":{"status":"SUCCEEDED","totalAmount":100}}`)))
		r := open(t, configFor(s.URL)).Refund(about(t), refund(100))
		require.Equal(t, tc.effect, r.Effect, name)
		require.Equal(t, tc.effect == payment.EffectDone, r.Payment != nil, name)
		require.Equal(t, tc.sent, len(s.Requests()) == 2, name)
	}
}

// What PortOne could only refuse is not sent.
func TestImpossibleRefundsAreNotSent(t *testing.T) {
	for _, tc := range []struct {
		status string
		amount int64
		want   payment.Reply
	}{
		{"PAID", 12901, payment.Reply{Effect: payment.EffectRefused, Reason: "12900 of it are left to refund"}},
		{"CANCELLED", 1, payment.Reply{Effect: payment.EffectRefused, Reason: "0 of it are left to refund"}},
		{"READY", 1, payment.Reply{Effect: payment.EffectRefused, Reason: "the payment is pending"}},
	} {
		s := canned.Serve(t, canned.Reply(http.StatusOK, record(tc.status, map[string]any{"paidAt": "2026-01-31T12:00:00Z"})))
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
	require.Equal(t, payment.EffectRejected, open(t, configFor(s.URL)).Cancel(about(t), payment.Cancel{Key: "k", ID: paymentID}).Effect)
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
		{404, `{"type":"PAYMENT_NOT_FOUND"}`, payment.EffectRejected, false},
		{404, "", payment.EffectNone, false},
		{401, `{"type":"UNAUTHORIZED"}`, payment.EffectMisconfigured, false},
		{500, "", payment.EffectNone, true},
		{429, "", payment.EffectNone, false},
		{200, "{}", payment.EffectNone, false},
		{200, "<html>", payment.EffectNone, true},
	} {
		s := canned.Serve(t, canned.Reply(tc.status, tc.body))
		r := open(t, configFor(s.URL)).Refund(about(t), refund(1))
		require.Equal(t, tc.effect, r.Effect, "%d %s", tc.status, tc.body)
		require.Equal(t, tc.failure, r.Failure, "%d %s", tc.status, tc.body)
		require.Len(t, s.Requests(), 1)
	}
	gone := canned.Serve(t, canned.Reply(200, ""))
	gone.Close()
	require.Equal(t, payment.Reply{Effect: payment.EffectNone, Reason: "connection refused", Failure: true}, open(t, configFor(gone.URL)).Refund(about(t), refund(1)))
}

// Only a 200 that says so is a refund; what is not listed may have been one.
func TestPortOneAnswersToARefund(t *testing.T) {
	for _, tc := range []struct {
		status  int
		body    string
		effect  payment.Effect
		failure bool
	}{
		{200, `{"cancellation":{"status":"SUCCEEDED","totalAmount":99}}`, payment.EffectUnknown, false},
		{200, `{"cancellation":{"status":"REQUESTED","totalAmount":100}}`, payment.EffectUnknown, false},
		{200, `{"cancellation":{"status":"FAILED","totalAmount":100}}`, payment.EffectRefused, false},
		{200, `{"cancellation":{"status":"NEW","totalAmount":100}}`, payment.EffectUnknown, false},
		{200, `{}`, payment.EffectUnknown, false},
		{200, `{"canc`, payment.EffectUnknown, false},
		{200, `<html>`, payment.EffectUnknown, true},
		{400, ``, payment.EffectUnknown, false},
		{404, ``, payment.EffectUnknown, false},
		{401, ``, payment.EffectUnknown, false},
		{409, ``, payment.EffectUnknown, false},
		{429, ``, payment.EffectNone, false},
		{500, ``, payment.EffectUnknown, true},
		{409, `{"type":"NEW"}`, payment.EffectUnknown, false},
		{500, `{"type":"NEW"}`, payment.EffectUnknown, true},
		{500, `{"type":"PAYMENT_NOT_PAID"}`, payment.EffectUnknown, true},
	} {
		s := canned.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				canned.Reply(http.StatusOK, record("PAID", nil))(w, r)
				return
			}
			canned.Reply(tc.status, tc.body)(w, r)
		})
		r := open(t, configFor(s.URL)).Refund(about(t), refund(100))
		require.Equal(t, tc.effect, r.Effect, "%d %s", tc.status, tc.body)
		require.Equal(t, tc.failure, r.Failure, "%d %s", tc.status, tc.body)
		require.Nil(t, r.Payment)
	}
	require.Equal(t, tag, provider.Tag("refund-1"), "it is the same for ever")
}
