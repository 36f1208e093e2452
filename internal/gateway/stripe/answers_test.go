package stripe

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
	"duly/internal/test/canned"
)

// What the record of an answer says counts, and all of it must be the charge's.
func TestRecordsThatAreAnswered(t *testing.T) {
	action := payment.Decline{Class: payment.Action, Code: "authentication_required", Message: "the card's bank asks the customer to authenticate"}
	unfinishedAs := func(status string) payment.Outcome {
		return payment.Outcome{
			PaymentID: "pi_1", Reason: status, LookUpOnly: true, Unfinished: true,
			Decline: payment.Decline{Code: status, Message: "the payment was made and not confirmed"},
		}
	}
	for name, tc := range map[string]struct {
		intent fields
		want   payment.Outcome
	}{
		"succeeded":                   {intentOf("succeeded"), payment.Outcome{Kind: payment.Paid, PaymentID: "pi_1"}},
		"succeeded, its charge by id": {intentOf("succeeded").With(fields{"latest_charge": "ch_1"}), payment.Outcome{Kind: payment.Paid, PaymentID: "pi_1"}},
		"with a whole customer":       {intentOf("succeeded").With(fields{"customer": fields{"id": customer}}), payment.Outcome{Kind: payment.Paid, PaymentID: "pi_1"}},
		"processing":                  {intentOf("processing"), payment.Outcome{PaymentID: "pi_1", Reason: "pending", LookUpOnly: true}},
		"the customer must act":       {intentOf("requires_action"), payment.Outcome{PaymentID: "pi_1", Reason: "requires_action", LookUpOnly: true, Unfinished: true, Decline: action}},
		"not confirmed":               {intentOf("requires_confirmation"), unfinishedAs("requires_confirmation")},
		"never tried":                 {intentOf("requires_payment_method"), unfinishedAs("requires_payment_method")},
		"only authorised":             {intentOf("requires_capture"), payment.Outcome{Kind: payment.Differs, PaymentID: "pi_1", Reason: "authorised and not captured, which duly never asks for"}},
		"cancelled by somebody":       {intentOf("canceled").With(fields{"cancellation_reason": "requested_by_customer"}), payment.Outcome{Kind: payment.Differs, PaymentID: "pi_1", Reason: "cancelled by someone"}},
		"cancelled by Stripe":         {intentOf("canceled").With(fields{"cancellation_reason": "automatic"}), payment.Outcome{Kind: payment.Differs, PaymentID: "pi_1", Reason: "cancelled by someone"}},
		"cancelled by duly":           {intentOf("canceled").With(fields{"cancellation_reason": "abandoned"}), payment.Outcome{Kind: payment.Refused, PaymentID: "pi_1", Reason: "authentication_required", Decline: action}},
		"received less":               {intentOf("succeeded").With(fields{"amount_received": 1000}), payment.Outcome{Kind: payment.Differs, PaymentID: "pi_1", Reason: "gateway booked 10.00 USD, invoice is 12.99 USD"}},
		"another currency":            {intentOf("succeeded").With(fields{"currency": "eur"}), payment.Outcome{Kind: payment.Differs, PaymentID: "pi_1", Reason: "gateway booked 12.99 EUR, invoice is 12.99 USD"}},
		"another customer of his":     {intentOf("succeeded").With(fields{"customer": "cus_other"}), payment.Outcome{Kind: payment.Differs, Reason: "gateway_customer is not ours: payment pi_1"}},
		"another key":                 {intentOf("succeeded").With(fields{"metadata": fields{"duly_key": "k"}}), payment.Outcome{Kind: payment.Differs, Reason: "idempotency_key is not ours: payment pi_1"}},
		"no metadata":                 {intentOf("succeeded").With(fields{"metadata": nil}), payment.Outcome{Kind: payment.Differs, Reason: "idempotency_key is not ours: payment pi_1"}},
		"an unknown status":           {intentOf("requires_luck"), payment.Outcome{Unreadable: true, Reason: `200 with a body that cannot be read: field "status" is "requires_luck", which the contract does not have`}},
		"no amount":                   {intentOf("succeeded").With(fields{"amount": nil}), payment.Outcome{Unreadable: true, Reason: `200 with a body that cannot be read: field "amount" is missing`}},
		"no currency":                 {intentOf("succeeded").With(fields{"currency": nil}), payment.Outcome{Unreadable: true, Reason: `200 with a body that cannot be read: field "currency" is missing`}},
		"no id":                       {intentOf("succeeded").With(fields{"id": nil}), payment.Outcome{Unreadable: true, Reason: `200 with a body that cannot be read: field "id" is missing`}},
		"something else":              {intentOf("succeeded").With(fields{"object": "charge"}), payment.Outcome{Unreadable: true, Reason: `200 with a body that cannot be read: it is no payment_intent`}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, serve(t, canned.Reply(http.StatusOK, tc.intent.JSON())).Charge(t.Context(), charge()))
		})
	}
}

func TestDeclinesThatAreAnswered(t *testing.T) {
	for name, tc := range map[string]struct {
		body string
		want payment.Outcome
	}{
		"with everything": {
			declineOf(fields{"decline_code": "insufficient_funds", "network_decline_code": "51", "network_advice_code": "24"}),
			payment.Outcome{Kind: payment.Refused, PaymentID: "pi_1", Reason: "insufficient_funds", Decline: payment.Decline{
				Class: payment.Soft, Code: "insufficient_funds", NetworkCode: "51", AdviceCode: "24", Message: "Your card was declined.",
			}},
		},
		"for now": {
			declineOf(fields{"code": "processing_error", "decline_code": "processing_error"}),
			payment.Outcome{Kind: payment.TryLater, PaymentID: "pi_1", Reason: "processing_error", Decline: payment.Decline{Code: "processing_error", Message: "Your card was declined."}},
		},
		"suspected fraud is not told": {
			declineOf(fields{"decline_code": "fraudulent", "message": "We think that you are a thief."}),
			payment.Outcome{Kind: payment.Refused, PaymentID: "pi_1", Reason: "generic_decline", Decline: payment.Decline{Class: payment.Soft, Code: "generic_decline", Message: "the card was declined"}},
		},
		"of another charge": {
			fields{"error": fields{"type": "card_error", "code": "card_declined", "payment_intent": intentOf("requires_payment_method").With(fields{"metadata": fields{}})}}.JSON(),
			payment.Outcome{Kind: payment.Differs, Reason: "idempotency_key is not ours: payment pi_1"},
		},
		"asks for authentication and waits": {
			fields{"error": fields{"type": "card_error", "code": "authentication_required", "payment_intent": intentOf("requires_action")}}.JSON(),
			payment.Outcome{PaymentID: "pi_1", Reason: "requires_action", LookUpOnly: true, Unfinished: true, Decline: unfinished("requires_action")},
		},
		"and yet it succeeded": {
			fields{"error": fields{"type": "card_error", "code": "card_declined", "payment_intent": intentOf("succeeded")}}.JSON(),
			payment.Outcome{PaymentID: "pi_1", Reason: "402 card_declined, with a payment that is succeeded", LookUpOnly: true, LookNow: true},
		},
		"and it is processing": {
			fields{"error": fields{"type": "card_error", "code": "card_declined", "payment_intent": intentOf("processing")}}.JSON(),
			payment.Outcome{PaymentID: "pi_1", Reason: "402 card_declined, with a payment that is processing", LookUpOnly: true, LookNow: true},
		},
		"without its record": {
			errorOf("card_error", fields{"code": "card_declined"}),
			payment.Outcome{Reason: "402 card_declined: Something about it.", LookUpOnly: true, LookNow: true, Answered: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, serve(t, canned.Reply(http.StatusPaymentRequired, tc.body)).Charge(t.Context(), charge()))
		})
	}
}

func TestErrorsThatMadeNoRecord(t *testing.T) {
	const invalid = "invalid_request_error"
	for name, tc := range map[string]struct {
		status int
		body   string
		header []string
		want   payment.Outcome
	}{
		"the method is gone": {
			400, errorOf(invalid, fields{"code": "resource_missing", "param": "payment_method"}), nil,
			payment.Outcome{Kind: payment.Refused, Unrecorded: true, Reason: "resource_missing", Decline: payment.Decline{Class: payment.Action, Code: "resource_missing", Message: "Something about it."}},
		},
		"the customer is gone": {
			400, errorOf(invalid, fields{"code": "resource_missing", "param": "customer"}), nil,
			payment.Outcome{Kind: payment.Rejected, Reason: "400 resource_missing: Something about it."},
		},
		"without a code":                     {400, errorOf(invalid, nil), nil, payment.Outcome{Kind: payment.Rejected, Reason: "400 invalid_request_error: Something about it."}},
		"a code nobody knows":                {400, errorOf(invalid, fields{"code": "what_is_this"}), nil, payment.Outcome{Reason: "400 what_is_this: Something about it.", Answered: true}},
		"a status nobody knows":              {418, errorOf(invalid, nil), nil, payment.Outcome{Reason: "418 invalid_request_error: Something about it.", Answered: true}},
		"a reused key":                       {400, errorOf("idempotency_error", nil), nil, payment.Outcome{Reason: "400 idempotency_error: Something about it.", LookUpOnly: true, LookNow: true}},
		"the key is in use":                  {409, errorOf("idempotency_error", fields{"code": "idempotency_key_in_use"}), nil, payment.Outcome{Reason: "409 idempotency_key_in_use: Something about it."}},
		"the key is in use, of another type": {409, errorOf(invalid, fields{"code": "idempotency_key_in_use"}), nil, payment.Outcome{Reason: "409 idempotency_key_in_use: Something about it."}},
		"too fast":                           {429, errorOf(invalid, fields{"code": "rate_limit"}), []string{"Retry-After", "7"}, payment.Outcome{Kind: payment.NotExecuted, Reason: "429 rate_limit: Something about it.", RetryAfter: 7 * time.Second}},
		"locked":                             {429, errorOf(invalid, fields{"code": "lock_timeout"}), nil, payment.Outcome{Kind: payment.NotExecuted, Reason: "429 lock_timeout: Something about it."}},
		"too fast without a code":            {429, errorOf(invalid, nil), nil, payment.Outcome{Kind: payment.NotExecuted, Reason: "429 invalid_request_error: Something about it."}},
		"our key is wrong":                   {401, errorOf(invalid, nil), nil, payment.Outcome{Kind: payment.Misconfigured, Unkept: true, Answered: true, Reason: "401 invalid_request_error: Something about it."}},
		"our key may not":                    {403, errorOf(invalid, nil), nil, payment.Outcome{Kind: payment.Misconfigured, Answered: true, Reason: "403 invalid_request_error: Something about it."}},
		"a key of test mode":                 {400, errorOf(invalid, fields{"code": "testmode_charges_only"}), nil, payment.Outcome{Kind: payment.Misconfigured, Answered: true, Reason: "400 testmode_charges_only: Something about it."}},
		"their fault":                        {500, errorOf("api_error", nil), nil, payment.Outcome{Reason: "500 api_error: Something about it.", Answered: true, Failure: true}},
		"their fault, kept":                  {500, errorOf("api_error", nil), []string{"Stripe-Should-Retry", "false"}, payment.Outcome{Reason: "500 api_error: Something about it.", Answered: true, Failure: true, LookUpOnly: true, LookNow: true}},
		"their fault, again":                 {500, errorOf("api_error", nil), []string{"Stripe-Should-Retry", "true"}, payment.Outcome{Reason: "500 api_error: Something about it.", Answered: true, Failure: true}},
		"their fault, as a 400":              {400, errorOf("api_error", nil), nil, payment.Outcome{Reason: "400 api_error: Something about it.", Answered: true}},
		"a proxy's page":                     {502, "<html>", nil, payment.Outcome{Reason: "502 with an HTML page", Failure: true, Page: true}},
		"a page for a 200":                   {200, "<html>", nil, payment.Outcome{Reason: "200 with an HTML page", Failure: true, Page: true}},
		"a bare 401":                         {401, "", nil, payment.Outcome{Reason: "401 Unauthorized", Unreadable: true}},
		"a bare 400":                         {400, "{}", nil, payment.Outcome{Reason: "400 Bad Request", Unreadable: true}},
		"a bare 402":                         {402, `{"error":"x"}`, nil, payment.Outcome{Reason: "402 Payment Required", Unreadable: true}},
		"a bare 429":                         {429, "", nil, payment.Outcome{Reason: "429 Too Many Requests"}},
		"a bare 503":                         {503, "", nil, payment.Outcome{Reason: "503 Service Unavailable", Failure: true}},
		"a redirect":                         {302, "", []string{"Location", "/v1/payment_intents"}, payment.Outcome{Reason: "302 Found", Unreadable: true}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, serve(t, canned.Reply(tc.status, tc.body, tc.header...)).Charge(t.Context(), charge()))
		})
	}
}
