package billing

import "strings"

// EndedUnpaid reports whether duly cancelled a subscription for that reason, since an invoice stayed unpaid.
func EndedUnpaid(cancelReason string) bool { return strings.HasPrefix(cancelReason, unpaidReason) }

// OpenAgain tells that an invoice that was done is charged again; status is what its subscription is again, empty: unchanged. It may
// occur more than once.
func OpenAgain(inv Invoice, customer string, a PastAttempt, status SubscriptionStatus) Event {
	body := aboutInvoice(inv, customer, a.Gateway)
	body.AttemptID = a.ID
	return anew(invoiceReopened(body, body.Reference, status))
}
