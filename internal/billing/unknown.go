package billing

import (
	"strconv"
	"strings"
	"time"

	"duly/internal/payment"
)

// ChargeID is what an idempotency key of ours names: the nth charge of a subscription's invoice for a due date.
type ChargeID struct {
	Subscription uint64
	Due          payment.Date
	N            int // from 1
}

// ParseKey reads a key that [Key] made, behind the prefix that the gateway's keys begin with. It returns false for
// every other text.
func ParseKey(prefix, key string) (ChargeID, bool) {
	text, ours := strings.CutPrefix(key, prefix)
	text, made := strings.CutPrefix(text, "sub_")
	subscription, text, _ := strings.Cut(text, "_")
	day, number, _ := strings.Cut(text, "-")
	id, errID := strconv.ParseUint(subscription, 10, 64)
	n, errN := strconv.Atoi(number)
	due, is := compactDay(day)
	if !ours || !made || !is || errID != nil || errN != nil || !plain(subscription) || !plain(number) {
		return ChargeID{}, false
	}
	return ChargeID{id, due, n}, true
}

// plain reports whether a number is written as strconv writes it, and is not 0: without a sign and leading zeros.
func plain(number string) bool { return number != "" && number[0] >= '1' && number[0] <= '9' }

// compactDay reads a date as [payment.Date.Compact] writes it: eight digits. Every key that is charged is read, so that the cost of
// [time.Parse] would count.
func compactDay(s string) (payment.Date, bool) {
	n, err := strconv.Atoi(s)
	if err != nil || len(s) != len("20060102") || s[0] < '0' || n < 10_000 { // a sign is no digit, and there is no year 0
		return 0, false
	}
	year, month, day := n/10_000, time.Month(n/100%100), n%100
	t := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	return payment.DateOf(t), t.Year() == year && t.Month() == month && t.Day() == day
}

// ForeignKey reports whether a key is one that an installation with another prefix makes: it shares the account, and its
// references are the same as ours, but they are not of our subscriptions.
func ForeignKey(prefix, key string) bool {
	at := max(strings.LastIndex(key, "sub_"), 0)
	_, made := ParseKey(key[:at], key)
	return made && key[:at] != prefix
}
