package httpapi

import (
	"bytes"
	"context"
	"io"
	"net/http"
)

// sameHeaders are the values of headers that all requests have alike. They are shared: nothing may change them.
type sameHeaders struct{ json, authorization, agent []string }

func headersOf(token string) sameHeaders {
	return sameHeaders{json: []string{"application/json"}, authorization: []string{"Bearer " + token}, agent: []string{"duly"}}
}

// request builds the request that r describes; moves: it moves money. The address of a charge is not read again for each.
func (c *Client) request(ctx context.Context, r request, moves bool) (*http.Request, error) {
	req := c.post.WithContext(ctx)
	if !moves || r.path != pathPayments {
		var err error
		if req, err = http.NewRequestWithContext(ctx, r.method, c.base+r.target(), nil); err != nil {
			return nil, err
		}
	}
	// The names are spelled as http.Header spells them.
	req.Header = http.Header{
		"Accept":        c.same.json,
		"Authorization": c.same.authorization,
		"User-Agent":    c.same.agent,
		"X-Request-Id":  {visible(r.id)},
	}
	if moves {
		// A body without GetBody is what keeps net/http from sending a POST with an Idempotency-Key again
		// by itself when a kept connection breaks.
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(r.body)), int64(len(r.body))
		req.Header["Content-Type"] = c.same.json
		req.Header["Idempotency-Key"] = []string{r.key}
	}
	return req, nil
}
