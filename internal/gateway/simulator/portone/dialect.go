// Package portone makes the simulator speak PortOne V2: docs/portone-api.yaml, over a channel of Toss Payments.
//
// Where PortOne's documents are silent, this dialect does what is harder for the caller: keys keep errors too (unless
// Config.ForgetErrors is set), another request under a key gets an error without a type, and a list has no order.
package portone

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/toss"
	"duly/internal/payment"
)

// Dialect is PortOne V2.
type Dialect struct{}

// New returns the dialect.
func New() Dialect { return Dialect{} }

// mostTries is how often one paymentId is tried. PortOne has a limit and does not say which.
const mostTries = 30

// Rules implements [core.Dialect].
func (Dialect) Rules() core.Rules {
	return core.Rules{KeyLife: 3 * time.Hour, SameBody: true, PaidOnce: true, Tries: mostTries}
}

// Routes implements [core.Dialect].
func (Dialect) Routes(s *core.Simulator, mux *http.ServeMux) {
	a := api{s}
	mux.HandleFunc("POST /payments/{paymentId}/billing-key", a.payWithBillingKey)
	mux.HandleFunc("GET /payments/{paymentId}", a.getPayment)
	mux.HandleFunc("POST /payments/{paymentId}/cancel", a.cancelPayment)
	mux.HandleFunc("GET /payments-by-cursor", a.getAllPaymentsByCursor)
	mux.HandleFunc("GET /billing-keys/{billingKey}", a.getBillingKeyInfo)
}

// Authorized implements [core.Dialect].
func (Dialect) Authorized(r *http.Request, token string) bool {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "PortOne ")
	return ok && subtle.ConstantTimeCompare([]byte(given), []byte(token)) == 1
}

// Keeps implements [core.Dialect]: a finished request answers with its first answer.
func (Dialect) Keeps(a core.Answer) bool {
	return a.Code != http.StatusUnauthorized && a.Code != http.StatusTooManyRequests
}

// Replayed implements [core.Dialect]: a replay looks like the first answer.
func (Dialect) Replayed(a core.Answer) core.Answer { return a }

// Handle implements [core.Dialect]: keys are too short for PortOne, so the paymentId is made of their hash.
func (Dialect) Handle(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "duly-" + hex.EncodeToString(sum[:20])
}

// wireError is an error of the API. PgCode and PgMessage are those of PG_PROVIDER.
type wireError struct {
	Type      string  `json:"type,omitempty"`
	Message   string  `json:"message,omitempty"`
	PgCode    *string `json:"pgCode,omitempty"`
	PgMessage *string `json:"pgMessage,omitempty"`
}

func failed(code int, kind, message string) core.Answer {
	return core.JSON(code, wireError{Type: kind, Message: message})
}

// refused is failed where the error says that nothing was done.
func refused(code int, kind, message string) core.Answer {
	a := failed(code, kind, message)
	a.Refused = true
	return a
}

// pgProvider is how PortOne hands on what the channel's provider said.
func pgProvider(code, message string) core.Answer {
	return core.JSON(http.StatusBadGateway, wireError{Type: "PG_PROVIDER", Message: "PG provider error", PgCode: &code, PgMessage: &message})
}

// Charged implements [core.Dialect]. The 200 shows neither amount nor status.
func (Dialect) Charged(p core.Payment) core.Answer {
	if p.Status == payment.Declined {
		d := toss.DeclineOf(p.Outcome)
		if p.Outcome == noCode {
			d.Code, d.Message = "", ""
		}
		return pgProvider(d.Code, d.Message)
	}
	var out struct {
		Payment struct {
			PgTxID string    `json:"pgTxId"`
			PaidAt time.Time `json:"paidAt"`
		} `json:"payment"`
	}
	out.Payment.PgTxID, out.Payment.PaidAt = pgTxID(p), p.CreatedAt
	return core.JSON(http.StatusOK, out)
}

// Refuse implements [core.Dialect].
func (Dialect) Refuse(why core.Refusal, message string) core.Answer {
	switch why {
	case core.NoCredentials:
		return refused(http.StatusUnauthorized, "UNAUTHORIZED", message)
	case core.NoPermission:
		return refused(http.StatusForbidden, "FORBIDDEN", message)
	case core.TooFast:
		a := core.Plain(http.StatusTooManyRequests)
		a.Refused = true
		return a
	case core.NothingDone:
		return core.Plain(http.StatusServiceUnavailable)
	case core.Invalid, core.Rejected:
		return refused(http.StatusBadRequest, "INVALID_REQUEST", message)
	case core.UnderWay, core.SlowDown:
		return failed(http.StatusConflict, "IDEMPOTENCY_OUTSTANDING_REQUEST", "a request with this key is under way")
	case core.KeyReused: // forbidden, and the answer to it is not described
		return failed(http.StatusUnprocessableEntity, "", "this idempotency key belongs to another request")
	case core.NotFound:
		return failed(http.StatusNotFound, "PAYMENT_NOT_FOUND", "")
	case core.AlreadyPaid:
		return failed(http.StatusConflict, "ALREADY_PAID", "")
	case core.TooManyTries:
		return failed(http.StatusBadRequest, "MAX_TRANSACTION_COUNT_REACHED", "")
	case core.UnknownMethod:
		return refused(http.StatusNotFound, "BILLING_KEY_NOT_FOUND", "")
	case core.DeletedMethod:
		return refused(http.StatusConflict, "BILLING_KEY_ALREADY_DELETED", "")
	}
	return core.Plain(http.StatusInternalServerError)
}

// Unclear implements [core.Dialect].
func (Dialect) Unclear(variant int) core.Answer {
	switch variant % 3 {
	case 0:
		return pgProvider("PROVIDER_ERROR", "일시적인 오류가 발생했습니다. 잠시 후 다시 시도해주세요.")
	case 1:
		return pgProvider("FAILED_CARD_COMPANY_RESPONSE", "카드사에서 에러가 발생했습니다. 잠시 후 다시 시도해 주세요.")
	default:
		return failed(http.StatusInternalServerError, "", "internal error")
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
		`{"payment":{}}`,
		`{"payment":{"pgTxId":"tx_1"}}`,
		`{"payment":{"paidAt":"2026-01-01T00:00:00Z"}}`,
		`{"payment":{"pgTxId":"tx_1","paid`,
		`{"payment":{"pgTxId":1,"paidAt":"now"}}`,
		`{"status":"PAID"}`,
	}
	return core.Answer{Code: http.StatusOK, Text: bodies[variant%len(bodies)], ContentType: "application/json"}
}
