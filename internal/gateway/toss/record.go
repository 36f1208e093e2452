package toss

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"duly/internal/gateway/exchange"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
)

// recordBody is a payment as Toss records it. Pointers tell what is missing from what is empty.
type recordBody struct {
	PaymentKey  string       `json:"paymentKey"`
	OrderID     string       `json:"orderId"`
	OrderName   string       `json:"orderName"`
	Status      string       `json:"status"`
	Currency    string       `json:"currency"`
	Total       *won         `json:"totalAmount"`
	Balance     *won         `json:"balanceAmount"`
	RequestedAt *instant     `json:"requestedAt"`
	ApprovedAt  *instant     `json:"approvedAt"`
	Cancels     []cancelBody `json:"cancels"`
	Failure     *errorBody   `json:"failure"`
}

type cancelBody struct {
	Amount won    `json:"cancelAmount"`
	Reason string `json:"cancelReason"`
	Status string `json:"cancelStatus"`
}

// won is an amount, which Toss writes as a number of any form.
type won int64

// UnmarshalJSON implements [json.Unmarshaler]. An amount with a fraction is an error.
func (w *won) UnmarshalJSON(text []byte) error {
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		*w = won(n)
		return nil
	}
	const most = 1 << 53 // every whole number up to here is a float of its own
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > most {
		return errors.New("an amount is no whole number")
	}
	*w = won(f)
	return nil
}

// seoul is the time zone of times that name none. It has no summer time.
var seoul = time.FixedZone("KST", 9*60*60) //nolint:gochecknoglobals,mnd // a constant

// localTime is how a time without a zone is written.
const localTime = "2006-01-02T15:04:05"

// instant is a time, with its zone or as a clock in Seoul shows it.
type instant time.Time

// UnmarshalJSON implements [json.Unmarshaler].
func (i *instant) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		at, err = time.ParseInLocation(localTime, s, seoul)
	}
	if err != nil {
		return errors.New("a time cannot be read")
	}
	*i = instant(at.UTC())
	return nil
}

// The statuses of a payment.
const (
	statusDone            = "DONE"
	statusCanceled        = "CANCELED"
	statusPartialCanceled = "PARTIAL_CANCELED"
	statusAborted         = "ABORTED"
	statusExpired         = "EXPIRED"
	statusReady           = "READY"
	statusInProgress      = "IN_PROGRESS"
	statusWaiting         = "WAITING_FOR_DEPOSIT"
)

// record reads a payment in a 200; why, if it is not empty, says that the body is none.
func (c *Client) record(a answer) (p payment.Payment, b recordBody, why string) {
	if a.IsPage() {
		return p, b, a.Page()
	}
	if err := json.Unmarshal(a.Body, &b); err != nil {
		return p, b, a.Unreadable(malformed(a.Body, err))
	}
	if p, why = c.payment(b, a); why != "" {
		return payment.Payment{}, b, a.Unreadable(why)
	}
	return p, b, ""
}

// malformed says what is wrong with a body. The errors of our own types name no value.
func malformed(body []byte, err error) string {
	if _, wrong := errors.AsType[*json.UnmarshalTypeError](err); !wrong && json.Valid(body) {
		return err.Error()
	}
	return exchange.Malformed(body, err)
}

// payment is what b stands for; why, if it is not empty, names what keeps it from being a payment. What was refunded is the difference of
// total and balance: a payment that was refunded in parts to the end stays PARTIAL_CANCELED.
func (c *Client) payment(b recordBody, a answer) (p payment.Payment, why string) {
	switch {
	case b.PaymentKey == "":
		return p, exchange.Missing("paymentKey")
	case !a.Clean.Storable(b.PaymentKey):
		return p, fmt.Sprintf(`field "paymentKey" holds our secret, or is not UTF-8 of at most %d characters`, exchange.LongestText)
	case b.OrderID == "":
		return p, exchange.Missing("orderId")
	case b.Total == nil:
		return p, exchange.Missing("totalAmount")
	case b.Balance == nil:
		return p, exchange.Missing("balanceAmount")
	case b.Currency == "":
		return p, exchange.Missing("currency")
	}
	key := own(b.OrderID, b.OrderName)
	p = payment.Payment{
		ID: b.PaymentKey, Key: key, Reference: c.reference(key), CustomerUnknown: true,
		Money: payment.Money{Amount: int64(*b.Total), Currency: b.Currency}, CreatedAt: b.createdAt(),
	}
	refunded := p.Money.Amount - int64(*b.Balance)
	switch b.Status {
	case statusDone:
		p.Status, p.Refunded = payment.Succeeded, refunded
	case statusCanceled, statusPartialCanceled:
		p.Status = payment.Canceled
		if b.ApprovedAt != nil {
			p.Status, p.Refunded = payment.Succeeded, refunded
		}
		if b.Status == statusCanceled && *b.Balance != 0 || refunded == 0 {
			return payment.Payment{}, fmt.Sprintf("it is %s, and its balance is %d of %d", b.Status, *b.Balance, *b.Total)
		}
	case statusAborted, statusExpired:
		c.failed(&p, b, a)
	case statusReady, statusInProgress, statusWaiting:
		p.Status = payment.Pending
	case "":
		return payment.Payment{}, exchange.Missing("status")
	default:
		return payment.Payment{}, `field "status" is none that this version knows`
	}
	return p, ""
}

// createdAt is when the payment was approved, which is its time in the list; else when it was asked for.
func (b recordBody) createdAt() time.Time {
	switch {
	case b.ApprovedAt != nil:
		return time.Time(*b.ApprovedAt)
	case b.RequestedAt != nil:
		return time.Time(*b.RequestedAt)
	}
	return time.Time{}
}

// failed says why a payment was not approved. One that ended without a reason, or for a fault that the company may have met after it took
// the money, is pending until no request can take effect any more.
func (c *Client) failed(p *payment.Payment, b recordBody, a answer) {
	code, message := b.Status, ""
	if b.Failure != nil && b.Failure.Code != "" {
		code = b.Failure.Code
		if b.Failure.Message != nil {
			message = *b.Failure.Message
		}
	}
	row, known := chargeCodes.Row(code)
	class := provider.Soft // what no table has costs a stage, and gives up no method
	switch {
	case known && row.Is.Declines():
		class = row.Is
	case known && (row.Is == provider.Look || row.Is == provider.Misconfigured):
		class = provider.Later
	}
	settled := known && row.Is.Declines() || !known && code != b.Status
	if !settled && (p.CreatedAt.IsZero() || c.config.Now().Before(p.CreatedAt.Add(c.config.LongestRequest))) {
		p.Status = payment.Pending
		return
	}
	if !known {
		code = a.Clean.Text(code)
	}
	p.Status = payment.Declined
	p.Decline = payment.Decline{Class: class.Decline(), Code: code, Message: a.Clean.Text(message)}
}
