package portone

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"

	"duly/internal/gateway/exchange"
	"duly/internal/gateway/provider"
)

// The paths of PortOne's API, with {names} for what differs between requests.
const (
	pathCharge  = "/payments/{paymentId}/billing-key"
	pathPayment = "/payments/{paymentId}"
	pathCancel  = "/payments/{paymentId}/cancel"
	pathList    = "/payments-by-cursor"
)

// request is what the methods of Client differ in.
type request struct {
	method  string
	path    string
	id      string     // the payment's, in the path
	query   url.Values // of a GET, beside storeId
	request string     // X-Request-ID, for our own logs
	key     string     // Idempotency-Key, on every POST
	body    []byte     // of a POST, never empty
	known   []string   // ids that may stand in texts as they are
	hidden  []string   // the payment method, to be kept out of texts
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
		Method: r.method, Target: exchange.Fill(r.path, r.id), Template: r.path, Header: c.header, Moves: r.method == http.MethodPost, Body: r.body,
		Known: r.known, Hidden: r.hidden, Customer: r.customer, One: !r.many, Most: r.most,
	}
	x.Own[0] = exchange.Header{Name: "X-Request-Id", Value: exchange.Visible(r.request)}
	if x.Moves {
		x.Own[1] = exchange.Header{Name: "Content-Type", Value: "application/json"}
		x.Own[2] = exchange.Header{Name: "Idempotency-Key", Value: `"` + r.key + `"`} // a string of RFC 8941
	} else if query := c.query(r); query != "" {
		x.Target += "?" + query
	}
	return answer{c.line.Send(ctx, x)}
}

// query is that of a GET.
func (c *Client) query(r request) string {
	query := r.query
	if query == nil {
		query = url.Values{}
		if c.config.StoreID != "" {
			query.Set("storeId", c.config.StoreID)
		}
	}
	return query.Encode()
}

// errorBody is an error of PortOne's.
type errorBody struct {
	Type      string `json:"type"`
	Message   string `json:"message"`
	PGCode    string `json:"pgCode"`
	PGMessage string `json:"pgMessage"`
}

var errorType = regexp.MustCompile(`^[A-Z][A-Z0-9_]{2,99}$`)

// readError reads a typed error of PortOne's, or reports that the body is none.
func readError(body []byte) (errorBody, bool) {
	var b errorBody
	if json.Unmarshal(body, &b) != nil || !errorType.MatchString(b.Type) {
		return errorBody{}, false
	}
	return b, true
}

// text writes the answer for people.
func (a answer) text() string {
	said, typed := readError(a.Body)
	switch {
	case !typed || a.IsPage():
		return provider.Plain(a.Answer)
	case said.PGCode != "":
		return provider.Said(a.Answer, said.Type+" "+said.PGCode, said.PGMessage)
	}
	return provider.Said(a.Answer, said.Type, said.Message)
}
