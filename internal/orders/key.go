package orders

import (
	"strconv"

	"duly/internal/payment"
)

// Reference is what the charges of an order are made under.
func Reference(id uint64) string { return "ord_" + strconv.FormatUint(id, 10) }

// RefundKey is the idempotency key that the payment's whole amount is refunded under.
func RefundKey(p Payment) string { return backKey("rf_", p) }

// CancelKey is the idempotency key that the payment is cancelled under.
func CancelKey(p Payment) string { return backKey("cx_", p) }

// backKey is the prefix and the payment's own key, or its row where the shop wrote no key.
func backKey(prefix string, p Payment) string {
	if p.Key == "" {
		return prefix + paymentName(p.ID)
	}
	return payment.ShortKey(prefix, prefix+p.Key)
}
