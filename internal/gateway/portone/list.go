package portone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"duly/internal/gateway"
	"duly/internal/gateway/exchange"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
)

const (
	// longestPage is the most payments that PortOne gives at once.
	longestPage = 1000
	// mostPages bounds the pages of the shortest part of a window that is read.
	mostPages = 200
)

// listQuery is the question for a page, which stands as JSON in the query.
type listQuery struct {
	StoreID string    `json:"storeId,omitempty"`
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	Cursor  string    `json:"cursor,omitempty"`
	Size    int64     `json:"size"`
}

// listBody is a page.
type listBody struct {
	Items *[]struct {
		Payment recordBody `json:"payment"`
		Cursor  string     `json:"cursor"`
	} `json:"items"`
}

// List reads one slice of the window, in one GET: PortOne does not say in which order it lists. A slice with more payments than PortOne
// gives at once is an empty page that is followed by the first half of it; one of a second is read to its end. Payments of other test
// channels are left out. Every error is a *gateway.ListError.
func (c *Client) List(ctx context.Context, w payment.Window, cursor string) (payment.Listing, error) {
	s, err := provider.SliceAt(w, cursor)
	if err != nil {
		return payment.Listing{}, &gateway.ListError{Reason: err.Error()}
	}
	if s.Empty() {
		return payment.Listing{}, nil
	}
	size := c.page.Load()
	var all []payment.Payment
	rows, next := 0, ""
	for pages := 1; ; pages++ {
		page, n, last, err := c.readPage(ctx, s, next, size)
		if err != nil {
			return payment.Listing{}, err
		}
		all, rows = append(all, page...), rows+n
		switch {
		case int64(n) < size:
			return payment.Listing{Payments: s.Sorted(all), Cursor: s.Next(rows, int(size))}, nil
		case !s.Least():
			return payment.Listing{Cursor: s.Half()}, nil
		case last == "" || last == next || pages >= mostPages:
			return payment.Listing{}, &gateway.ListError{Reason: "the list of " + s.String() + " does not end"}
		}
		next = last
	}
}

// readPage reads one page of PortOne's: its payments, how many rows it has, and the cursor of the last. After a page that was too long to be
// read it asks for half as many payments from then on.
func (c *Client) readPage(ctx context.Context, s provider.Slice, cursor string, size int64) (page []payment.Payment, rows int, last string, err error) {
	question, err := json.Marshal(listQuery{
		c.config.StoreID, s.From.Add(-provider.SliceMargin), s.To.Add(provider.SliceMargin), cursor, size,
	})
	if err != nil {
		return nil, 0, "", &gateway.ListError{Reason: "the window cannot be written as JSON"}
	}
	a := c.send(ctx, request{
		method: http.MethodGet, path: pathList, query: url.Values{"requestBody": {string(question)}}, request: "duly-list", many: true, most: exchange.MaxPage,
	})
	if errors.Is(a.Err, exchange.ErrTooLong) && size > 1 {
		c.page.CompareAndSwap(size, size/2)
		return nil, 0, "", &gateway.ListError{Reason: fmt.Sprintf("a page of %d payments is too long", size)}
	}
	body, err := a.page()
	if err != nil {
		return nil, 0, "", err
	}
	for _, item := range *body.Items {
		p, why := c.payment(item.Payment, a.Clean)
		if why == "" && p.CreatedAt.IsZero() {
			why = exchange.Missing("requestedAt")
		}
		if why != "" {
			return nil, 0, "", &gateway.ListError{Reason: exchange.Cut("200 with a payment that cannot be read: " + why + ", payment " + a.Clean.Text(item.Payment.ID))}
		}
		if !c.otherTest(item.Payment) {
			page = append(page, p)
		}
		last = item.Cursor
	}
	return page, len(*body.Items), last, nil
}

// page reads the page in an answer.
func (a answer) page() (listBody, error) {
	if o, ok := a.Unanswered(); ok {
		return listBody{}, &gateway.ListError{Reason: o.Reason, Failure: o.Failure}
	}
	if a.Status != http.StatusOK || a.IsPage() {
		return listBody{}, &gateway.ListError{
			Reason: a.text(), Misconfigured: a.misconfigured(), Failure: provider.Failed(a.Answer), RetryAfter: a.RetryAfter,
		}
	}
	var body listBody
	if err := json.Unmarshal(a.Body, &body); err != nil {
		return listBody{}, &gateway.ListError{Reason: exchange.Cut("200 with a page that cannot be read: " + exchange.Malformed(a.Body, err))}
	}
	if body.Items == nil {
		return listBody{}, &gateway.ListError{Reason: "200 with a page that cannot be read: " + exchange.Missing("items")}
	}
	return body, nil
}
