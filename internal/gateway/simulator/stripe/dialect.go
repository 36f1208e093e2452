// Package stripe makes the simulator speak Stripe's PaymentIntents: docs/stripe-api.yaml.
//
// A charge is one request that creates and confirms. What Stripe leaves open is decided against the caller: a confirmation
// without payment_method_types and without allow_redirects=never always wants a return_url, and a payment can end in
// requires_action even off session (pm_requires_action). There the customer can finish it at any later time: pm_requires_action_then_ok,
// as Config.Pending says, or PATCH /_sim/payments/{id} with the status succeeded. Only a cancellation prevents it.
//
// A payment in processing that will be decided (pm_pending_then_ok) cannot be cancelled; one that hangs (pm_pending) can.
// pm_not_executed and outage_answer=not_executed are a 429 lock_timeout here.
package stripe

import (
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"duly/internal/gateway/simulator/core"
	"duly/internal/payment"
)

// Dialect is Stripe.
type Dialect struct{}

// New returns the dialect.
func New() Dialect { return Dialect{} }

const (
	idPrefix = "pi_"
	keyLife  = 24 * time.Hour
)

// Rules implements [core.Dialect]. A PaymentIntent is known by its own id alone; its handle is duly's key.
func (Dialect) Rules() core.Rules {
	return core.Rules{KeyLife: keyLife, SameBody: true, IDPrefix: idPrefix}
}

// Routes implements [core.Dialect].
func (Dialect) Routes(s *core.Simulator, mux *http.ServeMux) {
	a := api{s}
	for pattern, handler := range map[string]http.HandlerFunc{
		"POST /v1/payment_intents":             a.createPaymentIntent,
		"GET /v1/payment_intents":              a.listPaymentIntents,
		"GET /v1/payment_intents/{id}":         a.getPaymentIntent,
		"POST /v1/payment_intents/{id}/cancel": a.cancelPaymentIntent,
		"POST /v1/refunds":                     a.createRefund,
		"GET /v1/refunds":                      a.listRefunds,
	} {
		mux.HandleFunc(pattern, stamped(handler))
	}
}

// Authorized implements [core.Dialect].
func (Dialect) Authorized(r *http.Request, token string) bool {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && subtle.ConstantTimeCompare([]byte(given), []byte(token)) == 1
}

// Keeps implements [core.Dialect]: every answer of an operation that began to execute.
func (Dialect) Keeps(a core.Answer) bool {
	switch a.Code {
	case http.StatusOK, http.StatusBadRequest, http.StatusPaymentRequired, http.StatusInternalServerError:
		return !a.Refused
	}
	return false
}

// Replayed implements [core.Dialect].
func (Dialect) Replayed(a core.Answer) core.Answer { return a.With("Idempotent-Replayed", "true") }

// Handle implements [core.Dialect].
func (Dialect) Handle(key string) string { return key }

// The types of errors.
const (
	invalidRequest   = "invalid_request_error"
	cardError        = "card_error"
	idempotencyError = "idempotency_error"
	apiError         = "api_error"
)

const shouldRetry = "Stripe-Should-Retry"

func failed(code int, e wireError) core.Answer {
	return core.JSON(code, map[string]wireError{"error": e})
}

// refused is failed where nothing began to execute.
func refused(code int, e wireError) core.Answer {
	a := failed(code, e)
	a.Refused = true
	return a
}

// Charged implements [core.Dialect].
func (Dialect) Charged(p core.Payment) core.Answer {
	x, _ := p.Extra.(extra)
	intent := wire(p, x.expand)
	if p.Status != payment.Declined {
		return core.JSON(http.StatusOK, intent)
	}
	e := *intent.LastPaymentError
	e.PaymentIntent = &intent
	return failed(http.StatusPaymentRequired, e)
}

// Refuse implements [core.Dialect].
func (Dialect) Refuse(why core.Refusal, message string) core.Answer {
	switch why {
	case core.NoCredentials:
		return refused(http.StatusUnauthorized, wireError{Type: invalidRequest, Message: "Invalid API Key provided"})
	case core.NoPermission:
		return refused(http.StatusForbidden, wireError{Type: invalidRequest, Code: "account_invalid", Message: "This account may not do that."})
	case core.TooFast, core.SlowDown:
		return refused(http.StatusTooManyRequests, wireError{Type: invalidRequest, Code: "rate_limit", Message: "Request rate limit exceeded."}).
			With("Stripe-Rate-Limited-Reason", "global-rate")
	case core.NothingDone:
		return refused(http.StatusTooManyRequests, wireError{
			Type: invalidRequest, Code: "lock_timeout", Message: "This object cannot be accessed right now because another request holds it.",
		}).With(shouldRetry, "true")
	case core.Invalid:
		return refused(http.StatusBadRequest, wireError{Type: invalidRequest, Message: message})
	case core.Rejected: // while it executes, so that it is kept
		return failed(http.StatusBadRequest, wireError{Type: invalidRequest, Code: "payment_intent_invalid_parameter", Message: message})
	case core.UnknownMethod:
		return failed(http.StatusBadRequest, wireError{Type: invalidRequest, Code: "resource_missing", Param: "payment_method", Message: "No such PaymentMethod"})
	case core.DeletedMethod:
		return failed(http.StatusBadRequest, wireError{
			Type: invalidRequest, Code: "payment_method_unexpected_state", Param: "payment_method", Message: "This PaymentMethod was detached and may not be used again.",
		})
	case core.UnderWay:
		return failed(http.StatusConflict, wireError{
			Type: idempotencyError, Code: "idempotency_key_in_use", Message: "There is another request in progress that uses the same Idempotency-Key.",
		})
	case core.KeyReused:
		return failed(http.StatusBadRequest, wireError{
			Type: idempotencyError, Message: "An idempotency key can only be used with the parameters that it was first used with.",
		})
	case core.NotFound:
		return failed(http.StatusNotFound, wireError{Type: invalidRequest, Code: "resource_missing", Param: "intent", Message: "No such payment_intent"})
	case core.AlreadyPaid, core.TooManyTries: // no rules of this dialect
	}
	return core.Plain(http.StatusInternalServerError)
}

// Unclear implements [core.Dialect]: errors of Stripe's own, which its keys repeat.
func (Dialect) Unclear(variant int) core.Answer {
	a := failed(http.StatusInternalServerError, wireError{Type: apiError, Message: "An unknown error occurred."})
	if variant%2 == 0 {
		return a.With(shouldRetry, "false")
	}
	return a
}

// Garbage implements [core.Dialect].
func (Dialect) Garbage(variant int) core.Answer {
	bodies := []string{
		"Welcome to the captive portal",
		"",
		"{}",
		"[]",
		"null",
		`{"id":"pi_1","object":"payment_intent"}`,
		`{"id":"pi_1","object":"payment_intent","status":"succeeded"}`,
		`{"object":"payment_intent","status":"succeeded","amount":1,"amount_received":1,"currency":"krw"}`,
		`{"id":"pi_1","object":"payment_intent","status":"succ`,
		`{"id":1,"object":"payment_intent","status":"succeeded","amount":"1","amount_received":"1","created":"now"}`,
		`{"id":"ch_1","object":"charge","status":"succeeded","amount":1,"currency":"krw","metadata":{}}`,
		`{"object":"list"}`,
	}
	return core.Answer{Code: http.StatusOK, Text: bodies[variant%len(bodies)], ContentType: "application/json"}
}
