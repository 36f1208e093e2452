package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"duly/internal/gateway/exchange"
	"duly/internal/payment"
)

const (
	longestKey       = 64
	longestReference = 64
	longestCustomer  = 300
)

// bodyV1 is version 1 of the body. Its bytes must never change: other requests under the same key may have
// been sent long ago. A new layout is a new version beside it.
type bodyV1 struct {
	Reference   string `json:"reference"`
	CustomerID  string `json:"customer_id"`
	Method      string `json:"payment_method"`
	MethodType  string `json:"method_type,omitempty"`
	Amount      int64  `json:"amount"`
	Currency    string `json:"currency"`
	Description string `json:"description,omitempty"`
}

// bodyV2 is version 2: version 1 with the second identifier of the payment method.
type bodyV2 struct {
	bodyV1

	GatewayCustomer string `json:"gateway_customer"`
}

// encode writes the body of c in the version that c was begun with. The error says why c can never be sent.
func encode(c payment.Charge) ([]byte, error) {
	if err := checkCharge(c); err != nil {
		return nil, err
	}
	body := bodyV1{
		Reference:   c.Reference,
		CustomerID:  c.CustomerID,
		Method:      c.Method,
		MethodType:  c.MethodType,
		Amount:      c.Money.Amount,
		Currency:    c.Money.Currency,
		Description: c.Description,
	}
	switch {
	case c.BodyVersion == 1: // it was begun by a program that knows no gateway_customer, whatever the row holds of an earlier one
		return json.Marshal(body)
	case c.BodyVersion != 2:
		return nil, fmt.Errorf("body version %d is not known to this program", c.BodyVersion)
	case c.GatewayCustomer == "":
		return nil, errors.New("body version 2 needs a gateway_customer")
	}
	return json.Marshal(bodyV2{body, c.GatewayCustomer})
}

// checkCharge finds what the contract forbids and what HTTP cannot carry. Such a request would be refused at
// best, and at worst look like a gateway that is down.
func checkCharge(c payment.Charge) error {
	switch {
	case !isKey(c.Key):
		return errKey
	case c.Reference == "" || utf8.RuneCountInString(c.Reference) > longestReference:
		return errors.New("the reference must be 1 to 64 characters")
	case c.CustomerID == "":
		return errors.New("the customer is missing")
	case c.Method == "":
		return errors.New("the payment method is missing")
	case utf8.RuneCountInString(c.GatewayCustomer) > longestCustomer:
		return errors.New("the gateway_customer is longer than 300 characters")
	case c.Money.Amount < 1:
		return errors.New("the amount must be at least 1")
	case !upperLetters(c.Money.Currency):
		return errors.New("the currency must be three capital letters")
	}
	return nil
}

var errKey = errors.New("the idempotency key must be 1 to 64 printable ASCII characters")

func isKey(s string) bool { return s != "" && len(s) <= longestKey && exchange.Visible(s) == s }

func upperLetters(code string) bool {
	for _, r := range code {
		if r < 'A' || r > 'Z' {
			return false
		}
	}
	return len(code) == 3
}
