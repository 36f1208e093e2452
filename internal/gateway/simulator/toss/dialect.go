// Package toss makes the simulator speak Toss Payments: docs/toss-api.yaml, with the charges of billing keys.
//
// Where Toss's documents are silent, this dialect does what is harder for the caller: a key is forgotten when its fifteenth day
// begins, a list includes the end of its window, and a key keeps Toss's own errors like every other answer.
package toss

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/plan"
	"duly/internal/payment"
)

// Dialect is Toss Payments.
type Dialect struct{}

// New returns the dialect.
func New() Dialect { return Dialect{} }

// seoul returns the zone of Toss's times and days. It has no summer time.
func seoul() *time.Location { return time.FixedZone("KST", 9*60*60) }

// Rules implements [core.Dialect].
func (Dialect) Rules() core.Rules {
	return core.Rules{KeyLife: 15 * 24 * time.Hour, ByDay: seoul(), PaidOnce: true, IDPrefix: "tpay_"}
}

const traceHeader = "X-Tosspayments-Trace-Id"

// Routes implements [core.Dialect].
func (Dialect) Routes(s *core.Simulator, mux *http.ServeMux) {
	a := api{s}
	var requests atomic.Uint64
	for pattern, serve := range map[string]http.HandlerFunc{
		"POST /v1/billing/{billingKey}":         a.chargeBillingKey,
		"DELETE /v1/billing/{billingKey}":       a.deleteBillingKey,
		"GET /v1/payments/orders/{orderId}":     a.getPaymentByOrderID,
		"GET /v1/payments/{paymentKey}":         a.getPayment,
		"POST /v1/payments/{paymentKey}/cancel": a.cancelPayment,
		"GET /v1/transactions":                  a.listTransactions,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(traceHeader, traceID(fmt.Sprint(requests.Add(1))))
			serve(w, r)
		})
	}
}

func traceID(of string) string { return fmt.Sprintf("%016x", plan.Hash('t', of)) }

// Authorized implements [core.Dialect]: the secret key is the user, and there is no password.
func (Dialect) Authorized(r *http.Request, token string) bool {
	user, password, ok := r.BasicAuth()
	return ok && password == "" && subtle.ConstantTimeCompare([]byte(user), []byte(token)) == 1
}

// Keeps implements [core.Dialect]: every answer that a request came to is repeated.
func (Dialect) Keeps(a core.Answer) bool {
	return a.Code != http.StatusUnauthorized && a.Code != http.StatusTooManyRequests
}

// Replayed implements [core.Dialect]: a replay names the first request's trace id, and its own.
func (Dialect) Replayed(a core.Answer) core.Answer {
	first := a.Header[traceHeader]
	if first == "" {
		first = traceID("first")
	}
	return a.With(traceHeader, first+","+traceID(first))
}

// orderIDs are what Toss takes for one.
var orderIDs = regexp.MustCompile(`^[A-Za-z0-9_-]{6,64}$`)

// Handle implements [core.Dialect]: the orderId is the key where that fits, else it is made of its hash.
func (Dialect) Handle(key string) string {
	if orderIDs.MatchString(key) {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "duly-" + hex.EncodeToString(sum[:20])
}

// wireFailure is an error of the API, and the failure of a payment.
type wireFailure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func failed(status int, code, message string) core.Answer {
	return core.JSON(status, wireFailure{code, message})
}

// refused is failed where the error says that nothing was done.
func refused(status int, code, message string) core.Answer {
	a := failed(status, code, message)
	a.Refused = true
	return a
}

// Charged implements [core.Dialect].
func (Dialect) Charged(p core.Payment) core.Answer {
	a := core.JSON(http.StatusOK, wire(p))
	if p.Status == payment.Declined {
		d := DeclineOf(p.Outcome)
		a = failed(d.Status, d.Code, d.Message)
	}
	return a.With(traceHeader, traceID(p.ID))
}

// Refuse implements [core.Dialect].
func (Dialect) Refuse(why core.Refusal, message string) core.Answer {
	message = or(message, "잘못된 요청입니다.")
	switch why {
	case core.NoCredentials:
		return refused(http.StatusUnauthorized, "UNAUTHORIZED_KEY", "인증되지 않은 시크릿 키 혹은 클라이언트 키 입니다.")
	case core.NoPermission:
		return refused(http.StatusForbidden, "FORBIDDEN_REQUEST", "허용되지 않은 요청입니다.")
	case core.TooFast:
		a := core.Plain(http.StatusTooManyRequests)
		a.Refused = true
		return a
	case core.NothingDone:
		return core.Plain(http.StatusServiceUnavailable)
	case core.Invalid, core.Rejected:
		return refused(http.StatusBadRequest, "INVALID_REQUEST", message)
	case core.SlowDown:
		return failed(http.StatusForbidden, "FORBIDDEN_CONSECUTIVE_REQUEST", "반복적인 요청은 허용되지 않습니다. 잠시 후 다시 시도해주세요.")
	case core.NotFound:
		return failed(http.StatusNotFound, "NOT_FOUND_PAYMENT", "존재하지 않는 결제 정보 입니다.")
	case core.AlreadyPaid, core.TooManyTries:
		return failed(http.StatusBadRequest, "DUPLICATED_ORDER_ID", "이미 승인 및 취소가 진행된 중복된 주문번호 입니다.")
	case core.UnknownMethod:
		return refused(http.StatusNotFound, "NOT_FOUND_BILLING", "존재하지 않는 빌링키 입니다.")
	case core.DeletedMethod:
		return refused(http.StatusBadRequest, "ALREADY_REMOVED_BILLING_KEY", "이미 삭제된 빌링키 입니다.")
	case core.UnderWay, core.KeyReused: // bodies are not compared
		return failed(http.StatusConflict, "IDEMPOTENT_REQUEST_PROCESSING", "이전 멱등 요청이 처리중입니다.")
	}
	return core.Plain(http.StatusInternalServerError)
}

// Unclear implements [core.Dialect].
func (Dialect) Unclear(variant int) core.Answer {
	switch variant % 5 {
	case 0:
		return failed(http.StatusBadRequest, "PROVIDER_ERROR", "일시적인 오류가 발생했습니다. 잠시 후 다시 시도해주세요.")
	case 1:
		return failed(http.StatusBadRequest, "CARD_PROCESSING_ERROR", "카드사에서 오류가 발생했습니다.")
	case 2:
		return failed(http.StatusInternalServerError, "FAILED_INTERNAL_SYSTEM_PROCESSING", "내부 시스템 처리 작업이 실패했습니다. 잠시 후 다시 시도해주세요.")
	case 3:
		return failed(http.StatusInternalServerError, "UNKNOWN_PAYMENT_ERROR", "결제에 실패했어요. 같은 문제가 반복된다면 은행이나 카드사로 문의해주세요.")
	default:
		return failed(http.StatusInternalServerError, "FAILED_CARD_COMPANY_RESPONSE", "카드사에서 에러가 발생했습니다. 잠시 후 다시 시도해 주세요.")
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
		`{"status":"DONE"}`,
		`{"status":"DONE","paymentKey":"tpay_1","totalAmount":12900,"currency":"KRW"}`,
		`{"status":"DONE","paymentKey":"tpay_1","orderId":"ord`,
		`{"status":"DONE","paymentKey":1,"orderId":2,"totalAmount":"12900","balanceAmount":null,"currency":"KRW"}`,
	}
	return core.Answer{Code: http.StatusOK, Text: bodies[variant%len(bodies)], ContentType: "application/json"}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// isTestKey reports whether r comes with a key that moves no money, which alone may ask for errors.
func isTestKey(r *http.Request) bool {
	user, _, _ := r.BasicAuth()
	return strings.HasPrefix(user, "test_")
}
