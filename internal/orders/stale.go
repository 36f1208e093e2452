package orders

import (
	"slices"
	"time"
)

// Stale reports whether the order and its payments have been left alone for as long as p says. A customer
// who has just begun to pay is left alone, however old the order is.
func Stale(o Order, payments []Payment, p Policy, now time.Time) bool {
	return now.Sub(newest(o, payments)) >= p.OlderThan
}

// newest is the last time that anybody wrote to the order or one of its payments.
func newest(o Order, payments []Payment) time.Time {
	last := laterOf(o.CreatedAt, o.UpdatedAt)
	for _, p := range payments {
		last = laterOf(last, laterOf(p.CreatedAt, p.UpdatedAt))
	}
	return last
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Same reports whether the order, its items and its payments, by id, are as they were claimed.
func Same(claimed Claimed, o Order, payments []Payment) bool {
	return sameOrder(claimed.Order, o) && slices.EqualFunc(claimed.Payments, payments, samePayment)
}

func sameOrder(a, b Order) bool {
	return a.ID == b.ID && a.CustomerID == b.CustomerID && a.Status == b.Status && a.Money == b.Money &&
		slices.Equal(a.Items, b.Items) && a.CreatedAt.Equal(b.CreatedAt) && a.UpdatedAt.Equal(b.UpdatedAt)
}

func samePayment(a, b Payment) bool {
	times := a.CreatedAt.Equal(b.CreatedAt) && a.UpdatedAt.Equal(b.UpdatedAt)
	a.CreatedAt, a.UpdatedAt = b.CreatedAt, b.UpdatedAt
	return times && a == b
}
