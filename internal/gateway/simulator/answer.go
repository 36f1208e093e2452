package simulator

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"duly/internal/payment"
)

// answer is what is said to one request.
type answer struct {
	code        int
	payload     any    // written as JSON
	raw         string // written as it is, instead of payload
	contentType string
	location    string
	retryAfter  string
	replayed    bool
	notExecuted bool
	refused     bool // it says that the request was not executed
	half        bool // broken off in the middle
	dropped     bool // no answer at all
}

// wirePayment is the Payment of the API.
type wirePayment struct {
	ID              string         `json:"id"`
	Status          payment.Status `json:"status"`
	IdempotencyKey  string         `json:"idempotency_key"`
	Reference       string         `json:"reference"`
	CustomerID      string         `json:"customer_id"`
	Amount          int64          `json:"amount"`
	Currency        string         `json:"currency"`
	RefundedAmount  int64          `json:"refunded_amount"`
	CreatedAt       time.Time      `json:"created_at"`
	Decline         *wireDecline   `json:"decline,omitempty"`
	GatewayCustomer string         `json:"gateway_customer,omitempty"`
	NewMethod       string         `json:"new_payment_method,omitempty"`
}

type wireDecline struct {
	Class       payment.Class `json:"class,omitempty"`
	Code        string        `json:"code"`
	NetworkCode string        `json:"network_code,omitempty"`
	AdviceCode  string        `json:"advice_code,omitempty"`
	Message     string        `json:"message,omitempty"`

	Network payment.Network `json:"network,omitempty"`
}

// wireError is the Error of the API.
type wireError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func failed(code int, name, message string) answer {
	return answer{code: code, payload: wireError{Code: name, Message: message}}
}

func refusal(code int, name, message string) answer {
	a := failed(code, name, message)
	a.refused = true
	return a
}

func tooManyAnswer(retryAfter time.Duration) answer {
	a := refusal(http.StatusTooManyRequests, "too_many_requests", "too fast")
	if retryAfter >= 0 {
		a.retryAfter = strconv.Itoa(int(math.Ceil(retryAfter.Seconds())))
	}
	return a
}

func underWay() answer {
	return failed(http.StatusConflict, "request_under_way", "a request with this key is under way")
}

func plain(code int) answer {
	return answer{code: code, raw: fmt.Sprintf("%d %s\n", code, http.StatusText(code)), contentType: "text/plain; charset=utf-8"}
}

// spoil turns the answer that a request would have had into the one that its fault gives.
func (x strike) spoil(a answer, retryAfter time.Duration, path string) answer {
	switch x.fault {
	case noFault, Slow:
		return a
	case DropBefore, DropAfter, TooManyAfter, Late:
		return answer{dropped: true}
	case Err5xxBefore, Err5xxAfter:
		return plain([]int{500, 502, 503, 504}[x.variant%4])
	case TooMany:
		return tooManyAnswer(retryAfter)
	case NotExecuted:
		return notExecutedAnswer()
	case Garbage:
		return garbageAnswer(x.variant)
	case HalfBody:
		a.half = true
		return a
	case Redirect:
		return answer{code: http.StatusTemporaryRedirect, location: path + "?moved=1"}
	case Conflict:
		return underWay()
	case Empty400:
		return plain(http.StatusBadRequest)
	case Empty404:
		return plain(http.StatusNotFound)
	}
	return a
}

func notExecutedAnswer() answer {
	a := refusal(http.StatusServiceUnavailable, "not_executed", "nothing was done")
	a.notExecuted = true
	return a
}

// garbageAnswer is a 200 that is no payment, in one of several ways.
func garbageAnswer(variant int) answer {
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
	return answer{code: http.StatusOK, raw: bodies[variant%len(bodies)], contentType: "application/json"}
}

// label is what the answer is counted as.
func (a answer) label() string {
	switch {
	case a.dropped:
		return "dropped"
	case a.half:
		return "half"
	default:
		return strconv.Itoa(a.code)
	}
}

func (a answer) write(w http.ResponseWriter) {
	if a.dropped {
		drop(w)
		return
	}
	body, contentType := []byte(a.raw), a.contentType
	if a.payload != nil {
		var err error
		if body, err = json.Marshal(a.payload); err != nil {
			drop(w)
			return
		}
		contentType = "application/json"
	}
	h := w.Header()
	for name, value := range map[string]string{
		"Content-Type": contentType, "Location": a.location, "Retry-After": a.retryAfter,
		"Idempotent-Replayed": yes(a.replayed), "Not-Executed": yes(a.notExecuted),
	} {
		if value != "" {
			h.Set(name, value)
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(a.code)
	if a.half {
		body = body[:len(body)/2] // shorter than announced: the server breaks the connection off
	}
	_, _ = w.Write(body)
}

func yes(b bool) string {
	if b {
		return "true"
	}
	return ""
}

// drop closes the connection without an answer; where it cannot, it answers 502, which says as little.
func drop(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	_ = conn.Close()
}
