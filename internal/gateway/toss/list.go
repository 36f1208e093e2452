package toss

import (
	"cmp"
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
	"duly/internal/gateway/provider"
	"duly/internal/payment"
)

const (
	// longestPage is how many transactions are asked for at once. Toss would give 5,000.
	longestPage = 1000
	// mostPages bounds the pages of the shortest part of a window that is read.
	mostPages = 200
)

// transactionBody is a row of the list: an approval, or a cancellation of all or part of a payment.
type transactionBody struct {
	TransactionKey string   `json:"transactionKey"`
	PaymentKey     string   `json:"paymentKey"`
	OrderID        string   `json:"orderId"`
	Status         string   `json:"status"`
	At             *instant `json:"transactionAt"`
	Currency       string   `json:"currency"`
	Amount         *won     `json:"amount"`
}

// List reads one slice of the window, in one GET: Toss does not say in which order it lists. A slice with more transactions than one page is an
// empty page that is followed by the first half of it; one of a second is read to its end.
//
// Rows are of approvals and cancellations; declines have none. Where a row alone does not say how its payment stands the payment is looked
// up. One that was cancelled in a later slice than it was approved in is listed in both, as it is by then.
func (c *Client) List(ctx context.Context, w payment.Window, cursor string) (payment.Listing, error) {
	s, err := provider.SliceAt(w, cursor)
	if err != nil {
		return payment.Listing{}, &gateway.ListError{Reason: err.Error()}
	}
	if s.Empty() {
		return payment.Listing{}, nil
	}
	size := c.page.Load()
	var all []transactionBody
	after := ""
	for pages := 1; ; pages++ {
		rows, err := c.readPage(ctx, s, after, size)
		if err != nil {
			return payment.Listing{}, err
		}
		all = append(all, rows...)
		switch {
		case int64(len(rows)) < size:
			list, err := c.payments(ctx, w, s, all)
			return payment.Listing{Payments: list, Cursor: s.Next(len(all), int(size))}, err
		case !s.Least():
			return payment.Listing{Cursor: s.Half()}, nil
		case rows[len(rows)-1].TransactionKey == after || pages >= mostPages:
			return payment.Listing{}, &gateway.ListError{Reason: "the list of " + s.String() + " does not end"}
		}
		after = rows[len(rows)-1].TransactionKey
	}
}

// readPage reads one page of Toss's. After a page that was too long to be read it asks for half as many transactions from then on.
func (c *Client) readPage(ctx context.Context, s provider.Slice, after string, size int64) ([]transactionBody, error) {
	query := url.Values{
		"startDate": {s.From.Add(-provider.SliceMargin).In(seoul).Format(localTime)},
		"endDate":   {s.To.Add(2 * provider.SliceMargin).In(seoul).Format(localTime)}, // written without its fraction
		"limit":     {strconv.FormatInt(size, 10)},
	}
	if after != "" {
		query.Set("startingAfter", after)
	}
	a := c.send(ctx, request{method: http.MethodGet, path: pathTransactions, query: query, id: "duly-list", many: true, most: exchange.MaxPage})
	if errors.Is(a.Err, exchange.ErrTooLong) && size > 1 {
		c.page.CompareAndSwap(size, size/2)
		return nil, &gateway.ListError{Reason: fmt.Sprintf("a page of %d transactions is too long", size)}
	}
	if err := a.listError(); err != nil {
		return nil, err
	}
	var rows []transactionBody
	err := json.Unmarshal(a.Body, &rows)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field == "" || err == nil && rows == nil {
		return nil, &gateway.ListError{Reason: "200 with a page that cannot be read: it is no list"}
	}
	if err != nil {
		return nil, &gateway.ListError{Reason: exchange.Cut("200 with a page that cannot be read: " + malformed(a.Body, err))}
	}
	for _, row := range rows {
		if why := row.incomplete(a); why != "" {
			return nil, &gateway.ListError{Reason: exchange.Cut("200 with a transaction that cannot be read: " + why + ", payment " + a.Clean.Text(row.PaymentKey))}
		}
	}
	return rows, nil
}

// listError is why an answer is no page; nil if it is one.
func (a answer) listError() error {
	if o, ok := a.Unanswered(); ok {
		return &gateway.ListError{Reason: o.Reason, Failure: o.Failure}
	}
	if a.Status == http.StatusOK && !a.IsPage() {
		return nil
	}
	return &gateway.ListError{
		Reason: a.text(), Misconfigured: a.misconfigured(), Failure: provider.Failed(a.Answer), RetryAfter: a.RetryAfter,
	}
}

// incomplete names the first field that every row needs and that t lacks; empty: none.
func (t transactionBody) incomplete(a answer) string {
	switch {
	case t.PaymentKey == "":
		return exchange.Missing("paymentKey")
	case !a.Clean.Storable(t.PaymentKey):
		return `field "paymentKey" cannot be kept`
	case t.TransactionKey == "":
		return exchange.Missing("transactionKey")
	case t.OrderID == "":
		return exchange.Missing("orderId")
	case t.At == nil:
		return exchange.Missing("transactionAt")
	case t.Amount == nil:
		return exchange.Missing("amount")
	case t.Currency == "":
		return exchange.Missing("currency")
	}
	return ""
}

// payments are those whose transactions the rows of a slice are, the oldest first.
func (c *Client) payments(ctx context.Context, w payment.Window, s provider.Slice, rows []transactionBody) ([]payment.Payment, error) {
	var keys []string
	of, seen := map[string][]transactionBody{}, map[string]bool{}
	for _, row := range rows {
		at := time.Time(*row.At)
		if seen[row.TransactionKey] || at.Before(s.From) || !at.Before(s.To) {
			continue
		}
		seen[row.TransactionKey] = true
		if of[row.PaymentKey] == nil {
			keys = append(keys, row.PaymentKey)
		}
		of[row.PaymentKey] = append(of[row.PaymentKey], row)
	}
	var list []payment.Payment
	for _, key := range keys {
		p, whole := c.merged(of[key])
		if !whole {
			found := c.Look(ctx, payment.Ref{ID: key, RequestID: "duly-list"})
			if found.Payment == nil {
				return nil, &gateway.ListError{
					Reason: "payment " + key + " is listed, and not shown: " + found.Reason, Misconfigured: found.Misconfigured,
					Failure: found.Failure, RetryAfter: found.RetryAfter,
				}
			}
			p = *found.Payment
		}
		if w.Holds(p.CreatedAt) {
			list = append(list, p)
		}
	}
	slices.SortStableFunc(list, func(a, b payment.Payment) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

// merged is the payment that its rows stand for: one approval, less what its cancellations gave back. whole is false if they do not say how
// the payment stands: it was approved at another time, is none of these, or its key is in its name.
func (c *Client) merged(rows []transactionBody) (p payment.Payment, whole bool) {
	approvals := 0
	for _, row := range rows {
		switch row.Status {
		case statusDone:
			approvals++
			p = payment.Payment{
				ID: row.PaymentKey, Status: payment.Succeeded, Key: row.OrderID, Reference: c.reference(row.OrderID), CustomerUnknown: true,
				Money: payment.Money{Amount: int64(*row.Amount), Currency: row.Currency}, Refunded: p.Refunded, CreatedAt: time.Time(*row.At),
			}
		case statusCanceled, statusPartialCanceled:
			p.Refunded += max(int64(*row.Amount), -int64(*row.Amount)) // whichever sign it is written with
		default:
			return payment.Payment{}, false
		}
	}
	whole = approvals == 1 && p.Refunded <= p.Money.Amount && !provider.Derived(p.Key)
	return p, whole
}
