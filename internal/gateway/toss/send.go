package toss

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"

	"duly/internal/gateway/exchange"
	"duly/internal/gateway/provider"
)

// The paths of Toss's API, with {names} for what differs between requests. A billing key is a secret, and stands in the path of its
// charge: traces show the template.
const (
	pathCharge       = "/v1/billing/{billingKey}"
	pathPayment      = "/v1/payments/{paymentKey}"
	pathOrder        = "/v1/payments/orders/{orderId}"
	pathCancel       = "/v1/payments/{paymentKey}/cancel"
	pathTransactions = "/v1/transactions"
)

// request is what the methods of Client differ in.
type request struct {
	method string
	path   string
	value  string     // of the {name} in path
	query  url.Values // of a GET
	id     string     // X-Request-ID, for our own logs
	key    string     // of the Idempotency-Key, on every POST
	body   []byte     // of a POST, never empty
	known  []string   // ids that may stand in texts as they are
	hidden []string   // the payment method and its customerKey, to be kept out of texts
	// customer is whom it is about, to be kept out of texts too.
	customer string
	many     bool  // it is about many customers, or none
	most     int64 // bytes of the answer; 0: exchange.MaxBody
}

// answer is what became of one request.
type answer struct{ exchange.Answer }

// send makes one exchange. A POST moves money.
func (c *Client) send(ctx context.Context, r request) answer {
	x := exchange.Request{
		Method: r.method, Target: exchange.Fill(r.path, r.value), Template: r.path, Header: c.header, Moves: r.method == http.MethodPost, Body: r.body,
		Known: r.known, Hidden: append([]string{c.basic}, r.hidden...), Customer: r.customer, One: !r.many, Most: r.most,
	}
	x.Own[0] = exchange.Header{Name: "X-Request-Id", Value: exchange.Visible(r.id)}
	if x.Moves {
		x.Own[1] = exchange.Header{Name: "Content-Type", Value: "application/json"}
		x.Own[2] = exchange.Header{Name: "Idempotency-Key", Value: orderID(r.key)}
	}
	if len(r.query) > 0 {
		x.Target += "?" + r.query.Encode()
	}
	return answer{c.line.Send(ctx, x)}
}

// errorBody is an error of Toss's.
type errorBody struct {
	Code    string  `json:"code"`
	Message *string `json:"message"`
}

var errorCode = regexp.MustCompile(`^[A-Z][A-Z0-9_]{2,99}$`)

// failure reads a typed error of Toss's, or reports that the answer is none.
func (a answer) failure() (code, message string, typed bool) {
	var b errorBody
	if a.Status < http.StatusBadRequest || json.Unmarshal(a.Body, &b) != nil || !errorCode.MatchString(b.Code) || b.Message == nil {
		return "", "", false
	}
	return b.Code, *b.Message, true
}

// absent reports whether Toss says that it knows no such payment.
func (a answer) absent() bool {
	code, _, typed := a.failure()
	return typed && code == notFoundPayment && a.Status == http.StatusNotFound
}

// misconfigured reports whether Toss refuses our own credentials.
func (a answer) misconfigured() bool {
	code, _, typed := a.failure()
	row, known := chargeCodes.Answer(code, a.Status)
	return typed && known && row.Is == provider.Misconfigured
}

// text writes the answer for people.
func (a answer) text() string {
	if code, message, typed := a.failure(); typed {
		return provider.Said(a.Answer, code, message)
	}
	return provider.Plain(a.Answer)
}
