package audit

import (
	"hash/maphash"

	"duly/internal/payment"
)

// Pair is a gateway's record with the row of ours that it belongs to.
type Pair struct {
	Theirs payment.Payment
	Ours   Ours
	Known  bool // there is such a row
	// Again: the row has met a success already, and does not say which of the two is its own.
	Again bool
}

// Differs is what is to be found about p, if anything. paid are the payments of ours that took and kept money
// under a reference that no row is known by.
func (p Pair) Differs(gateway string, paid []Ours) (Finding, bool) {
	switch {
	case !p.Known:
		return Unknown(gateway, p.Theirs, paid)
	case p.Again:
		return Twice(p.Ours, p.Theirs), true
	}
	return Compare(p.Ours, p.Theirs)
}

// Listing is what one gateway lists of a window, page by page.
type Listing struct {
	Gateway string
	Met     *Met          // the rows that were met, in this and in other lists
	paid    firstPayments // of rows without an id that matched a success in this list
}

// Join finds for each record its row among rows. A row is a record's by the gateway's id or by key. One that has
// another id under the same key is taken only where it was made at this gateway: the key was used twice then,
// and the row has yet to be met.
func (l *Listing) Join(page []payment.Payment, rows []Ours) []Pair {
	byID, byKey := map[string][]Ours{}, map[string][]Ours{}
	for _, o := range rows {
		if o.GatewayID != "" {
			byID[o.GatewayID] = append(byID[o.GatewayID], o)
		}
		if o.Key != "" {
			byKey[o.Key] = append(byKey[o.Key], o)
		}
	}
	pairs := make([]Pair, len(page))
	for i, p := range page {
		pair := Pair{Theirs: p}
		for _, o := range byID[p.ID] {
			if o.Gateway == l.Gateway || o.Key == p.Key {
				pair.take(o)
			}
		}
		for _, o := range byKey[p.Key] {
			if o.GatewayID == "" || o.Gateway == l.Gateway {
				pair.take(o)
			}
		}
		if o := pair.Ours; pair.Known && (o.GatewayID == "" || o.GatewayID == p.ID) {
			l.Met.Add(o.Row)
			pair.Again = o.GatewayID == "" && o.Kept() && kept(p) && l.paid.another(o.Row, p.ID)
		}
		pairs[i] = pair
	}
	return pairs
}

// take makes o the pair's row, if it fits better than the one that it has: the same id before the same key, and
// one that took money before one that did not.
func (p *Pair) take(o Ours) {
	rank := func(o Ours) int {
		n := 0
		if o.GatewayID == p.Theirs.ID {
			n = 2
		}
		if o.Standing == Paid || o.Standing == Refunded {
			n++
		}
		return n
	}
	if !p.Known || rank(o) > rank(p.Ours) {
		p.Ours, p.Known = o, true
	}
}

// Met is a set of our rows: one bit for each, so that the audit of millions takes a few hundred kilobytes. It is not safe for concurrent use.
type Met struct {
	words map[word]*[wordSize]uint64
}

const wordSize = 64

// word is a run of 4,096 neighbouring rows.
type word struct {
	table Table
	at    uint64
}

// Add reports whether row was not in m before.
func (m *Met) Add(row Row) bool {
	key, i, bit := place(row)
	if m.words == nil {
		m.words = map[word]*[wordSize]uint64{}
	}
	w := m.words[key]
	if w == nil {
		w = new([wordSize]uint64)
		m.words[key] = w
	}
	first := w[i]&bit == 0
	w[i] |= bit
	return first
}

// Has reports whether row is in m.
func (m *Met) Has(row Row) bool {
	key, i, bit := place(row)
	w := m.words[key]
	return w != nil && w[i]&bit != 0
}

// firstPayments holds the first payment that each row matched, as eight bytes of a hash. A list that grows between two pages shows a
// payment twice, which is still one payment. It is not safe for concurrent use.
type firstPayments struct {
	seed  maphash.Seed
	words map[word]*[wordSize * 64]uint64
}

// another reports whether row matched a payment with another id before.
func (f *firstPayments) another(row Row, id string) bool {
	if f.words == nil {
		f.seed, f.words = maphash.MakeSeed(), map[word]*[wordSize * 64]uint64{}
	}
	key, _, _ := place(row)
	w := f.words[key]
	if w == nil {
		w = new([wordSize * 64]uint64)
		f.words[key] = w
	}
	hash := max(maphash.String(f.seed, id), 1)
	first := w[row.ID%(wordSize*64)]
	if first == 0 {
		w[row.ID%(wordSize*64)] = hash
	}
	return first != 0 && first != hash
}

func place(row Row) (key word, i, bit uint64) {
	return word{row.Table, row.ID / (wordSize * 64)}, row.ID / 64 % wordSize, 1 << (row.ID % 64)
}
