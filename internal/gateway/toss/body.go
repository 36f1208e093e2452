package toss

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"duly/internal/payment"
)

// longestMethod is how long Toss says that a billing key can be, in bytes.
const longestMethod = 200

// bodyV2 is the body of a charge. Its bytes must never change: other requests under the same key may have been sent long ago. A new layout
// is a new version beside it. There is no version 1: without a customerKey Toss charges nothing.
type bodyV2 struct {
	CustomerKey string `json:"customerKey"`
	Amount      int64  `json:"amount"`
	OrderID     string `json:"orderId"`
	OrderName   string `json:"orderName"`
}

// encode writes the body of c in the version that c was begun with. The error says why c can never be sent.
func encode(c payment.Charge) ([]byte, error) {
	if err := checkCharge(c); err != nil {
		return nil, err
	}
	name := c.Description
	if name == "" {
		name = c.Reference
	}
	return json.Marshal(bodyV2{c.GatewayCustomer, c.Money.Amount, orderID(c.Key), orderName(name, c.Key)})
}

// checkCharge finds what Toss could only refuse, and what would not come back as it was sent.
func checkCharge(c payment.Charge) error {
	switch {
	case c.BodyVersion < 1 || c.BodyVersion > 2: //nolint:mnd // versions
		return fmt.Errorf("body version %d is not known to this program", c.BodyVersion)
	case c.BodyVersion == 1 || c.GatewayCustomer == "":
		return errors.New("the gateway_customer is missing: Toss charges a billing key only together with the customerKey that it was issued to")
	case !customerForm.MatchString(c.GatewayCustomer):
		return errors.New("the gateway_customer is no customerKey: 2 to 300 letters, digits, -, _, =, . and @")
	case c.Key == "" || !utf8.ValidString(c.Key) || utf8.RuneCountInString(keyMark+c.Key) > longestName:
		return errors.New("the idempotency key must be 1 to 98 characters")
	case c.Method == "" || len(c.Method) > longestMethod || !utf8.ValidString(c.Method):
		return errors.New("the payment method must be a billing key of 1 to 200 characters")
	case c.Money.Currency != "KRW":
		return errors.New("Toss takes only KRW")
	case c.Money.Amount < 1:
		return errors.New("the amount must be at least 1")
	}
	return nil
}
