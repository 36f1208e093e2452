package httpapi

import (
	"net/url"
	"strings"
)

// The paths of the contract, with {names} for what differs between requests.
const (
	pathPayments = "/v1/payments"
	pathPayment  = "/v1/payments/{id}"
	pathByKey    = "/v1/payments/by-key/{key}"
	pathCancel   = "/v1/payments/{id}/cancel"
	pathRefunds  = "/v1/payments/{id}/refunds"
)

// fill returns the template with its one {name} replaced by value, as one segment.
func fill(template, value string) string {
	before, rest, found := strings.Cut(template, "{")
	if !found {
		return template
	}
	_, after, _ := strings.Cut(rest, "}")
	return before + url.PathEscape(value) + after
}
