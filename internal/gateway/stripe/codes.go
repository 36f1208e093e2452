package stripe

import (
	"net/http"
	"slices"
	"strings"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// class is what a code says of a charge: one of payment's classes of decline, or one of those below.
type class string

// The classes.
const (
	soft   = class(payment.Soft)
	hard   = class(payment.Hard)
	action = class(payment.Action)
	// later is a definite no that passes, and uses up no stage.
	later class = "later"
	// look: the record says what became of it, and the key brings nothing else.
	look class = "look"
	// doubt: it may have been executed; the same key tells.
	doubt class = "doubt"
	// none: this one request did nothing.
	none class = "none"
	// rejected: this request can never work.
	rejected class = "rejected"
	// misconf: our own account or key is wrong.
	misconf class = "misconfigured"
)

// decline is the class of a decline; ok is false if c is none.
func (c class) decline() (d payment.Class, ok bool) {
	switch c { //nolint:exhaustive // the others are none
	case soft, hard, action:
		return payment.Class(c), true
	case later:
		return "", true
	}
	return "", false
}

// row is what this package makes of a code of Stripe's, in a field of an error.
type row struct {
	field, code string
	is          class
	// source is where the code was read, and certainty that of gateway.Code.
	source, certainty string
}

// The fields that codes stand in.
const (
	fieldDecline = "decline_code"
	fieldCode    = "code"
	fieldType    = "type"
	fieldAdvice  = "advice_code"
	fieldNetwork = "network_advice_code"
	fieldReason  = "outcome.reason"
)

// missingMethod is the code resource_missing of an error about the payment method: the customer has to give another one.
const missingMethod = "resource_missing:payment_method"

const (
	sdk      = "stripe-go v84.4.1"
	docs     = "docs.stripe.com"
	networks = "Mastercard's advice codes, as acquirers publish them"
)

// Codes lists every code that is known, for people. Whatever is not listed declines softly where Stripe says that it is a decline, and
// leaves the charge in doubt elsewhere.
func Codes() []gateway.Code {
	all := make([]gateway.Code, len(table))
	for i, r := range table {
		code, about, _ := strings.Cut(r.code, ":")
		if about != "" {
			about = " about " + about
		}
		all[i] = gateway.Code{Code: code, Of: "charge", Class: string(r.is), Meaning: "as " + r.field + about, Source: r.source, Certainty: r.certainty}
	}
	for _, code := range refusals {
		all = append(all, gateway.Code{
			Code: code, Status: http.StatusBadRequest, Of: "refund", Class: payment.EffectRefused.String(), Meaning: "as " + fieldCode, Source: sdk, Certainty: "A",
		})
	}
	return all
}

//nolint:gochecknoglobals // a constant table
var table = slices.Concat(
	rows(fieldDecline, hard, sdk, "A", "incorrect_number", "lost_card", "stolen_card", "pickup_card", "revocation_of_authorization",
		"revocation_of_all_authorizations", "stop_payment_order", "do_not_try_again", "merchant_blacklist", "testmode_decline"),
	rows(fieldReason, hard, docs, "A", "highest_risk_level"),
	rows(fieldDecline, action, sdk, "A", "authentication_required", "expired_card", "incorrect_cvc", "invalid_cvc", "incorrect_pin", "invalid_pin",
		"pin_try_exceeded", "incorrect_zip", "invalid_number", "invalid_expiry_month", "invalid_expiry_year", "invalid_account", "card_not_supported",
		"currency_not_supported", "transaction_not_allowed", "restricted_card", "not_permitted", "service_not_allowed", "offline_pin_required",
		"online_or_offline_pin_required", "new_account_information_available"),
	rows(fieldDecline, soft, sdk, "A", "insufficient_funds", "generic_decline", "do_not_honor", "card_velocity_exceeded", "withdrawal_count_limit_exceeded",
		"call_issuer", "fraudulent", "invalid_amount", "no_action_taken", "security_violation", "duplicate_transaction"),
	rows(fieldDecline, later, sdk, "A", "processing_error", "try_again_later", "issuer_not_available", "reenter_transaction", "approve_with_id"),

	rows(fieldAdvice, hard, docs, "A", "do_not_try_again"),
	rows(fieldAdvice, action, docs, "A", "confirm_card_data"),
	rows(fieldAdvice, soft, docs, "A", "try_again_later"), // at best: see declineClass
	rows(fieldNetwork, hard, networks, "B", "03", "21"),
	rows(fieldNetwork, action, networks, "B", "01", "04", "22"),
	rows(fieldNetwork, soft, networks, "B", "02", "24", "25", "26", "27", "28", "29", "30"), // at best

	rows(fieldCode, action, sdk, "A", "payment_method_unactivated", "payment_method_unexpected_state", "payment_intent_authentication_failure",
		"payment_intent_mandate_invalid", "india_recurring_payment_mandate_canceled", "payment_method_customer_decline", "debit_not_authorized",
		"account_closed", "no_account", "refer_to_customer", missingMethod),
	rows(fieldCode, soft, sdk, "A", "payment_method_provider_decline", "charge_exceeds_transaction_limit", "charge_exceeds_source_limit",
		"card_decline_rate_limit_exceeded", "insufficient_funds", "card_declined"),
	rows(fieldCode, look, sdk, "A", "payment_method_provider_timeout", "payment_intent_unexpected_state", "intent_invalid_state", "resource_already_exists"),
	rows(fieldCode, rejected, sdk, "A", "parameter_invalid_empty", "parameter_invalid_integer", "parameter_invalid_string_blank",
		"parameter_invalid_string_empty", "parameter_missing", "parameter_unknown", "parameters_exclusive", "resource_missing", "amount_too_small",
		"amount_too_large", "invalid_charge_amount", "invalid_characters", "payment_method_currency_mismatch",
		"payment_intent_incompatible_payment_method", "payment_intent_invalid_parameter", "payment_method_invalid_parameter",
		"payment_method_unsupported_type"),
	rows(fieldCode, misconf, sdk, "A", "api_key_expired", "platform_api_key_expired", "secret_key_required", "livemode_mismatch",
		"testmode_charges_only", "tls_version_unsupported", "account_invalid", "not_allowed_on_standard_account"),
	rows(fieldCode, none, sdk, "A", "rate_limit", "lock_timeout", "payment_intent_rate_limit_exceeded"),
	rows(fieldCode, doubt, docs, "A", keyInUse),
	rows(fieldType, look, docs, "A", typeIdempotency),
	rows(fieldType, doubt, docs, "A", typeAPI),
)

func rows(field string, c class, source, certainty string, codes ...string) []row {
	out := make([]row, len(codes))
	for i, code := range codes {
		out[i] = row{field, code, c, source, certainty}
	}
	return out
}

// classes is the table by field and code.
var classes = func() map[[2]string]class { //nolint:gochecknoglobals // a constant table
	out := make(map[[2]string]class, len(table))
	for _, r := range table {
		out[[2]string{r.field, r.code}] = r.is
	}
	return out
}()

// known is the class of a code in a field.
func known(field, code string) (class, bool) {
	c, ok := classes[[2]string{field, code}]
	return c, ok
}
