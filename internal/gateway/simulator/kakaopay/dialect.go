// Package kakaopay makes the simulator speak KakaoPay's subscriptions: docs/kakaopay-api.yaml.
//
// There are no keys: every request that arrives charges, and a payment is found by the tid of its answer alone. So a lost answer
// loses the payment. The last approval of a SID proves that some charge of it was done, not which.
//
// A partner_order_id that ends in -N is duly's key of attempt N: the ledger's reference is what comes before. A SID is any text, so that a
// method can be named; it belongs to the partner_user_id of its first payment. Of the method_result_codes only USER_LOCKED is
// documented; the others here are made up, as what no adapter knows. What KakaoPay leaves open is decided against the
// caller: −780 to −782 come as 400 or as 500, a pending charge answers 200 without approved_at, and a cancellation that will be done later, or never,
// answers −781.
package kakaopay

import (
	"crypto/subtle"
	"net/http"
	"strings"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/plan"
	"duly/internal/payment"
)

// Dialect is KakaoPay.
type Dialect struct{}

// New returns the dialect.
func New() Dialect { return Dialect{} }

// tidPrefix makes ids of 20 characters.
const tidPrefix = "T000000000"

// Rules implements [core.Dialect]. The handle, partner_order_id, is no id: it may be charged any number of times.
func (Dialect) Rules() core.Rules { return core.Rules{IDPrefix: tidPrefix, ByMethod: true} }

// Routes implements [core.Dialect].
func (Dialect) Routes(s *core.Simulator, mux *http.ServeMux) {
	a := api{s}
	mux.HandleFunc("POST /online/v1/payment/subscription", a.pay)
	mux.HandleFunc("POST /online/v1/payment/order", a.order)
	mux.HandleFunc("POST /online/v1/payment/cancel", a.cancel)
	mux.HandleFunc("POST /online/v1/payment/manage/subscription/status", a.subscriptionStatus)
	mux.HandleFunc("POST /online/v1/payment/manage/subscription/inactive", a.deactivate)
}

// Authorized implements [core.Dialect].
func (Dialect) Authorized(r *http.Request, token string) bool {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "SECRET_KEY ")
	return ok && subtle.ConstantTimeCompare([]byte(given), []byte(token)) == 1
}

// Keeps implements [core.Dialect]: there are no keys.
func (Dialect) Keeps(core.Answer) bool { return false }

// Replayed implements [core.Dialect].
func (Dialect) Replayed(a core.Answer) core.Answer { return a }

// Handle implements [core.Dialect].
func (Dialect) Handle(key string) string { return key }

// The error codes.
const (
	badOrder         = -703
	tooMuchToCancel  = -710
	nothingToCancel  = -711
	noPayment        = -721
	badAmount        = -722
	rejected         = -724
	badCID           = -731
	noSID            = -750
	inactiveSID      = -751
	spentSID         = -752
	otherUser        = -753
	cancelFailed     = -781
	paymentFailed    = -782
	notCancellable   = -784
	askedTwice       = -785
	aboveLimit       = -797
	forbiddenAddress = -798
	unauthorized     = -401
	internalError    = -500
)

// wireError is an error of the API.
type wireError struct {
	Code    int         `json:"error_code"`
	Message string      `json:"error_message"`
	Extras  *wireExtras `json:"extras,omitempty"`
}

type wireExtras struct {
	MethodResultCode    string `json:"method_result_code"`
	MethodResultMessage string `json:"method_result_message"`
}

func failed(status, code int, message string) core.Answer {
	return core.JSON(status, wireError{Code: code, Message: message})
}

// refused is failed where the error says that nothing was done.
func refused(status, code int, message string) core.Answer {
	a := failed(status, code, message)
	a.Refused = true
	return a
}

// statusOf is the status of an error that older lists give with 500 and newer ones with 400.
func statusOf(subject string) int {
	if plan.Hash('s', subject)%2 == 0 {
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// Charged implements [core.Dialect].
func (Dialect) Charged(p core.Payment) core.Answer {
	if p.Status == payment.Declined {
		return declined(p)
	}
	return core.JSON(http.StatusOK, approved(p))
}

// declined says why p was.
func declined(p core.Payment) core.Answer {
	e := wireError{Code: paymentFailed, Message: "subscription payment failed"}
	switch p.Outcome {
	case "soft":
		return failed(http.StatusBadRequest, spentSID, "this SID has no more payments this month")
	case "limit_exceeded":
		return failed(http.StatusBadRequest, aboveLimit, "above the limit of one payment")
	case plan.OutcomeNoCode:
	case "try_later":
		e.Extras = &wireExtras{"USER_LOCKED", "the user is locked for now"}
	default:
		e.Extras = &wireExtras{strings.ToUpper(p.DeclineCode), p.Decline.Message}
	}
	return core.JSON(statusOf(p.Key), e)
}

// Refuse implements [core.Dialect].
func (Dialect) Refuse(why core.Refusal, message string) core.Answer {
	switch why {
	case core.NoCredentials:
		return refused(http.StatusUnauthorized, unauthorized, "wrong secret key")
	case core.NoPermission:
		return refused(http.StatusForbidden, forbiddenAddress, "this address may not do that")
	case core.TooFast, core.SlowDown: // nothing is published
		return core.Plain(http.StatusTooManyRequests)
	case core.NothingDone:
		return core.Plain(http.StatusServiceUnavailable)
	case core.Invalid:
		return refused(http.StatusBadRequest, badOrder, message)
	case core.Rejected:
		return refused(http.StatusBadRequest, rejected, message)
	case core.UnderWay:
		return failed(http.StatusBadRequest, askedTwice, "this was asked for already")
	case core.NotFound:
		return failed(http.StatusBadRequest, noPayment, "no payment of this tid")
	case core.UnknownMethod:
		return refused(http.StatusBadRequest, noSID, "no such SID")
	case core.DeletedMethod:
		return refused(http.StatusBadRequest, inactiveSID, "this SID is inactive")
	case core.KeyReused, core.AlreadyPaid, core.TooManyTries: // no rules of this dialect
	}
	return core.Plain(http.StatusInternalServerError)
}

// Unclear implements [core.Dialect].
func (Dialect) Unclear(variant int) core.Answer {
	switch variant % 3 {
	case 0:
		return failed(http.StatusInternalServerError, internalError, "internal error")
	case 1:
		return failed(http.StatusBadRequest, askedTwice, "this was asked for already")
	default:
		return core.Plain(http.StatusInternalServerError)
	}
}

// Garbage implements [core.Dialect].
func (Dialect) Garbage(variant int) core.Answer {
	bodies := []string{
		"Welcome to the captive portal",
		"",
		"{}",
		"[]",
		"null",
		`{"tid":"T0000000000000000001"}`,
		`{"aid":"A0000000010000000001","tid":"T0000000000000000001","approved_at":"2026-01-31T09:00:00"}`,
		`{"aid":"A0000000010000000001","tid":"T0000000000000000001","approved_at":"2026-`,
		`{"aid":1,"tid":2,"amount":"12900","approved_at":"now"}`,
		`{"tid":"T0000000000000000001","status":"SUCCESS_PAYMENT"}`,
		`{"available":"yes","status":1}`,
	}
	return core.Answer{Code: http.StatusOK, Text: bodies[variant%len(bodies)], ContentType: mediaType}
}
