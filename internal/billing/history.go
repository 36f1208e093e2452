package billing

import (
	"strconv"
	"strings"
	"time"

	"duly/internal/payment"
)

// Under returns an idempotency key of an invoice as the keys of a gateway with that prefix are: whatever prefix the key
// has, of this or of another gateway, is replaced.
func Under(prefix, key string) string {
	at := strings.LastIndex(key, "sub_") // nothing after it can hold these letters
	return prefix + key[max(at, 0):]
}

// WithNumber returns an idempotency key of an invoice with another number.
func WithNumber(key string, n int) string {
	return key[:strings.LastIndexByte(key, '-')+1] + strconv.Itoa(n)
}

// Held is what the tables say of the attempt that holds a key.
type Held struct {
	ID     uint64
	Status AttemptStatus
	// Proof is what ended it; Message is what its gateway answered.
	Proof   Proof
	Message string
	// Reference and CustomerID are those of its charge.
	Reference, CustomerID string
	// Unsent: it is in flight under a claim of which nothing has been sent yet.
	Unsent bool
	// Void: its invoice is void, so that it is never charged again.
	Void bool
}

// Known reports whether the tables account for a charge under a key of ours that the gateway shows as status. held is
// the attempt under that key; nil: there is none.
//
// A charge is accounted for by an attempt that was sent and is not settled, since recovery asks about it, or by one that
// is settled as the gateway says. A success under an attempt that was never sent, released, rejected or declined is
// unknown: these tables are not those that it was made from (but see [TakenThoughRejected]). Two exceptions can lead to no further charge: of a paid
// invoice only the audit has something to say, and an operator who ended a declined or rejected attempt had its invoice
// voided.
func Known(status payment.Status, held *Held) bool {
	if held == nil {
		return false
	}
	tookNone := status == payment.Declined || status == payment.Canceled
	switch held.Status {
	case AttemptInFlight:
		return !held.Unsent
	case AttemptInDoubt, AttemptReview, AttemptSucceeded:
		return true
	case AttemptDeclined, AttemptRejected:
		return tookNone || held.Void
	case AttemptReleased:
	}
	return false
}

// Coverage is how much of what a gateway took under our keys is known before a run sends anything there.
type Coverage struct {
	// Complete: the gateway's list was read to its end, and the tables account for all of it.
	Complete bool
	// From is when the list begins; zero: with everything that was not accounted for before.
	From time.Time
	// To is when the list ends. Charges may be missing from it that were made since.
	To time.Time
	// Lags: the gateway's list is behind its charges. If it is not, none that was made before To's reading is missing.
	Lags bool
	// Early: charges may have been made before their due date.
	Early bool
	// Guard is how long after its first execution a key is sure to protect from a second one: the key's life less the
	// longest request. 0 or less: not at all.
	Guard time.Duration
	// Once: the gateway never charges a key again that it charged once.
	Once bool
}

// LookUps are the numbers of its key by which an invoice is looked up before it is sent: from First to Last, none if Last
// is before First.
type LookUps struct {
	First, Last int
	// Within is for how long from now the number that is sent is excused from that: no request may leave later. 0: it is
	// looked up, or excused for good.
	Within time.Duration
}

// FirstSend says by which numbers of its key an invoice is looked up before its first send under number n. due is when
// the invoice's due date began, reach the highest number that it can have come to.
//
// A complete list answers for every number. What it is too early to show is protected by the key, or n is looked up.
// Without one, n need not be looked up if the gateway protects it: for good, or because no charge of this invoice can be
// older than the key lives. Nothing protects later numbers, which a run that these tables do not know may have reached.
func (c Coverage) FirstSend(due time.Time, n, reach int, now time.Time) LookUps {
	if c.covers(due) {
		switch left := c.Guard - now.Sub(c.To); {
		case !c.Lags, c.Once:
			return LookUps{First: n, Last: n - 1}
		case left > 0:
			return LookUps{First: n, Last: n - 1, Within: left}
		}
		return LookUps{First: n, Last: n}
	}
	later := c.Later(due, n, reach)
	switch {
	case c.Once:
		return later
	case c.young(due, now):
		later.Within = c.Guard - now.Sub(due)
		return later
	}
	return LookUps{First: n, Last: max(reach, n)}
}

// Remembered reports whether the list, or look-ups that answer for as long as keys live, show every charge of an invoice
// whose due date began then.
func (c Coverage) Remembered(due, now time.Time) bool { return c.covers(due) || c.young(due, now) }

// young reports whether no charge of an invoice whose due date began then can be older than its key lives.
func (c Coverage) young(due, now time.Time) bool {
	age := now.Sub(due)
	return !c.Early && age >= 0 && age < c.Guard
}

// Later says by which later numbers an invoice is looked up before its attempt under number n is sent again, or released:
// a run that these tables do not know may have reached them, and then n has ended.
func (c Coverage) Later(due time.Time, n, reach int) LookUps {
	if c.covers(due) {
		return LookUps{First: n + 1, Last: n}
	}
	return LookUps{First: n + 1, Last: max(reach, n+1)}
}

// Shows reports whether the list answers for every number of an invoice whose due date began then, for as long as the run
// lasts: then [Coverage.FirstSend] asks for none, whatever the number.
func (c Coverage) Shows(due time.Time) bool { return c.covers(due) && (!c.Lags || c.Once) }

// covers reports whether the list shows every charge of an invoice whose due date began then.
func (c Coverage) covers(due time.Time) bool {
	return c.Complete && (c.From.IsZero() || !due.Before(c.From))
}
