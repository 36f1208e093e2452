package billing

import (
	"strconv"

	"duly/internal/payment"
)

// Reference names the invoice of a subscription for one due date, at the gateway and in events.
func Reference(subscriptionID uint64, due payment.Date) string {
	return "sub_" + strconv.FormatUint(subscriptionID, 10) + "_" + due.Compact()
}

// Key is the idempotency key of the nth charge of that invoice, counted from 1. It is made of business
// identity alone, so that it comes out the same whatever was restored or run again.
func Key(subscriptionID uint64, due payment.Date, n int) string {
	return Reference(subscriptionID, due) + "-" + strconv.Itoa(n)
}
