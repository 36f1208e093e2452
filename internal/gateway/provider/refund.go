package provider

import (
	"errors"
	"fmt"

	"duly/internal/gateway/exchange"
	"duly/internal/payment"
)

// CheckRefund returns why r cannot be sent to a provider whose addresses contain the payment's id.
func CheckRefund(r payment.Refund) error {
	switch {
	case r.Key == "":
		return errors.New("the idempotency key is missing")
	case !exchange.Segment(r.ID):
		return errors.New("the payment's id is missing, or cannot be part of an address")
	case r.Amount < 1:
		return errors.New("the amount must be at least 1")
	}
	return nil
}

// Reason is the text of a refund that the provider keeps, with the [Tag] of its key at its end. It has at most longest characters, cut
// before the tag; 0: as many as there are.
func Reason(r payment.Refund, longest int) string {
	text, tag := []rune(r.Reason), " "+Tag(r.Key)
	if len(text) == 0 {
		text = []rune("refund")
	}
	if most := longest - len(tag); longest > 0 && len(text) > most {
		text = text[:most]
	}
	return string(text) + tag
}

// LookupFailed is the reply to a refund if the look-up of its payment failed: no request was sent that moves money. text is the answer for people;
// absent: the provider has no such payment; misconfigured: it refused the credentials.
func LookupFailed(a exchange.Answer, text string, absent, misconfigured bool) payment.Reply {
	r := payment.Reply{Effect: payment.EffectNone, RetryAfter: a.RetryAfter}
	if o, ok := a.Unanswered(); ok {
		r.Reason, r.Failure = o.Reason, o.Failure
		return r
	}
	r.Reason, r.Failure = text, Failed(a)
	switch {
	case absent:
		r.Effect = payment.EffectRejected
	case misconfigured:
		r.Effect = payment.EffectMisconfigured
	}
	return r
}

// Refundable reports whether enough of p is left to refund r; if not, the reply says how much is left.
func Refundable(p payment.Payment, r payment.Refund) (reply payment.Reply, ok bool) {
	switch left := p.Money.Amount - p.Refunded; {
	case p.Status != payment.Succeeded:
		return payment.Reply{Effect: payment.EffectRefused, Reason: "the payment is " + string(p.Status)}, false
	case r.Amount > left:
		return payment.Reply{Effect: payment.EffectRefused, Reason: fmt.Sprintf("%d of it are left to refund", max(left, 0))}, false
	}
	return payment.Reply{}, true
}

// RefundedBefore is the reply to a refund whose key was used before for amount, with the current payment.
func RefundedBefore(p payment.Payment, amount int64, r payment.Refund) payment.Reply {
	if amount == r.Amount {
		return payment.Reply{Effect: payment.EffectDone, Payment: &p}
	}
	return payment.Reply{Effect: payment.EffectRefused, Reason: fmt.Sprintf("%d were refunded under its key", amount)}
}
