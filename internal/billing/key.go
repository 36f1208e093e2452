package billing

import (
	"strconv"

	"duly/internal/payment"
)

// Reference names the invoice of a subscription for one due date, at the gateway and in events.
func Reference(subscriptionID uint64, due payment.Date) string {
	return string(appendReference(make([]byte, 0, 64), subscriptionID, due))
}

func appendReference(text []byte, subscriptionID uint64, due payment.Date) []byte {
	text = strconv.AppendUint(append(text, "sub_"...), subscriptionID, 10)
	return due.AppendCompact(append(text, '_'))
}

// Key is the idempotency key of the nth charge of that invoice, counted from 1. It is made of business
// identity alone, so that it comes out the same whatever was restored or run again.
func Key(subscriptionID uint64, due payment.Date, n int) string {
	return string(strconv.AppendInt(append(appendReference(make([]byte, 0, 64), subscriptionID, due), '-'), int64(n), 10))
}
