package portone

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"duly/internal/gateway/exchange"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
)

// recordBody is a payment as PortOne records it. Pointers tell what is missing from what is empty.
type recordBody struct {
	ID          string     `json:"id"`
	Status      string     `json:"status"`
	Amount      *amount    `json:"amount"`
	Currency    string     `json:"currency"`
	CustomData  string     `json:"customData"`
	BillingKey  string     `json:"billingKey"`
	RequestedAt *time.Time `json:"requestedAt"`
	PaidAt      *time.Time `json:"paidAt"`
	FailedAt    *time.Time `json:"failedAt"`
	Channel     struct {
		Type       string `json:"type"`
		Key        string `json:"key"`
		PGProvider string `json:"pgProvider"`
	} `json:"channel"`
	Failure struct {
		Reason    string `json:"reason"`
		PGCode    string `json:"pgCode"`
		PGMessage string `json:"pgMessage"`
	} `json:"failure"`
	Cancellations []cancellationBody `json:"cancellations"`
}

// amount is what a payment is of, in minor units. Total is compared: paid is less where a card company gave a discount.
type amount struct {
	Total     *int64 `json:"total"`
	Cancelled int64  `json:"cancelled"`
}

type cancellationBody struct {
	Status      string `json:"status"`
	TotalAmount int64  `json:"totalAmount"`
	Reason      string `json:"reason"`
}

// The statuses of a payment.
const (
	statusPaid             = "PAID"
	statusFailed           = "FAILED"
	statusCancelled        = "CANCELLED"
	statusPartialCancelled = "PARTIAL_CANCELLED"
	statusReady            = "READY"
	statusPending          = "PENDING"
	statusPayPending       = "PAY_PENDING" // of older documents
	statusVirtualAccount   = "VIRTUAL_ACCOUNT_ISSUED"
)

// testChannel is the type of a channel that takes no money.
const testChannel = "TEST"

// readRecord reads a payment; why, if it is not empty, says that the body is none.
func readRecord(body []byte) (b recordBody, why string) {
	if err := json.Unmarshal(body, &b); err != nil {
		return recordBody{}, exchange.Malformed(body, err)
	}
	return b, ""
}

// payment is what b stands for; why, if it is not empty, names the field that keeps it from being a payment.
func (c *Client) payment(b recordBody, clean exchange.Cleaner) (p payment.Payment, why string) {
	switch {
	case b.ID == "":
		return p, exchange.Missing("id")
	case !clean.Storable(b.ID):
		return p, fmt.Sprintf(`field "id" holds our secret, or is not UTF-8 of at most %d characters`, exchange.LongestText)
	case b.Amount == nil || b.Amount.Total == nil:
		return p, exchange.Missing("amount.total")
	case b.Currency == "":
		return p, exchange.Missing("currency")
	}
	p = payment.Payment{ID: b.ID, Key: b.ID, Money: payment.Money{Amount: *b.Amount.Total, Currency: b.Currency}}
	if c.otherTest(b) {
		p.ForeignChannel = cmp.Or(clean.Text(b.Channel.Key), "without a name")
	} else {
		p.Key, p.Reference, p.CustomerID = own(b.ID, b.CustomData)
	}
	if b.RequestedAt != nil {
		p.CreatedAt = b.RequestedAt.UTC()
	}
	switch b.Status {
	case statusPaid, statusPartialCancelled:
		p.Status, p.Refunded = payment.Succeeded, b.Amount.Cancelled
	case statusCancelled:
		// What was paid and given back whole is a payment of which everything was refunded.
		p.Status = payment.Canceled
		if b.PaidAt != nil || b.Amount.Cancelled != 0 {
			p.Status, p.Refunded = payment.Succeeded, p.Money.Amount
		}
	case statusFailed:
		c.failed(&p, b, clean)
	case statusReady, statusPending, statusPayPending, statusVirtualAccount:
		p.Status = payment.Pending
	case "":
		return payment.Payment{}, exchange.Missing("status")
	default:
		return payment.Payment{}, `field "status" is none that this version knows`
	}
	return p, ""
}

// failed says why a payment failed. One that names no code of the payment company may be a time-out of PortOne's, after which the company
// may still have taken the money: it is pending until no request can take effect any more.
func (c *Client) failed(p *payment.Payment, b recordBody, clean exchange.Cleaner) {
	text := func(s string) string { return clean.Text(s, p.CustomerID, b.BillingKey) }
	code := b.Failure.PGCode
	if code == "" {
		if c.mayLand(b) {
			p.Status = payment.Pending
			return
		}
		code = statusFailed
	}
	message := b.Failure.PGMessage
	if message == "" {
		message = b.Failure.Reason
	}
	p.Status = payment.Declined
	class, known := pgClass(b.Channel.PGProvider, code)
	switch {
	case !known || class.Declines():
	case class == provider.Rejected, class == provider.None: // nothing was taken, and it costs a stage
		class = provider.Soft
	case c.mayLand(b): // a fault of the company's own, after which it may still take the money
		p.Status = payment.Pending
		return
	default:
		class = provider.Later
	}
	if !known {
		code = text(code)
	}
	p.Decline = payment.Decline{Class: class.Decline(), Code: code, Message: text(message)}
}

// mayLand reports whether the request of a payment that failed for no reason of the customer's may still take effect.
func (c *Client) mayLand(b recordBody) bool {
	at := b.FailedAt
	if at == nil {
		at = b.RequestedAt
	}
	return at == nil || c.config.Now().Before(at.Add(c.config.LongestRequest))
}

// otherTest reports whether the payment was made through a test channel that is not ours. It took no money, whatever it says; its id may be
// that of a charge of ours, where a shop was tried out before it went live.
func (c *Client) otherTest(b recordBody) bool {
	return b.Channel.Type == testChannel && b.Channel.Key != "" && c.config.ChannelKey != "" && b.Channel.Key != c.config.ChannelKey &&
		!slices.Contains(c.config.TestChannels, b.Channel.Key)
}

// record reads the payment in a 200; why says what is wrong with it. It must have the id that was asked for.
func (c *Client) record(a answer, id string) (p payment.Payment, b recordBody, why string) {
	b, why = readRecord(a.Body)
	if why == "" {
		p, why = c.payment(b, a.Clean)
	}
	switch {
	case a.IsPage():
		return p, b, a.Page()
	case why != "":
		return p, b, a.Unreadable(why)
	case p.ID != id:
		return p, b, "200 with another payment, " + p.ID
	}
	return p, b, ""
}

// pgClass is what a code of a payment company means; known is false for one that no table has, which is soft: it costs a stage, and
// gives up no method that works.
func pgClass(company, code string) (class provider.Class, known bool) {
	table, ok := companies()[company]
	if !ok {
		return provider.Soft, false
	}
	row, ok := table.Row(code)
	if !ok {
		return provider.Soft, false
	}
	return row.Is, true
}
