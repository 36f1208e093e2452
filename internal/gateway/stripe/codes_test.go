package stripe

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
	"duly/internal/test/canned"
)

// expected is what each code means, written beside the vendor's name of it.
var expected = [][3]string{
	{"decline_code", "incorrect_number", "hard"},
	{"decline_code", "lost_card", "hard"},
	{"decline_code", "stolen_card", "hard"},
	{"decline_code", "pickup_card", "hard"},
	{"decline_code", "revocation_of_authorization", "hard"},
	{"decline_code", "revocation_of_all_authorizations", "hard"},
	{"decline_code", "stop_payment_order", "hard"},
	{"decline_code", "do_not_try_again", "hard"},
	{"decline_code", "merchant_blacklist", "hard"},
	{"decline_code", "testmode_decline", "hard"},
	{"outcome.reason", "highest_risk_level", "hard"},
	{"decline_code", "authentication_required", "action"},
	{"decline_code", "expired_card", "action"},
	{"decline_code", "incorrect_cvc", "action"},
	{"decline_code", "invalid_cvc", "action"},
	{"decline_code", "incorrect_pin", "action"},
	{"decline_code", "invalid_pin", "action"},
	{"decline_code", "pin_try_exceeded", "action"},
	{"decline_code", "incorrect_zip", "action"},
	{"decline_code", "invalid_number", "action"},
	{"decline_code", "invalid_expiry_month", "action"},
	{"decline_code", "invalid_expiry_year", "action"},
	{"decline_code", "invalid_account", "action"},
	{"decline_code", "card_not_supported", "action"},
	{"decline_code", "currency_not_supported", "action"},
	{"decline_code", "transaction_not_allowed", "action"},
	{"decline_code", "restricted_card", "action"},
	{"decline_code", "not_permitted", "action"},
	{"decline_code", "service_not_allowed", "action"},
	{"decline_code", "offline_pin_required", "action"},
	{"decline_code", "online_or_offline_pin_required", "action"},
	{"decline_code", "new_account_information_available", "action"},
	{"decline_code", "insufficient_funds", "soft"},
	{"decline_code", "generic_decline", "soft"},
	{"decline_code", "do_not_honor", "soft"},
	{"decline_code", "card_velocity_exceeded", "soft"},
	{"decline_code", "withdrawal_count_limit_exceeded", "soft"},
	{"decline_code", "call_issuer", "soft"},
	{"decline_code", "fraudulent", "soft"},
	{"decline_code", "invalid_amount", "soft"},
	{"decline_code", "no_action_taken", "soft"},
	{"decline_code", "security_violation", "soft"},
	{"decline_code", "duplicate_transaction", "soft"},
	{"decline_code", "processing_error", "later"},
	{"decline_code", "try_again_later", "later"},
	{"decline_code", "issuer_not_available", "later"},
	{"decline_code", "reenter_transaction", "later"},
	{"decline_code", "approve_with_id", "later"},
	{"advice_code", "do_not_try_again", "hard"},
	{"advice_code", "confirm_card_data", "action"},
	{"advice_code", "try_again_later", "soft"},
	{"network_advice_code", "03", "hard"},
	{"network_advice_code", "21", "hard"},
	{"network_advice_code", "01", "action"},
	{"network_advice_code", "04", "action"},
	{"network_advice_code", "22", "action"},
	{"network_advice_code", "02", "soft"},
	{"network_advice_code", "24", "soft"},
	{"network_advice_code", "25", "soft"},
	{"network_advice_code", "26", "soft"},
	{"network_advice_code", "27", "soft"},
	{"network_advice_code", "28", "soft"},
	{"network_advice_code", "29", "soft"},
	{"network_advice_code", "30", "soft"},
	{"code", "payment_method_unactivated", "action"},
	{"code", "payment_method_unexpected_state", "action"},
	{"code", "payment_intent_authentication_failure", "action"},
	{"code", "payment_intent_mandate_invalid", "action"},
	{"code", "india_recurring_payment_mandate_canceled", "action"},
	{"code", "payment_method_customer_decline", "action"},
	{"code", "debit_not_authorized", "action"},
	{"code", "account_closed", "action"},
	{"code", "no_account", "action"},
	{"code", "refer_to_customer", "action"},
	{"code", "resource_missing:payment_method", "action"},
	{"code", "payment_method_provider_decline", "soft"},
	{"code", "charge_exceeds_transaction_limit", "soft"},
	{"code", "charge_exceeds_source_limit", "soft"},
	{"code", "card_decline_rate_limit_exceeded", "soft"},
	{"code", "insufficient_funds", "soft"},
	{"code", "card_declined", "soft"},
	{"code", "payment_method_provider_timeout", "look"},
	{"code", "payment_intent_unexpected_state", "look"},
	{"code", "intent_invalid_state", "look"},
	{"code", "resource_already_exists", "look"},
	{"code", "parameter_invalid_empty", "rejected"},
	{"code", "parameter_invalid_integer", "rejected"},
	{"code", "parameter_invalid_string_blank", "rejected"},
	{"code", "parameter_invalid_string_empty", "rejected"},
	{"code", "parameter_missing", "rejected"},
	{"code", "parameter_unknown", "rejected"},
	{"code", "parameters_exclusive", "rejected"},
	{"code", "resource_missing", "rejected"},
	{"code", "amount_too_small", "rejected"},
	{"code", "amount_too_large", "rejected"},
	{"code", "invalid_charge_amount", "rejected"},
	{"code", "invalid_characters", "rejected"},
	{"code", "payment_method_currency_mismatch", "rejected"},
	{"code", "payment_intent_incompatible_payment_method", "rejected"},
	{"code", "payment_intent_invalid_parameter", "rejected"},
	{"code", "payment_method_invalid_parameter", "rejected"},
	{"code", "payment_method_unsupported_type", "rejected"},
	{"code", "api_key_expired", "misconfigured"},
	{"code", "platform_api_key_expired", "misconfigured"},
	{"code", "secret_key_required", "misconfigured"},
	{"code", "livemode_mismatch", "misconfigured"},
	{"code", "testmode_charges_only", "misconfigured"},
	{"code", "tls_version_unsupported", "misconfigured"},
	{"code", "account_invalid", "misconfigured"},
	{"code", "not_allowed_on_standard_account", "misconfigured"},
	{"code", "rate_limit", "none"},
	{"code", "lock_timeout", "none"},
	{"code", "payment_intent_rate_limit_exceeded", "none"},
	{"code", "idempotency_key_in_use", "doubt"},
	{"type", "idempotency_error", "look"},
	{"type", "api_error", "doubt"},
}

func TestStripeEveryCodeHasItsClass(t *testing.T) {
	codes := Codes()
	refused := []string{"charge_already_refunded", "charge_disputed", "charge_not_refundable", "payment_intent_unexpected_state"}
	require.Len(t, codes, len(expected)+len(refused))
	for i, code := range refused {
		got := codes[len(expected)+i]
		require.Equal(t, [3]string{"refund", code, "refused"}, [3]string{got.Of, got.Code, got.Class})
	}
	seen := map[[3]string]bool{}
	declines := 0
	for i, want := range expected {
		code, about, _ := strings.Cut(want[1], ":")
		got := codes[i]
		require.Equal(t, [3]string{code, "as " + want[0] + strings.TrimSuffix(" about "+about, " about "), want[2]}, [3]string{got.Code, got.Meaning, got.Class})
		require.Equal(t, "charge", got.Of)
		require.NotEmpty(t, got.Source)
		require.Contains(t, []string{"A", "B", "C"}, got.Certainty)
		require.False(t, seen[want], "%s twice", got.Code)
		seen[want] = true
		if want[0] == "decline_code" {
			declines++
		}
	}
	require.Equal(t, 47, declines, "as many as the SDK knows")
}

// Each code does in an answer what its class says.
func TestStripeEveryCodeInAnAnswer(t *testing.T) {
	for _, row := range expected {
		field, code, kind := row[0], row[1], row[2]
		var o payment.Outcome
		switch field {
		case "decline_code":
			o = serve(t, canned.Reply(http.StatusPaymentRequired, declineOf(fields{"decline_code": code}))).Charge(t.Context(), charge())
		case "advice_code", "network_advice_code":
			o = serve(t, canned.Reply(http.StatusPaymentRequired, declineOf(fields{field: code}))).Charge(t.Context(), charge())
		case "outcome.reason":
			body := strings.Replace(declineOf(fields{"decline_code": "fraudulent"}), `"latest_charge":null`, `"latest_charge":{"id":"ch_1","outcome":{"reason":"`+code+`"}}`, 1)
			o = serve(t, canned.Reply(http.StatusPaymentRequired, body)).Charge(t.Context(), charge())
		case "code":
			name, param, _ := strings.Cut(code, ":")
			o = serve(t, canned.Reply(http.StatusBadRequest, errorOf("invalid_request_error", fields{"code": name, "param": param}))).Charge(t.Context(), charge())
		case "type":
			o = serve(t, canned.Reply(http.StatusBadRequest, errorOf(code, nil))).Charge(t.Context(), charge())
		}
		switch kind {
		case "soft", "hard", "action":
			require.Equal(t, payment.Refused, o.Kind, "%s %s: %+v", field, code, o)
			require.Equal(t, payment.Class(kind), o.Decline.Class, "%s %s", field, code)
			require.Equal(t, field == "code", o.Unrecorded)
		case "later":
			require.Equal(t, payment.TryLater, o.Kind, code)
		case "look":
			require.Equal(t, payment.InDoubt, o.Kind, code)
			require.True(t, o.LookUpOnly && o.LookNow, code)
		case "doubt":
			require.Equal(t, payment.InDoubt, o.Kind, code)
			require.False(t, o.LookUpOnly, code)
		case "none":
			require.Equal(t, payment.NotExecuted, o.Kind, code)
		case "rejected":
			require.Equal(t, payment.Rejected, o.Kind, code)
		case "misconfigured":
			require.Equal(t, payment.Misconfigured, o.Kind, code)
		default:
			t.Fatalf("no class %q", kind)
		}
	}
}

// Advice comes before the code, and the network's after Stripe's own. To try again is no reason to take a decline for less than soft.
func TestAdviceComesFirst(t *testing.T) {
	for name, tc := range map[string]struct {
		said fields
		want payment.Class
		kind payment.Kind
	}{
		"no advice, for now":               {fields{"decline_code": "issuer_not_available"}, "", payment.TryLater},
		"again, for now":                   {fields{"decline_code": "issuer_not_available", "advice_code": "try_again_later"}, payment.Soft, payment.Refused},
		"again, and an action":             {fields{"decline_code": "expired_card", "advice_code": "try_again_later"}, payment.Action, payment.Refused},
		"again, and lost":                  {fields{"decline_code": "lost_card", "advice_code": "try_again_later"}, payment.Hard, payment.Refused},
		"never again":                      {fields{"decline_code": "insufficient_funds", "advice_code": "do_not_try_again"}, payment.Hard, payment.Refused},
		"the data":                         {fields{"decline_code": "do_not_honor", "advice_code": "confirm_card_data", "network_advice_code": "03"}, payment.Action, payment.Refused},
		"never, by the network":            {fields{"decline_code": "do_not_honor", "network_advice_code": "03"}, payment.Hard, payment.Refused},
		"wait, by the network":             {fields{"decline_code": "try_again_later", "network_advice_code": "24"}, payment.Soft, payment.Refused},
		"a number that says nothing of it": {fields{"decline_code": "try_again_later", "network_advice_code": "40"}, "", payment.TryLater},
		"a number of another network":      {fields{"decline_code": "do_not_honor", "network_advice_code": "03", "payment_method": fields{"card": fields{"brand": "visa"}}}, payment.Soft, payment.Refused},
		"a code that nobody knows":         {fields{"decline_code": "the_moon"}, payment.Soft, payment.Refused},
		"by its other code":                {fields{"decline_code": nil, "code": "expired_card"}, payment.Action, payment.Refused},
		"nothing at all":                   {fields{"decline_code": nil, "code": nil}, payment.Soft, payment.Refused},
	} {
		o := serve(t, canned.Reply(http.StatusPaymentRequired, declineOf(tc.said))).Charge(t.Context(), charge())
		require.Equal(t, tc.kind, o.Kind, name)
		require.Equal(t, tc.want, o.Decline.Class, name)
	}
}
