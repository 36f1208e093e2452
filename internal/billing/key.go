package billing

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"duly/internal/payment"
)

// maxKey is the longest idempotency key that the payments API and the tables take, in bytes.
const maxKey = 64

// Reference names the invoice of a subscription for one due date, at the gateway and in events.
func Reference(subscriptionID uint64, due payment.Date) string {
	return "sub_" + strconv.FormatUint(subscriptionID, 10) + "_" + due.Compact()
}

// Key is the idempotency key of the nth charge of that invoice, counted from 1. It is made of business
// identity alone, so that it comes out the same whatever was restored or run again.
func Key(subscriptionID uint64, due payment.Date, n int) string {
	return Reference(subscriptionID, due) + "-" + strconv.Itoa(n)
}

// Shorten returns key if it fits into 64 bytes, else prefix and 60 hexadecimal digits of key's SHA-256.
// The prefix, of at most 4 bytes, keeps the kinds of key apart.
func Shorten(prefix, key string) string {
	if len(key) <= maxKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return prefix + hex.EncodeToString(sum[:])[:60]
}
