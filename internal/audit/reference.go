package audit

import (
	"strconv"
	"strings"
	"time"

	"duly/internal/billing"
	"duly/internal/orders"
	"duly/internal/payment"
)

// Subject is what a reference of ours names: an order, or a subscription's invoice.
type Subject struct {
	Order        uint64 // 0: it names an invoice
	Subscription uint64
	Due          payment.Date
}

// SubjectOf reads a reference; false: it is none of ours.
func SubjectOf(reference string) (Subject, bool) {
	if text, ok := strings.CutPrefix(reference, "ord_"); ok {
		id, err := strconv.ParseUint(text, 10, 64)
		return Subject{Order: id}, err == nil && id > 0 && orders.Reference(id) == reference
	}
	text, ok := strings.CutPrefix(reference, "sub_")
	number, day, found := strings.Cut(text, "_")
	id, errID := strconv.ParseUint(number, 10, 64)
	due, errDue := time.Parse("20060102", day)
	if !ok || !found || errID != nil || errDue != nil || id == 0 {
		return Subject{}, false
	}
	s := Subject{Subscription: id, Due: payment.DateOf(due)}
	return s, billing.Reference(s.Subscription, s.Due) == reference
}
