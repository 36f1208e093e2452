package toss

import (
	"errors"
	"net/http"
	"regexp"
	"unicode/utf8"

	"duly/internal/gateway/simulator/core"
)

const (
	mediaType    = "application/json"
	longestKey   = 300
	longestName  = 100
	leastAmount  = 100 // won, of a card
	testCodeName = "TossPayments-Test-Code"
)

// api serves the operations.
type api struct{ s *core.Simulator }

var (
	customerKeys = regexp.MustCompile(`^[A-Za-z0-9_=.@-]{2,300}$`)
	// numbered is a key of duly's: a reference and the number of the attempt.
	numbered = regexp.MustCompile(`^(.+)-\d+$`)
)

// input is the body of a charge.
type input struct {
	Amount        *int64  `json:"amount"`
	CustomerKey   *string `json:"customerKey"`
	OrderID       *string `json:"orderId"`
	OrderName     *string `json:"orderName"`
	CustomerEmail string  `json:"customerEmail"`
	CustomerName  string  `json:"customerName"`
	TaxFreeAmount int64   `json:"taxFreeAmount"`
}

func (a api) chargeBillingKey(w http.ResponseWriter, r *http.Request) {
	body, err := core.ReadBody(r, mediaType)
	ch := core.Charge{Method: r.PathValue("billingKey"), Sum: a.sum(r, body), Scope: scope(r), Currency: currency}
	var in input
	if err = errors.Join(err, core.ReadJSON(body, &in)); err != nil {
		ch.Refusal = invalid(err)
	} else {
		ch.Refusal = in.refusal()
	}
	if in.OrderID != nil && orderIDs.MatchString(*in.OrderID) {
		ch = in.charge(ch, r.Header.Get("Idempotency-Key"))
	}
	ch.Refusal = first(keyRefusal(r), ch.Refusal, testCode(r))
	a.s.Charge(w, r, ch)
}

// charge reads what there is. The request has no place for a key and a reference: they are taken from the orderId, or from the
// idempotency key that it was made of.
func (in input) charge(ch core.Charge, idempotencyKey string) core.Charge {
	ch.Handle, ch.Key = *in.OrderID, *in.OrderID
	if idempotencyKey != "" && (Dialect{}).Handle(idempotencyKey) == ch.Handle {
		ch.Key = idempotencyKey
	}
	ch.Reference = ch.Key
	if parts := numbered.FindStringSubmatch(ch.Key); parts != nil {
		ch.Reference = parts[1]
	}
	if in.CustomerKey != nil {
		ch.CustomerID, ch.GatewayCustomer = *in.CustomerKey, *in.CustomerKey
	}
	if in.Amount != nil {
		ch.Amount = *in.Amount
	}
	if in.OrderName != nil {
		ch.Extra = extra{orderName: *in.OrderName}
	}
	return ch
}

// refusal is the answer to a request that cannot work; nil: it can.
func (in *input) refusal() *core.Answer {
	bad := func(code string) *core.Answer {
		a := refused(http.StatusBadRequest, code, "잘못된 요청입니다.")
		return &a
	}
	switch {
	case in.Amount == nil || in.CustomerKey == nil || in.OrderID == nil || in.OrderName == nil || *in.OrderName == "":
		return bad("INVALID_REQUIRED_PARAM")
	case !orderIDs.MatchString(*in.OrderID):
		return bad("INVALID_ORDER_ID")
	case utf8.RuneCountInString(*in.OrderName) > longestName:
		return bad("INVALID_ORDER_NAME")
	case len(*in.CustomerKey) > longestKey: // not what is documented, but what was measured
		a := failed(http.StatusInternalServerError, "FAILED_INTERNAL_SYSTEM_PROCESSING", "내부 시스템 처리 작업이 실패했습니다.")
		return &a
	case !customerKeys.MatchString(*in.CustomerKey):
		return bad("INVALID_CUSTOMER_KEY")
	case *in.Amount < 0:
		return bad("BELOW_ZERO_AMOUNT")
	case *in.Amount < leastAmount:
		return bad("BELOW_MINIMUM_AMOUNT")
	}
	return nil
}

// first is the first answer that there is.
func first(answers ...*core.Answer) *core.Answer {
	for _, a := range answers {
		if a != nil {
			return a
		}
	}
	return nil
}

// keyRefusal is the answer to an idempotency key that is too long.
func keyRefusal(r *http.Request) *core.Answer {
	if utf8.RuneCountInString(r.Header.Get("Idempotency-Key")) <= longestKey {
		return nil
	}
	a := refused(http.StatusBadRequest, "INVALID_IDEMPOTENCY_KEY", "멱등키는 300자 이하여야 합니다.")
	return &a
}

// testCode is the error that a test key asks for.
func testCode(r *http.Request) *core.Answer {
	code := r.Header.Get(testCodeName)
	if code == "" || !isTestKey(r) {
		return nil
	}
	status := map[string]int{
		"REJECT_CARD_PAYMENT": http.StatusForbidden, "REJECT_CARD_COMPANY": http.StatusForbidden, "FDS_ERROR": http.StatusForbidden,
		"FORBIDDEN_CONSECUTIVE_REQUEST": http.StatusForbidden, "FORBIDDEN_REQUEST": http.StatusForbidden, "NOT_FOUND_BILLING": http.StatusNotFound,
		"NOT_FOUND_PAYMENT": http.StatusNotFound, "IDEMPOTENT_REQUEST_PROCESSING": http.StatusConflict, "UNAUTHORIZED_KEY": http.StatusUnauthorized,
		"COMMON_ERROR": http.StatusInternalServerError, "UNKNOWN_PAYMENT_ERROR": http.StatusInternalServerError,
		"FAILED_INTERNAL_SYSTEM_PROCESSING": http.StatusInternalServerError, "FAILED_CARD_COMPANY_RESPONSE": http.StatusInternalServerError,
	}[code]
	if status == 0 {
		status = http.StatusBadRequest
	}
	a := failed(status, code, "테스트 에러입니다.")
	return &a
}

// scope is what Toss keeps an answer under: the key, the API key, the method and the path. The body is not looked at.
func scope(r *http.Request) string {
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		return ""
	}
	return r.Method + "\x00" + r.URL.Path + "\x00" + r.Header.Get("Authorization") + "\x00" + key
}

func (a api) sum(r *http.Request, body []byte) uint64 {
	return a.s.Sum(append([]byte(r.URL.Path+"\x00"), body...))
}

func invalid(err error) *core.Answer {
	a := Dialect{}.Refuse(core.Invalid, err.Error())
	return &a
}
