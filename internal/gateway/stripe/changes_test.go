package stripe

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
	"duly/internal/test/canned"
)

func TestStripeCancel(t *testing.T) {
	var got *http.Request
	var body string
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, body = r, string(b)
		f := intentOf("canceled")
		if body == "cancellation_reason=abandoned&expand%5B%5D=latest_charge" {
			f = f.With(fields{"cancellation_reason": "abandoned"})
		}
		canned.Reply(http.StatusOK, f.JSON())(w, r)
	})
	require.Equal(t, payment.Reply{Effect: payment.EffectDone, Payment: paymentOf(payment.Canceled, payment.Decline{})},
		client.Cancel(t.Context(), payment.Cancel{Key: "k-cancel", ID: "pi_1"}))
	require.Equal(t, "POST /v1/payment_intents/pi_1/cancel", got.Method+" "+got.RequestURI)
	require.Equal(t, []string{"k-cancel"}, got.Header["Idempotency-Key"])
	require.Equal(t, "expand%5B%5D=latest_charge", body)

	reply := client.Cancel(t.Context(), payment.Cancel{Key: "k-cancel", ID: "pi_1", Unfinished: true})
	require.Equal(t, payment.Reply{Effect: payment.EffectDone, Payment: paymentOf(payment.Declined, unfinished(canceled))}, reply)
	require.Equal(t, payment.Refused, payment.Judge(charge(), *reply.Payment).Kind, "what duly cancelled itself is a decline, and never differs")
}

func TestChangesThatAreNotDone(t *testing.T) {
	const invalid = "invalid_request_error"
	for name, tc := range map[string]struct {
		status int
		body   string
		cancel payment.Reply
	}{
		"decided":          {400, errorOf(invalid, fields{"code": "payment_intent_unexpected_state"}), payment.Reply{Effect: payment.EffectRefused, Reason: "400 payment_intent_unexpected_state"}},
		"never known":      {404, notFound, payment.Reply{Effect: payment.EffectRejected, Reason: "404 resource_missing"}},
		"a wrong field":    {400, errorOf(invalid, fields{"code": "parameter_unknown"}), payment.Reply{Effect: payment.EffectRejected, Reason: "400 parameter_unknown"}},
		"too fast":         {429, errorOf(invalid, fields{"code": "rate_limit"}), payment.Reply{Effect: payment.EffectNone, Reason: "429 rate_limit"}},
		"our key":          {401, errorOf(invalid, nil), payment.Reply{Effect: payment.EffectMisconfigured, Reason: "401 invalid_request_error"}},
		"our key may not":  {403, errorOf(invalid, nil), payment.Reply{Effect: payment.EffectMisconfigured, Reason: "403 invalid_request_error"}},
		"key in use":       {409, errorOf("idempotency_error", fields{"code": "idempotency_key_in_use"}), payment.Reply{Reason: "409 idempotency_key_in_use"}},
		"another body":     {400, errorOf("idempotency_error", nil), payment.Reply{Reason: "400 idempotency_error"}},
		"their fault":      {500, errorOf("api_error", nil), payment.Reply{Reason: "500 api_error", Failure: true}},
		"a bare 400":       {400, "", payment.Reply{Reason: "400 Bad Request"}},
		"a page":           {200, "<html>", payment.Reply{Reason: "200 with an HTML page", Failure: true}},
		"nothing":          {200, "", payment.Reply{Reason: "200 with a body that cannot be read: it is empty"}},
		"still processing": {200, intentOf("processing").JSON(), payment.Reply{Reason: "200 with a payment that is pending, and not cancelled"}},
		"another payment":  {200, intentOf("canceled").With(fields{"id": "pi_2"}).JSON(), payment.Reply{Reason: "200 with another payment, pi_2"}},
	} {
		require.Equal(t, tc.cancel, serve(t, canned.Reply(tc.status, tc.body)).Cancel(t.Context(), payment.Cancel{Key: "k", ID: "pi_1"}), name)
	}
	client := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("sent") })
	for _, k := range []payment.Cancel{{Key: "k"}, {Key: "k", ID: ".."}, {ID: "pi_1"}} {
		require.Equal(t, payment.EffectRejected, client.Cancel(t.Context(), k).Effect)
	}
	for _, r := range []payment.Refund{{Key: "k", ID: "pi_1"}, {Key: "k", Amount: 1}, {ID: "pi_1", Amount: 1}} {
		require.Equal(t, payment.EffectRejected, client.Refund(t.Context(), r).Effect)
	}
}

// refunds answers a POST with a refund, and a GET with the payment.
func refunds(status int, posted, shown string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			canned.Reply(status, posted)(w, r)
			return
		}
		if shown == notFound {
			canned.Reply(http.StatusNotFound, shown)(w, r)
			return
		}
		canned.Reply(http.StatusOK, shown)(w, r)
	}
}

func TestStripeRefund(t *testing.T) {
	given := func(n int) string {
		return intentOf("succeeded").With(fields{"latest_charge": fields{"id": "ch_1", "amount_refunded": n}}).JSON()
	}
	refundOf := func(status string, more fields) string {
		return fields{"id": "re_1", "object": "refund", "status": status, "amount": 500, "payment_intent": "pi_1"}.With(more).JSON()
	}
	invalid := func(more fields) string { return errorOf("invalid_request_error", more) }
	done := paymentOf(payment.Succeeded, payment.Decline{})
	done.Refunded = 500
	for name, tc := range map[string]struct {
		h    http.HandlerFunc
		want payment.Reply
	}{
		"done":                   {refunds(200, refundOf("succeeded", nil), given(500)), payment.Reply{Effect: payment.EffectDone, Payment: done}},
		"on its way":             {refunds(200, refundOf("pending", nil), given(500)), payment.Reply{Effect: payment.EffectDone, Payment: done}},
		"not shown yet":          {refunds(200, refundOf("pending", nil), given(0)), payment.Reply{Reason: "the payment does not show its refund yet"}},
		"impossible":             {refunds(200, refundOf("pending", nil), given(5000)), payment.Reply{Reason: "the payment does not show its refund yet"}},
		"not shown at all":       {refunds(200, refundOf("succeeded", nil), ""), payment.Reply{Reason: "refunded, and then not shown: 200 with a body that cannot be read: it is empty"}},
		"failed":                 {refunds(200, refundOf("failed", nil), given(0)), payment.Reply{Effect: payment.EffectRefused, Reason: "the refund is failed"}},
		"waits for a customer":   {refunds(200, refundOf("requires_action", nil), given(0)), payment.Reply{Reason: `field "status" is "requires_action", which the contract does not have`}},
		"another amount":         {refunds(200, refundOf("succeeded", fields{"amount": 501}), given(501)), payment.Reply{Reason: "200 with another refund than was asked for"}},
		"another payment":        {refunds(200, refundOf("succeeded", fields{"payment_intent": "pi_2"}), given(500)), payment.Reply{Reason: "200 with another refund than was asked for"}},
		"refunded before":        {refunds(400, invalid(fields{"code": "charge_already_refunded"}), given(1299)), payment.Reply{Effect: payment.EffectRefused, Reason: "400 charge_already_refunded"}},
		"disputed":               {refunds(400, invalid(fields{"code": "charge_disputed"}), given(0)), payment.Reply{Effect: payment.EffectRefused, Reason: "400 charge_disputed"}},
		"more than is left":      {refunds(400, invalid(fields{"param": "amount"}), given(1000)), payment.Reply{Effect: payment.EffectRefused, Reason: "400 invalid_request_error"}},
		"nothing was paid":       {refunds(400, invalid(nil), intentOf("requires_payment_method").JSON()), payment.Reply{Effect: payment.EffectRefused, Reason: "400 invalid_request_error"}},
		"for no reason":          {refunds(400, invalid(nil), given(0)), payment.Reply{Reason: "400 invalid_request_error"}},
		"for no reason, unseen":  {refunds(400, invalid(fields{"code": "what_is_this"}), ""), payment.Reply{Reason: "400 what_is_this"}},
		"never known":            {refunds(404, invalid(fields{"code": "resource_missing", "param": "payment_intent"}), notFound), payment.Reply{Effect: payment.EffectRejected, Reason: "404 resource_missing"}},
		"nothing of it was paid": {refunds(404, invalid(fields{"code": "resource_missing"}), intentOf("processing").JSON()), payment.Reply{Effect: payment.EffectRefused, Reason: "404 resource_missing"}},
		"a wrong field":          {refunds(400, invalid(fields{"code": "parameter_unknown"}), given(0)), payment.Reply{Effect: payment.EffectRejected, Reason: "400 parameter_unknown"}},
		"their fault":            {refunds(500, errorOf("api_error", nil), given(500)), payment.Reply{Reason: "500 api_error", Failure: true}},
	} {
		require.Equal(t, tc.want, serve(t, tc.h).Refund(t.Context(), payment.Refund{Key: "rf_1", ID: "pi_1", Amount: 500, Reason: "order_7"}), name)
	}
	var body string
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			b, _ := io.ReadAll(r.Body)
			body = r.RequestURI + " " + string(b)
		}
		refunds(200, refundOf("succeeded", nil), given(500))(w, r)
	})
	client.Refund(t.Context(), payment.Refund{Key: "rf_1", ID: "pi_1", Amount: 500, Reason: "order_7"})
	require.Equal(t, "/v1/refunds payment_intent=pi_1&amount=500&metadata%5Bduly_key%5D=rf_1&metadata%5Bduly_reference%5D=order_7", body)
}

func TestTimesAreUTC(t *testing.T) {
	p := serve(t, canned.Reply(200, intentOf("succeeded").JSON())).Look(t.Context(), payment.Ref{ID: "pi_1"}).Payment
	require.Equal(t, time.UTC, p.CreatedAt.Location())
}
