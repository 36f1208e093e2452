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
	a := c.send(ctx, request{method: http.MethodGet, path: pathPayments, query: query.Encode(), id: "duly-list", most: maxPage})
	if errors.Is(a.err, errTooLong) && size > 1 {
		c.page.CompareAndSwap(size, size/2)
		return payment.Listing{}, &gateway.ListError{Reason: fmt.Sprintf("a page of %d payments is too long", size)}
	}
	return listing(a, cursor)
}

// listing says what the answer to a request for the page at cursor means.
func listing(a answer, cursor string) (payment.Listing, error) {
	if o, ok := unanswered(a); ok {
		return payment.Listing{}, &gateway.ListError{Reason: o.Reason, Failure: o.Failure}
	}
	if a.status != http.StatusOK || a.isPage() {
		return payment.Listing{}, &gateway.ListError{
			Reason:        a.text(),
			Misconfigured: a.status == http.StatusUnauthorized || a.status == http.StatusForbidden,
			Failure:       a.failed(),
			RetryAfter:    a.retryAfter,
			NoList:        !a.isPage() && slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented}, a.status),
		}
	}
	var body listBody
	if err := json.Unmarshal(a.body, &body); err != nil {
		return payment.Listing{}, &gateway.ListError{Reason: cut("200 with a page that cannot be read: " + malformed(a.body, err))}
	}
	if body.Data == nil {
		return payment.Listing{}, &gateway.ListError{Reason: "200 with a page that cannot be read: " + missing("data")}
	}
	page := payment.Listing{Payments: make([]payment.Payment, 0, len(*body.Data))}
	for _, b := range *body.Data {
		p, why := b.payment(a.clean)
		if why != "" {
			return payment.Listing{}, &gateway.ListError{Reason: cut("200 with a payment that cannot be read: " + why + ", payment " + a.clean.text(b.ID))}
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
