package kakaopay

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"duly/internal/gateway/exchange"
	"duly/internal/payment"
)

// The limits of the API, in characters.
const (
	longestOrder = 100
	longestUser  = 100
	longestItem  = 100
)

const (
	won      = "KRW"
	oneItem  = 1
	noTaxOff = 0 // of the amount, all of it is taxed
)

// merchant is what every body begins with.
type merchant struct {
	CID    string `json:"cid"`
	Secret string `json:"cid_secret,omitempty"`
}

// bodyV2 is the body of a charge, of version 2. There is no version 1: without a partner_user_id KakaoPay charges nothing.
type bodyV2 struct {
	merchant

	SID     string `json:"sid"`
	Order   string `json:"partner_order_id"`
	User    string `json:"partner_user_id"`
	Item    string `json:"item_name"`
	Count   int    `json:"quantity"`
	Total   int64  `json:"total_amount"`
	TaxFree int64  `json:"tax_free_amount"`
}

// encode writes the body of c. The error says why c can never be sent.
func (c *Client) encode(charge payment.Charge) ([]byte, error) {
	switch {
	case charge.GatewayCustomer == "":
		return nil, errors.New("gateway_customer is missing: KakaoPay charges a SID only together with the partner_user_id of its first payment")
	case charge.BodyVersion != 2:
		return nil, fmt.Errorf("body version %d is not known to this program", charge.BodyVersion)
	}
	if err := checkCharge(charge); err != nil {
		return nil, err
	}
	item := charge.Description
	if strings.TrimSpace(item) == "" {
		item = charge.Reference
	}
	return json.Marshal(bodyV2{
		merchant: c.merchant(), SID: charge.Method, Order: charge.Key, User: charge.GatewayCustomer, Item: payment.Cut(item, longestItem),
		Count: oneItem, Total: charge.Money.Amount, TaxFree: noTaxOff,
	})
}

func (c *Client) merchant() merchant { return merchant{c.config.CID, c.config.CIDSecret} }

// checkCharge finds what KakaoPay could only refuse.
func checkCharge(c payment.Charge) error {
	switch {
	case c.Key == "" || len(c.Key) > longestOrder || exchange.Visible(c.Key) != c.Key:
		return fmt.Errorf("the idempotency key must be 1 to %d printable ASCII characters", longestOrder)
	case c.Reference == "":
		return errors.New("the reference is missing")
	case c.Method == "":
		return errors.New("the payment method is missing")
	case utf8.RuneCountInString(c.GatewayCustomer) > longestUser:
		return fmt.Errorf("the gateway_customer is longer than %d characters", longestUser)
	case c.Money.Currency != won:
		return errors.New("KakaoPay takes only KRW")
	case c.Money.Amount < 1:
		return errors.New("the amount must be at least 1")
	}
	return nil
}

var numberedKey = regexp.MustCompile(`^(.+)-[0-9]+$`)

// reference is what a key pays for: all of it but its prefix and its number. KakaoPay keeps no other trace of it.
func (c *Client) reference(key string) string {
	key = strings.TrimPrefix(key, c.config.KeyPrefix)
	if m := numberedKey.FindStringSubmatch(key); m != nil {
		return m[1]
	}
	return key
}
