package httpapi

import (
	"context"
	"net/http"

	"duly/internal/gateway/exchange"
)

// request is what the methods of Client differ in.
type request struct {
	method string
	path   string   // one of the contract's
	value  string   // of the {name} in path
	query  string   // encoded; empty: none
	id     string   // X-Request-ID
	key    string   // Idempotency-Key, on every POST
	body   []byte   // of a POST, never empty
	known  []string // ids that may stand in texts as they are
	hidden []string // the payment method and its second identifier, to be kept out of texts
	// customer is whom it is about, to be kept out of texts too; one: it is about one, known or not.
	customer string
	one      bool
	most     int64 // bytes of the answer; 0: exchange.MaxBody
}

// target is what the request asks for, below the service's address.
func (r request) target() string {
	target := exchange.Fill(r.path, r.value)
	if r.query != "" {
		target += "?" + r.query
	}
	return target
}

// answer is what became of one request.
type answer struct{ exchange.Answer }

// send makes one exchange. A POST moves money.
func (c *Client) send(ctx context.Context, r request) answer {
	x := exchange.Request{
		Method: r.method, Target: r.target(), Template: r.path, Header: c.header, Moves: r.method == http.MethodPost, Body: r.body,
		Known: r.known, Hidden: r.hidden, Customer: r.customer, One: r.one, Most: r.most,
	}
	x.Own[0] = exchange.Header{Name: "X-Request-Id", Value: exchange.Visible(r.id)}
	if x.Moves {
		x.Own[1] = exchange.Header{Name: "Content-Type", Value: "application/json"}
		x.Own[2] = exchange.Header{Name: "Idempotency-Key", Value: r.key}
	}
	return answer{c.line.Send(ctx, x)}
}

// notExecuted reports whether the answer says that the request did nothing.
func (a answer) notExecuted() bool { return a.Header.Get("Not-Executed") == "true" }
