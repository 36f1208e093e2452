package orders

import "duly/internal/payment"

// AskedByTheShop is the reason of a refund for which the order gives none.
const AskedByTheShop = "asked by the shop"

// Why says, for people, what the order's refunds are for.
func (c RefundClaim) Why() string {
	switch {
	case c.Status == OrderFailed && c.FailureReason != "":
		return "order failed: " + c.FailureReason
	case c.Status == OrderFailed:
		return "order failed"
	case c.Status == OrderCancelled:
		return "order cancelled"
	case c.Status == OrderCompleted && c.Kept:
		return "another payment of the order was kept"
	}
	return AskedByTheShop
}

// RefundCode is the failure code of a payment in refund_due that turned out to have taken nothing.
func RefundCode(s payment.LookupResult) string {
	switch {
	case s.Payment == nil:
		return FailureRequest
	case s.Payment.Decline.Code != "":
		return payment.Cut(s.Payment.Decline.Code, maxCode)
	}
	return string(s.Payment.Status)
}
