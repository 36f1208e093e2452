package stripe

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"duly/internal/gateway/exchange"
	"duly/internal/payment"
)

// The fields of an intent's metadata that lead back to its charge.
const (
	metaKey       = "duly_key"
	metaReference = "duly_reference"
	metaCustomer  = "duly_customer"
)

// Limits of the API, in characters.
const (
	longestKey         = 255
	longestMetadata    = 500
	longestDescription = 1000
	longestID          = 5000
)

// encode writes the body of c. Its bytes must never change: other requests under the same key may have been sent long ago. The error says
// why c can never be sent.
func encode(c payment.Charge) (*form, error) {
	switch {
	case c.GatewayCustomer == "":
		return nil, errors.New("gateway_customer is missing: Stripe charges a payment method only with its customer (cus_…): set gateway_customer")
	case c.BodyVersion != 2:
		return nil, fmt.Errorf("body version %d is not known to this program", c.BodyVersion)
	}
	if err := checkCharge(c); err != nil {
		return nil, err
	}
	f := &form{}
	f.add("amount", strconv.FormatInt(c.Money.Amount, 10))
	f.add("currency", strings.ToLower(c.Money.Currency))
	f.add("customer", c.GatewayCustomer)
	f.add("payment_method", c.Method)
	f.add("payment_method_types[]", "card") // else a confirmation may ask for a return_url
	f.add("confirm", "true")
	f.add("off_session", "true")
	f.add("description", payment.Cut(c.Description, longestDescription))
	f.add("metadata["+metaKey+"]", c.Key)
	f.add("metadata["+metaReference+"]", c.Reference)
	f.add("metadata["+metaCustomer+"]", c.CustomerID)
	return f, nil
}

// checkCharge finds what Stripe forbids and what HTTP cannot carry.
func checkCharge(c payment.Charge) error {
	switch {
	case !isKey(c.Key):
		return errKey
	case c.Reference == "" || utf8.RuneCountInString(c.Reference) > longestMetadata:
		return fmt.Errorf("the reference must be 1 to %d characters", longestMetadata)
	case c.CustomerID == "" || utf8.RuneCountInString(c.CustomerID) > longestMetadata:
		return fmt.Errorf("the customer must be 1 to %d characters", longestMetadata)
	case c.Method == "" || len(c.Method) > longestID:
		return errors.New("the payment method is missing or too long")
	case len(c.Money.Currency) != 3 || strings.ToUpper(c.Money.Currency) != c.Money.Currency:
		return errors.New("the currency must be three capital letters")
	}
	if why := amountProblem(c.Money.Amount, c.Money.Currency); why != "" {
		return errors.New(why)
	}
	return nil
}

var errKey = fmt.Errorf("the idempotency key must be 1 to %d printable ASCII characters", longestKey)

func isKey(s string) bool { return s != "" && len(s) <= longestKey && exchange.Visible(s) == s }
