package billing

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"duly/internal/payment"
)

// The widths of the columns that a charge is committed with, in characters.
const (
	maxCustomer        = 64
	maxMethod          = 255
	maxGatewayCustomer = 300
	maxMethodType      = 32
	maxDescription     = 120
)

// invoiceProblems lists what keeps s from being invoiced, in words that an operator can act on. The method
// is not needed where nothing is charged.
func invoiceProblems(s Subscription) []string {
	var found []string
	if s.Money.Amount < 0 {
		found = append(found, fmt.Sprintf("amount %d is negative", s.Money.Amount))
	}
	if why := payment.CurrencyProblem(s.Money.Currency); why != "" {
		found = append(found, why)
	}
	found = append(found, payerProblems(s)...)
	if s.Method == "" && s.Money.Amount != 0 {
		found = append(found, noMethod)
	}
	return found
}

// chargeProblems lists what keeps an invoice of s from being charged.
func chargeProblems(s Subscription) []string {
	found := payerProblems(s)
	if s.Method == "" {
		found = append(found, noMethod)
	}
	return found
}

// storableMethod reports whether a gateway's word for another payment method can be one.
func storableMethod(method string) bool {
	return method != "" && utf8.ValidString(method) && utf8.RuneCountInString(method) <= maxMethod &&
		strings.IndexFunc(method, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) < 0
}

const noMethod = "payment_method is empty"

func payerProblems(s Subscription) []string {
	var found []string
	if s.CustomerID == "" {
		found = append(found, "customer_id is empty")
	}
	if s.Gateway == "" {
		found = append(found, "gateway is empty")
	}
	for _, f := range []struct {
		name, text string
		longest    int
	}{
		{"customer_id", s.CustomerID, maxCustomer},
		{"payment_method", s.Method, maxMethod},
		{"gateway_customer", s.GatewayCustomer, maxGatewayCustomer},
		{"method_type", s.MethodType, maxMethodType},
		{"description", s.Description, maxDescription},
	} {
		if n := utf8.RuneCountInString(f.text); n > f.longest {
			found = append(found, fmt.Sprintf("%s has %d characters, %d are the most", f.name, n, f.longest))
		}
	}
	if strings.ContainsFunc(s.GatewayCustomer, unicode.IsControl) { // adapters put it into addresses and forms
		found = append(found, "gateway_customer has a control character")
	}
	return found
}

// reason makes one line of problems, as a review_reason column holds it; "" for none.
func reason(problems ...string) string { return cut(strings.Join(problems, "; "), MaxText) }
