package portone

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"duly/internal/gateway/provider"
	"duly/internal/payment"
)

// bodyV1 is the body of a charge. Its bytes must never change: other requests under the same key may have been sent long ago. A new layout
// is a new version beside it.
type bodyV1 struct {
	StoreID    string       `json:"storeId,omitempty"`
	BillingKey string       `json:"billingKey"`
	ChannelKey string       `json:"channelKey,omitempty"`
	OrderName  string       `json:"orderName"`
	Customer   customerBody `json:"customer"`
	CustomData string       `json:"customData"`
	Amount     amountBody   `json:"amount"`
	Currency   string       `json:"currency"`
}

type customerBody struct {
	ID string `json:"id"`
}

type amountBody struct {
	Total int64 `json:"total"`
}

// customData is what leads from a payment back to the charge that it was made for. PortOne keeps it as a text.
type customData struct {
	Key       string `json:"duly_key"`
	Reference string `json:"duly_reference"`
	Customer  string `json:"duly_customer"`
}

// encode writes the body of c in the version that c was begun with. The error says why c can never be sent.
//
// PortOne has no second identifier of a method, so that versions 1 and 2 of a charge have one layout.
func (c *Client) encode(charge payment.Charge) ([]byte, error) {
	if err := checkCharge(charge); err != nil {
		return nil, err
	}
	if charge.BodyVersion != 1 && charge.BodyVersion != 2 {
		return nil, fmt.Errorf("body version %d is not known to this program", charge.BodyVersion)
	}
	name := charge.Description
	if name == "" {
		name = charge.Reference
	}
	custom, err := json.Marshal(customData{charge.Key, charge.Reference, charge.CustomerID})
	if err != nil {
		return nil, errors.New("the charge cannot be written as JSON")
	}
	return json.Marshal(bodyV1{
		StoreID: c.config.StoreID, BillingKey: charge.Method, ChannelKey: c.config.ChannelKey, OrderName: name,
		Customer: customerBody{charge.CustomerID}, CustomData: string(custom), Amount: amountBody{charge.Money.Amount}, Currency: charge.Money.Currency,
	})
}

// checkCharge finds what PortOne could only refuse, and what would not come back as it was sent.
func checkCharge(c payment.Charge) error {
	for _, field := range []struct{ name, value string }{
		{"idempotency key", c.Key},
		{"reference", c.Reference},
		{"customer", c.CustomerID},
		{"payment method", c.Method},
	} {
		if field.value == "" || !utf8.ValidString(field.value) {
			return errors.New("the " + field.name + " is missing, or not UTF-8")
		}
	}
	switch {
	case c.Money.Amount < 1:
		return errors.New("the amount must be at least 1")
	case !payment.KnownCurrency(c.Money.Currency):
		return errors.New("the currency is none of ISO 4217")
	}
	return nil
}

// own reads the key, reference and customer of a charge of ours from a payment's custom data. They count only if the payment's id is that of
// the key: the derived one, or for a payment that the shop made by itself the key as it is. Else key is the id, which is nobody's key.
func own(id, custom string) (key, reference, customer string) {
	var d customData
	if json.Unmarshal([]byte(custom), &d) != nil || d.Key == "" || id != provider.ID(d.Key) && id != d.Key {
		return id, "", ""
	}
	return d.Key, d.Reference, d.Customer
}
