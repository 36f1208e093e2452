package kakaopay

import (
	"context"
	"net/http"

	"duly/internal/gateway/exchange"
)

// The paths of the API. All are called by POST, also those that only read.
const (
	pathCharge = "/online/v1/payment/subscription"
	pathOrder  = "/online/v1/payment/order"
	pathCancel = "/online/v1/payment/cancel"
	pathStatus = "/online/v1/payment/manage/subscription/status"
)

// request is what the methods of Client differ in.
type request struct {
	path     string
	body     []byte
	moves    bool
	known    []string
	hidden   []string // the SID and its partner_user_id
	customer string   // whom it is about; see exchange.Request
	one      bool
}

// answer is what became of one request.
type answer struct{ exchange.Answer }

// send makes one exchange.
func (c *Client) send(ctx context.Context, r request) answer {
	return answer{c.line.Send(ctx, exchange.Request{
		Method: http.MethodPost, Target: r.path, Template: r.path, Header: c.header, Moves: r.moves, Body: r.body,
		Known: r.known, Hidden: append([]string{c.config.CIDSecret}, r.hidden...), Customer: r.customer, One: r.one,
	})}
}
