package billing

import (
	"time"

	"duly/internal/payment"
)

// lastYear is the last that a DATE column holds.
const lastYear = 9999

// Anchor is the day of the month that periods begin on, for a subscription whose next period begins on
// next. The stored day stands for as long as next agrees with it, which the last day of a shorter month
// does; a date that the shop moved elsewhere is its own anchor. Day and week intervals have no anchor, and
// next's own day stands in for it.
func Anchor(next payment.Date, stored int, i Interval) int {
	year, month, day := next.Split()
	if i.months() > 0 && stored <= 31 && day == min(stored, daysIn(year, month)) {
		return stored
	}
	return day
}

// Following is the begin of the period after the one that begins on d. Month and year intervals keep to the
// anchor day, or to the last day of a month that is too short for it, so that the 31st comes back after
// February. It is the zero Date if the period would begin after the year 9999 or i is not valid.
func Following(d payment.Date, anchor int, i Interval) payment.Date {
	return periodAfter(d, anchor, i, 1)
}

// FirstFrom returns the start of the first period of s on a day or later; the zero Date if that would be after the year 9999.
func FirstFrom(s Subscription, day payment.Date) payment.Date {
	if s.Next >= day {
		return s.Next
	}
	anchor := Anchor(s.Next, s.AnchorDay, s.Interval)
	first := newestBegun(s.Next, anchor, s.Interval, day)
	if first < day {
		first = Following(first, anchor, s.Interval)
	}
	return first
}

// newestBegun is the begin of the newest of the periods from first on that has begun by business. first is
// not later than business.
func newestBegun(first payment.Date, anchor int, i Interval, business payment.Date) payment.Date {
	var n int
	if days := i.days(); days > 0 {
		n = int(business-first) / days
	} else {
		n = monthsBetween(first, business) / i.months()
	}
	newest := periodAfter(first, anchor, i, n)
	if n > 0 && newest > business {
		newest = periodAfter(first, anchor, i, n-1)
	}
	return newest
}

// periodAfter is the begin of the nth period after the one that begins on d; d itself for 0.
func periodAfter(d payment.Date, anchor int, i Interval, n int) payment.Date {
	if n == 0 || i.Validate() != nil {
		return only(d, n == 0)
	}
	if days := i.days(); days > 0 {
		next := int64(d) + int64(days)*int64(n)
		return only(payment.Date(next), next <= int64(lastDate())) //nolint:gosec // a date past the last is dropped
	}
	year, month, _ := d.Split()
	months := int64(year)*12 + int64(month-1) + int64(i.months())*int64(n)
	if months/12 > lastYear {
		return 0
	}
	year, month = int(months/12), time.Month(months%12+1)
	return payment.NewDate(year, month, min(anchor, daysIn(year, month)))
}

func only(d payment.Date, ok bool) payment.Date {
	if !ok {
		return 0
	}
	return d
}

func lastDate() payment.Date { return payment.NewDate(lastYear, time.December, 31) }

// monthsBetween counts calendar months, whatever the days of the month.
func monthsBetween(from, to payment.Date) int {
	fromYear, fromMonth, _ := from.Split()
	toYear, toMonth, _ := to.Split()
	return (toYear-fromYear)*12 + int(toMonth-fromMonth)
}

func daysIn(year int, month time.Month) int {
	_, _, day := payment.NewDate(year, month+1, 0).Split()
	return day
}
