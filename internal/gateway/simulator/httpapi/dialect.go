// Package httpapi makes the simulator speak docs/payments-api.yaml.
package httpapi

import (
	"crypto/subtle"
	"net/http"
	"strings"

	"duly/internal/gateway/simulator/core"
)

// Dialect is docs/payments-api.yaml.
type Dialect struct{}

// New returns the dialect.
func New() Dialect { return Dialect{} }

// Rules implements [core.Dialect].
func (Dialect) Rules() core.Rules { return core.Rules{Recall: true, SameBody: true, IDPrefix: "pay_"} }

// Routes implements [core.Dialect].
func (Dialect) Routes(s *core.Simulator, mux *http.ServeMux) {
	a := api{s}
	mux.HandleFunc("POST /v1/payments", a.createPayment)
	mux.HandleFunc("GET /v1/payments", a.listPayments)
	mux.HandleFunc("GET /v1/payments/by-key/{key}", a.findPaymentByKey)
	mux.HandleFunc("GET /v1/payments/{id}", a.getPayment)
	mux.HandleFunc("POST /v1/payments/{id}/cancel", a.cancelPayment)
	mux.HandleFunc("POST /v1/payments/{id}/refunds", a.refundPayment)
}

// Authorized implements [core.Dialect].
func (Dialect) Authorized(r *http.Request, token string) bool {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare([]byte(given), []byte(token)) == 1
}

// Keeps implements [core.Dialect]: a change that failed can be tried again under its key.
func (Dialect) Keeps(a core.Answer) bool { return a.Code == http.StatusOK }

// Replayed implements [core.Dialect].
func (Dialect) Replayed(a core.Answer) core.Answer { return a.With("Idempotent-Replayed", "true") }

// Handle implements [core.Dialect].
func (Dialect) Handle(key string) string { return key }

// Charged implements [core.Dialect].
func (Dialect) Charged(p core.Payment) core.Answer {
	if p.Status == declined {
		return core.JSON(http.StatusPaymentRequired, wire(p))
	}
	return core.JSON(http.StatusOK, wire(p))
}

// Refuse implements [core.Dialect].
func (Dialect) Refuse(why core.Refusal, message string) core.Answer {
	var a core.Answer
	switch why {
	case core.NoCredentials:
		a = refusal(http.StatusUnauthorized, "unauthorized", or(message, "the bearer token is missing or wrong"))
	case core.NoPermission:
		a = refusal(http.StatusForbidden, "forbidden", or(message, "this account may not do that"))
	case core.TooFast:
		a = refusal(http.StatusTooManyRequests, "too_many_requests", or(message, "too fast"))
	case core.NothingDone:
		a = refusal(http.StatusServiceUnavailable, "not_executed", or(message, "nothing was done")).With("Not-Executed", "true")
	case core.Invalid:
		a = refusal(http.StatusBadRequest, "invalid_request", message)
	case core.Rejected:
		a = refusal(http.StatusBadRequest, "reject", message)
	case core.UnknownMethod:
		a = refusal(http.StatusBadRequest, "unknown_method", message)
	case core.DeletedMethod:
		a = refusal(http.StatusBadRequest, "deleted_method", message)
	case core.UnderWay, core.SlowDown, core.AlreadyPaid, core.TooManyTries: // the last two are no rules of this dialect
		a = failed(http.StatusConflict, "request_under_way", or(message, "a request with this key is under way"))
	case core.KeyReused:
		a = failed(http.StatusUnprocessableEntity, "key_reused", or(message, "this key was used with another body"))
	case core.NotFound:
		a = failed(http.StatusNotFound, "not_found", or(message, "no such payment"))
	}
	return a
}

// Unclear implements [core.Dialect].
func (Dialect) Unclear(variant int) core.Answer {
	return core.Plain([]int{500, 502, 503, 504}[variant%4])
}

// Garbage implements [core.Dialect].
func (Dialect) Garbage(variant int) core.Answer {
	bodies := []string{
		"Welcome to the captive portal",
		"",
		"{}",
		"[]",
		"null",
		`{"id":"pay_1","status":"succeeded"}`,
		`{"id":"pay_1","status":"succ`,
		`{"id":1,"status":"succeeded","idempotency_key":"?","reference":"?","customer_id":"?","amount":"1","currency":"KRW","refunded_amount":0,"created_at":"now"}`,
	}
	return core.Answer{Code: http.StatusOK, Text: bodies[variant%len(bodies)], ContentType: "application/json"}
}

func failed(code int, name, message string) core.Answer {
	return core.JSON(code, wireError{Code: name, Message: message})
}

func refusal(code int, name, message string) core.Answer {
	a := failed(code, name, message)
	a.Refused = true
	return a
}

func or(message, otherwise string) string {
	if message == "" {
		return otherwise
	}
	return message
}
