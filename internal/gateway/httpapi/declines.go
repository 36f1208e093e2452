package httpapi

import "duly/internal/payment"

// classes says what a decline code means for the payment method. The empty class is a definite no that the
// gateway expects to pass the same day.
var classes = map[string]payment.Class{ //nolint:gochecknoglobals // a constant table
	"insufficient_funds":              payment.Soft,
	"limit_exceeded":                  payment.Soft,
	"generic_decline":                 payment.Soft,
	"do_not_honor":                    payment.Soft,
	"card_velocity_exceeded":          payment.Soft,
	"withdrawal_count_limit_exceeded": payment.Soft,

	"lost_card":                        payment.Hard,
	"stolen_card":                      payment.Hard,
	"pickup_card":                      payment.Hard,
	"account_closed":                   payment.Hard,
	"closed_account":                   payment.Hard,
	"incorrect_number":                 payment.Hard,
	"revocation_of_authorization":      payment.Hard,
	"revocation_of_all_authorizations": payment.Hard,
	"highest_risk_level":               payment.Hard,

	"authentication_required": payment.Action,
	"expired_card":            payment.Action,
	"incorrect_cvc":           payment.Action,
	"invalid_expiry_month":    payment.Action,
	"invalid_expiry_year":     payment.Action,
	"card_not_supported":      payment.Action,
	"currency_not_supported":  payment.Action,
	"transaction_not_allowed": payment.Action,
	"restricted_card":         payment.Action,

	"processing_error":     "",
	"try_again_later":      "",
	"issuer_not_available": "",
	"reenter_transaction":  "",
}

// codeOf leaves the codes of the API as they are; of another one the text is told.
func codeOf(code string, text func(string) string) string {
	if _, ok := classes[code]; ok {
		return code
	}
	return text(code)
}

// classOf prefers our table to the gateway's hint; a code that neither knows is soft, which costs a stage
// but never gives up a method that works.
func classOf(code, hint string) payment.Class {
	if class, ok := classes[code]; ok {
		return class
	}
	switch class := payment.Class(hint); class {
	case payment.Soft, payment.Hard, payment.Action:
		return class
	}
	return payment.Soft
}
