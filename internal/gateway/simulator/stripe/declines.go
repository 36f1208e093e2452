package stripe

import "duly/internal/gateway/simulator/core"

// decline is how Stripe says why a card was declined. The network's codes are those of Visa, network advice is Mastercard's.
type decline struct {
	code, declineCode, advice, network, networkAdvice string
	message                                           string
}

const cardDeclined = "card_declined"

// declineOf is the decline that an outcome of the simulator ends in; ok is false where it ends in none.
func declineOf(p core.Payment) (d decline, ok bool) {
	switch p.Outcome {
	case "soft":
		return decline{cardDeclined, "do_not_honor", "try_again_later", "05", "02", "Your card was declined."}, true
	case "insufficient_funds", "error_declined":
		return decline{cardDeclined, "insufficient_funds", "try_again_later", "51", "", "Your card has insufficient funds."}, true
	case "limit_exceeded":
		return decline{cardDeclined, "card_velocity_exceeded", "try_again_later", "61", "25", "Your card was declined for making repeated attempts too frequently or exceeding its amount limit."}, true
	case "hard":
		return decline{cardDeclined, "lost_card", "do_not_try_again", "41", "", "Your card was declined."}, true
	case "stolen_card":
		return decline{cardDeclined, "stolen_card", "", "43", "", "Your card was declined."}, true
	case "closed_account": // only the advice says that it is for ever
		return decline{cardDeclined, "generic_decline", "do_not_try_again", "46", "03", "Your card was declined."}, true
	case "action":
		return decline{"authentication_required", "authentication_required", "", "", "", "Your card was declined. This transaction requires authentication."}, true
	case "expired_card":
		return decline{"expired_card", "expired_card", "confirm_card_data", "54", "01", "Your card has expired."}, true
	case "try_later":
		return decline{cardDeclined, "try_again_later", "try_again_later", "", "", "Your card was declined. You can try again in a little bit."}, true
	case "processing_error":
		return decline{"processing_error", "processing_error", "try_again_later", "96", "", "An error occurred while processing your card. Try again in a little bit."}, true
	case "unknown_code":
		return decline{cardDeclined, "moon_in_wrong_phase", "", "", "", "Your card was declined."}, true
	case "no_code":
		return decline{code: cardDeclined, message: "Your card was declined."}, true
	}
	return decline{cardDeclined, "generic_decline", "", "", "", "Your card was declined."}, p.DeclineCode != ""
}

// wireError is d as an error of the API.
func (d decline) wireError(p core.Payment) *wireError {
	return &wireError{
		Type: cardError, Code: d.code, DeclineCode: d.declineCode, AdviceCode: d.advice, NetworkDeclineCode: d.network, NetworkAdviceCode: d.networkAdvice,
		Message: d.message, Charge: chargeID(p), PaymentMethod: &wireMethod{ID: p.Method, Object: "payment_method", Type: card},
	}
}
