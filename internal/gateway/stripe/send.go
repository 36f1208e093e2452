package stripe

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"duly/internal/gateway/exchange"
)

// apiVersion is the version of the API that this package reads and writes. Without it the account's own would count.
const apiVersion = "2026-08-26.dahlia"

// The paths of the API, with {id} for what differs between requests.
const (
	pathIntents = "/v1/payment_intents"
	pathIntent  = "/v1/payment_intents/{id}"
	pathCancel  = "/v1/payment_intents/{id}/cancel"
	pathRefunds = "/v1/refunds"
)

// form is a form body or a query. Its order is that of its making, so that equal forms are equal bytes.
type form struct{ text strings.Builder }

// add appends a field; an empty value is left out.
func (f *form) add(name, value string) {
	if value == "" {
		return
	}
	if f.text.Len() > 0 {
		f.text.WriteByte('&')
	}
	f.text.WriteString(url.QueryEscape(name) + "=" + url.QueryEscape(value))
}

// request is what the methods of Client differ in.
type request struct {
	path     string // one of the API's
	id       string // of the intent in path
	query    *form  // of a GET; nil: none
	body     *form  // of a POST; nil: it is a GET
	key      string // Idempotency-Key of a POST
	known    []string
	hidden   []string // the payment method and its customer
	customer string   // whom it is about; see exchange.Request
	one      bool
	most     int64 // bytes of the answer; 0: exchange.MaxBody
}

// answer is what became of one request.
type answer struct{ exchange.Answer }

// send makes one exchange. A POST moves money.
func (c *Client) send(ctx context.Context, r request) answer {
	x := exchange.Request{
		Method: http.MethodGet, Target: exchange.Fill(r.path, r.id), Template: r.path, Header: c.header,
		Known: r.known, Hidden: r.hidden, Customer: r.customer, One: r.one, Most: r.most,
	}
	if r.query != nil {
		x.Target += "?" + r.query.text.String()
	}
	if r.body != nil {
		x.Method, x.Moves, x.Body = http.MethodPost, true, []byte(r.body.text.String())
		x.Own[0] = exchange.Header{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}
		x.Own[1] = exchange.Header{Name: "Idempotency-Key", Value: r.key}
	}
	return answer{c.line.Send(ctx, x)}
}
