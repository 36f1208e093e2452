package simulator

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"duly/internal/payment"
)

// book is what the gateway remembers: keys, and payments in order of execution. A payment and its key take
// about 200 bytes. It is not safe for concurrent use.
type book struct {
	byHash    map[uint64]uint32 // hash of a key → its place in keys + 1
	keys      slab[key]
	payments  slab[record]
	refunded  map[uint32]refunds   // what was refunded, by payment
	dated     map[uint32]int64     // created, of those that were put in with a time of their own
	early     []uint32             // the places of those, by that time
	customers map[uint32]string    // the second identifiers of methods, of payments that have one
	undecided map[uint32]waiting   // pending payments that will be decided
	charges   map[string]int       // how often a method whose behaviour counts has charged a reference
	rejects   map[uint32]rejection // 400s that are remembered, by key
	latest    int64                // the newest created, so that it never runs backwards
}

// rejection is a 400 that a gateway with KeepRejects remembers.
type rejection struct {
	body uint64
	at   time.Time
}

// refunds are how much of a payment was refunded, in minor units, and in how many parts.
type refunds struct {
	amount int64
	times  int
}

// record is one payment.
type record struct {
	text     string // the reference, unless the key begins with it; then customer and method
	amount   int64
	created  int64 // microseconds since 1970, never less than that of the record before
	body     uint64
	key      uint32
	prev     uint32 // place + 1 of the key's payment before
	refLen   uint16
	custLen  uint16
	refInKey bool
	currency [3]byte
	status   status
	first    status // as it was first answered
	outcome  outcome
}

// status is a payment.Status in a byte.
type status uint8

const (
	pendingStatus status = iota
	succeeded
	declinedStatus
	canceled
)

func statusOf(s payment.Status) status {
	switch s {
	case payment.Succeeded:
		return succeeded
	case payment.Declined:
		return declinedStatus
	case payment.Canceled:
		return canceled
	case payment.Pending:
		return pendingStatus
	}
	return pendingStatus
}

func (s status) public() payment.Status {
	return []payment.Status{payment.Pending, payment.Succeeded, payment.Declined, payment.Canceled}[s]
}

// waiting is how a pending payment will be decided.
type waiting struct {
	then    outcome
	lookups int // look-ups that still answer pending; -1: look-ups do not decide
	until   int64
}

func newBook() *book {
	return &book{
		byHash: map[uint64]uint32{}, refunded: map[uint32]refunds{}, customers: map[uint32]string{}, dated: map[uint32]int64{}, undecided: map[uint32]waiting{},
		charges: map[string]int{}, rejects: map[uint32]rejection{},
	}
}

// find returns the place of a key.
func (b *book) find(text string) (uint32, bool) {
	for at := b.byHash[hash('k', text)]; at != 0; {
		k := b.keys.at(at - 1)
		if k.text == text {
			return at - 1, true
		}
		at = k.next
	}
	return 0, false
}

// touch returns the place of a key, new or not.
func (b *book) touch(text string) uint32 {
	if at, ok := b.find(text); ok {
		return at
	}
	h := hash('k', text)
	at := b.keys.add(key{text: strings.Clone(text), next: b.byHash[h]})
	b.byHash[h] = at + 1
	return at
}

// add executes a charge: it enters the ledger with an outcome that has a status.
func (b *book) add(keyAt uint32, req request, o outcome, now time.Time) uint32 {
	k, res := b.keys.at(keyAt), o.result()
	if res.alter != nil {
		res.alter(&req)
	}
	rec := record{
		amount: req.amount, body: req.body, key: keyAt, prev: k.newest, outcome: o,
		refLen: uint16(len(req.reference)), custLen: uint16(len(req.customer)), //nolint:gosec // a body is at most 64 KiB
		refInKey: strings.HasPrefix(k.text, req.reference),
		status:   statusOf(res.status), first: statusOf(res.status),
	}
	if rec.refInKey {
		rec.text = req.customer + req.method
	} else {
		rec.text = req.reference + req.customer + req.method
	}
	copy(rec.currency[:], req.currency)
	b.latest = max(b.latest, now.UnixMicro())
	rec.created = b.latest
	at := b.payments.add(rec)
	k.newest = at + 1
	if req.gatewayCustomer != "" {
		b.customers[at] = req.gatewayCustomer
	}
	if res.undone {
		b.giveBack(at, rec.amount)
	}
	return at
}

// giveBack notes a refund.
func (b *book) giveBack(at uint32, amount int64) {
	given := b.refunded[at]
	b.refunded[at] = refunds{amount: given.amount + amount, times: given.times + 1}
}

// created is when payment at was created, in microseconds since 1970.
func (b *book) created(at uint32) int64 {
	if us, ok := b.dated[at]; ok {
		return us
	}
	return b.payments.at(at).created
}

// ofKey returns the payment that a key stands for: one that took money before one that did not, else the
// newest.
func (b *book) ofKey(keyAt uint32) (uint32, bool) {
	newest := b.keys.at(keyAt).newest
	for at := newest; at != 0; at = b.payments.at(at - 1).prev {
		if b.payments.at(at-1).status == succeeded {
			return at - 1, true
		}
	}
	return newest - 1, newest != 0
}

func (b *book) byID(id string) (uint32, bool) {
	digits, ok := strings.CutPrefix(id, "pay_")
	n, err := strconv.ParseUint(digits, 10, 32)
	at := uint32(n) - 1
	return at, ok && err == nil && at < b.payments.n && id == paymentID(at)
}

func paymentID(at uint32) string { return fmt.Sprintf("pay_%010d", uint64(at)+1) }

// tick decides the pending payment at, if its time has come by the clock.
func (b *book) tick(at uint32, now time.Time) {
	if w, ok := b.undecided[at]; ok && w.until != 0 && now.UnixMicro() >= w.until {
		b.decide(at, w)
	}
}

// lookedUp decides the pending payment at, if enough look-ups have been made.
func (b *book) lookedUp(at uint32, now time.Time) {
	b.tick(at, now)
	w, ok := b.undecided[at]
	if !ok || w.lookups < 0 {
		return
	}
	if w.lookups == 0 {
		b.decide(at, w)
		return
	}
	w.lookups--
	b.undecided[at] = w
}

func (b *book) decide(at uint32, w waiting) {
	delete(b.undecided, at)
	rec, res := b.payments.at(at), w.then.result()
	rec.outcome, rec.status = w.then, statusOf(res.status)
	if res.undone {
		b.giveBack(at, rec.amount)
	}
}

func (b *book) cancel(at uint32) {
	delete(b.undecided, at)
	b.payments.at(at).status = canceled
}

// entry writes payment at out in full.
func (b *book) entry(at uint32) Entry {
	rec := b.payments.at(at)
	keyText := b.keys.at(rec.key).text
	reference, text := keyText, rec.text
	if !rec.refInKey {
		reference, text = text, text[rec.refLen:]
	}
	reference = reference[:rec.refLen]
	e := Entry{
		ID: paymentID(at), Key: keyText, Reference: reference, CustomerID: text[:rec.custLen], Method: text[rec.custLen:],
		Amount: rec.amount, Currency: string(rec.currency[:]), Status: rec.status.public(),
		Refunded: b.refunded[at].amount, Refunds: b.refunded[at].times, CreatedAt: time.UnixMicro(b.created(at)).UTC(),
		GatewayCustomer: b.customers[at],
	}
	if rec.status == declinedStatus {
		e.DeclineCode = rec.outcome.result().decline.Code
	}
	return e
}
