package core

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"duly/internal/gateway/simulator/plan"
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
	names     map[uint32]string    // duly's keys, of handles that are others
	extras    map[uint32]any       // what dialects remember, by payment
	deleted   map[string]bool      // payment methods
	byMethod  map[string][]uint32  // payments by method; nil: nobody asks
	idPrefix  string               // of the provider's ids; empty: handles are the ids
	latest    int64                // the newest created, so that it never runs backwards
}

// rejection is a 400 that a gateway with KeepRejects remembers.
type rejection struct {
	body uint64
	at   time.Time
}

// refunds are how much of a payment was refunded, in minor units, in how many parts, and which.
type refunds struct {
	amount int64
	times  int
	parts  []Part // also those that are not done
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
	outcome  plan.Outcome
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
	then    plan.Outcome
	lookups int // look-ups that still answer pending; -1: look-ups do not decide
	until   int64
}

func newBook(idPrefix string) *book {
	return &book{
		idPrefix: idPrefix, names: map[uint32]string{}, extras: map[uint32]any{}, deleted: map[string]bool{},
		byHash: map[uint64]uint32{}, refunded: map[uint32]refunds{}, customers: map[uint32]string{}, dated: map[uint32]int64{}, undecided: map[uint32]waiting{},
		charges: map[string]int{}, rejects: map[uint32]rejection{},
	}
}

// find returns the place of a key.
func (b *book) find(text string) (uint32, bool) {
	for at := b.byHash[plan.Hash('k', text)]; at != 0; {
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
	h := plan.Hash('k', text)
	at := b.keys.add(key{text: strings.Clone(text), next: b.byHash[h]})
	b.byHash[h] = at + 1
	return at
}

// add executes a charge: it enters the ledger with an outcome that has a status.
func (b *book) add(keyAt uint32, req Charge, o plan.Outcome, now time.Time) uint32 {
	k, res := b.keys.at(keyAt), o.Result()
	if res.Alter != nil {
		terms := plan.Terms{
			Reference: req.Reference, CustomerID: req.CustomerID, GatewayCustomer: req.GatewayCustomer, Amount: req.Amount, Currency: req.Currency,
		}
		res.Alter(&terms)
		req.Reference, req.CustomerID, req.GatewayCustomer, req.Amount, req.Currency = terms.Reference, terms.CustomerID, terms.GatewayCustomer, terms.Amount, terms.Currency
	}
	rec := record{
		amount: req.Amount, body: req.Sum, key: keyAt, prev: k.newest, outcome: o,
		refLen: uint16(len(req.Reference)), custLen: uint16(len(req.CustomerID)), //nolint:gosec // a body is at most 64 KiB
		refInKey: strings.HasPrefix(k.text, req.Reference),
		status:   statusOf(res.Status), first: statusOf(res.Status),
	}
	if rec.refInKey {
		rec.text = req.CustomerID + req.Method
	} else {
		rec.text = req.Reference + req.CustomerID + req.Method
	}
	copy(rec.currency[:], req.Currency)
	b.latest = max(b.latest, now.UnixMicro())
	rec.created = b.latest
	at := b.payments.add(rec)
	k.newest = at + 1
	if req.GatewayCustomer != "" {
		b.customers[at] = req.GatewayCustomer
	}
	if res.Undone {
		b.giveBack(at, rec.amount, "", now)
	}
	if req.Extra != nil {
		b.extras[at] = req.Extra
	}
	if b.byMethod != nil {
		b.byMethod[req.Method] = append(b.byMethod[req.Method], at)
	}
	return at
}

// giveBack notes a refund that is done, in minor units.
func (b *book) giveBack(at uint32, amount int64, reason string, now time.Time) {
	b.giveBackPart(at, Part{Amount: amount, At: now, Reason: reason})
}

// giveBackPart notes a refund that is done.
func (b *book) giveBackPart(at uint32, part Part) {
	given := b.refunded[at]
	given.amount += part.Amount
	given.times++
	b.refunded[at] = given
	b.note(at, part)
}

// note notes a refund, done or not, without counting it.
func (b *book) note(at uint32, p Part) {
	given := b.refunded[at]
	given.parts = append(slices.Clip(given.parts), p)
	b.refunded[at] = given
}

// settleParts ends the refunds of a payment that were requested and not done.
func (b *book) settleParts(at uint32) {
	given, ok := b.refunded[at]
	if !ok {
		return
	}
	given.parts = slices.Clone(given.parts)
	for i, part := range given.parts {
		if part.State == PartRequested {
			given.parts[i].State = PartDone
			given.amount += part.Amount
			given.times++
		}
	}
	b.refunded[at] = given
}

// name notes duly's key of a handle that is another, the first time.
func (b *book) name(keyAt uint32, text string) {
	if _, named := b.names[keyAt]; !named && b.keys.at(keyAt).text != text {
		b.names[keyAt] = strings.Clone(text)
	}
}

// named is duly's key of a handle.
func (b *book) named(keyAt uint32) string {
	if text, ok := b.names[keyAt]; ok {
		return text
	}
	return b.keys.at(keyAt).text
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

// byID finds a payment by the provider's own id.
func (b *book) byID(id string) (uint32, bool) {
	if b.idPrefix == "" {
		keyAt, ok := b.find(id)
		if !ok {
			return 0, false
		}
		return b.ofKey(keyAt)
	}
	digits, ok := strings.CutPrefix(id, b.idPrefix)
	n, err := strconv.ParseUint(digits, 10, 32)
	at := uint32(n) - 1
	return at, ok && err == nil && at < b.payments.n && id == b.id(at)
}

// id is the provider's own id of a payment.
func (b *book) id(at uint32) string {
	if b.idPrefix == "" {
		return b.keys.at(b.payments.at(at).key).text
	}
	return fmt.Sprintf("%s%010d", b.idPrefix, uint64(at)+1)
}

// tick decides the pending payment at, if its time has come by the clock.
func (b *book) tick(at uint32, now time.Time) {
	if w, ok := b.undecided[at]; ok && w.until != 0 && now.UnixMicro() >= w.until {
		b.decide(at, w, now)
	}
}

// lookedUp decides the pending payment at, if enough look-ups have been made.
func (b *book) lookedUp(at uint32, now time.Time) {
	b.tick(at, now)
	b.settleParts(at)
	w, ok := b.undecided[at]
	if !ok || w.lookups < 0 {
		return
	}
	if w.lookups == 0 {
		b.decide(at, w, now)
		return
	}
	w.lookups--
	b.undecided[at] = w
}

func (b *book) decide(at uint32, w waiting, now time.Time) {
	delete(b.undecided, at)
	rec, res := b.payments.at(at), w.then.Result()
	rec.outcome, rec.status = w.then, statusOf(res.Status)
	if res.Undone {
		b.giveBack(at, rec.amount, "", now)
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
		ID: b.id(at), Key: b.named(rec.key), Reference: reference, CustomerID: text[:rec.custLen], Method: text[rec.custLen:],
		Amount: rec.amount, Currency: string(rec.currency[:]), Status: rec.status.public(),
		Refunded: b.refunded[at].amount, Refunds: b.refunded[at].times, CreatedAt: time.UnixMicro(b.created(at)).UTC(),
		GatewayCustomer: b.customers[at],
	}
	if rec.status == declinedStatus {
		e.DeclineCode = rec.outcome.Result().Decline.Code
	}
	return e
}
