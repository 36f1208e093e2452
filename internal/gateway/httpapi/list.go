package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"duly/internal/gateway"
	"duly/internal/gateway/exchange"
	"duly/internal/payment"
)

// longestPage is the most payments that the contract lets a page have.
const longestPage = 1000

// listBody is a page of the contract.
type listBody struct {
	Data *[]paymentBody `json:"data"`
	Next *string        `json:"next_cursor"`
}

// List sends one GET. After a page that was too long to be read it asks for half as many payments from then on.
// Every error is a *gateway.ListError.
func (c *Client) List(ctx context.Context, w payment.Window, cursor string) (payment.Listing, error) {
	size := c.page.Load()
	query := url.Values{
		"created_from": {w.From.UTC().Format(time.RFC3339Nano)},
		"created_to":   {w.To.UTC().Format(time.RFC3339Nano)},
		"limit":        {strconv.FormatInt(size, 10)},
	}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	a := c.send(ctx, request{method: http.MethodGet, path: pathPayments, query: query.Encode(), id: "duly-list", most: exchange.MaxPage})
	if errors.Is(a.Err, exchange.ErrTooLong) && size > 1 {
		c.page.CompareAndSwap(size, size/2)
		return payment.Listing{}, &gateway.ListError{Reason: fmt.Sprintf("a page of %d payments is too long", size)}
	}
	return listing(a, cursor)
}

// listing says what the answer to a request for the page at cursor means.
func listing(a answer, cursor string) (payment.Listing, error) {
	if o, ok := a.Unanswered(); ok {
		return payment.Listing{}, &gateway.ListError{Reason: o.Reason, Failure: o.Failure}
	}
	if a.Status != http.StatusOK || a.IsPage() {
		return payment.Listing{}, &gateway.ListError{
			Reason:        a.text(),
			Misconfigured: a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden,
			Failure:       a.failed(),
			RetryAfter:    a.RetryAfter,
			NoList:        !a.IsPage() && slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented}, a.Status),
		}
	}
	var body listBody
	if err := json.Unmarshal(a.Body, &body); err != nil {
		return payment.Listing{}, &gateway.ListError{Reason: exchange.Cut("200 with a page that cannot be read: " + exchange.Malformed(a.Body, err))}
	}
	if body.Data == nil {
		return payment.Listing{}, &gateway.ListError{Reason: "200 with a page that cannot be read: " + exchange.Missing("data")}
	}
	page := payment.Listing{Payments: make([]payment.Payment, 0, len(*body.Data))}
	for _, b := range *body.Data {
		p, why := b.payment(a.Clean)
		if why != "" {
			return payment.Listing{}, &gateway.ListError{Reason: exchange.Cut("200 with a payment that cannot be read: " + why + ", payment " + a.Clean.Text(b.ID))}
		}
		page.Payments = append(page.Payments, p)
	}
	if body.Next != nil {
		page.Cursor = *body.Next
	}
	if page.Cursor != "" && page.Cursor == cursor {
		return payment.Listing{}, &gateway.ListError{Reason: "a page that is followed by itself"}
	}
	return page, nil
}
