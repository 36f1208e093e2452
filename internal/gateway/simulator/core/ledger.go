package core

import (
	"iter"
	"maps"
	"slices"
	"time"

	"duly/internal/payment"
)

// Entry is one payment that was executed, as it stands now.
type Entry struct {
	ID              string         `json:"id"`
	Key             string         `json:"key"`
	Reference       string         `json:"reference"`
	CustomerID      string         `json:"customer_id"`
	Method          string         `json:"method"`
	Amount          int64          `json:"amount"` // minor units
	Currency        string         `json:"currency"`
	Status          payment.Status `json:"status"`
	Refunded        int64          `json:"refunded"` // minor units
	Refunds         int            `json:"refunds"`  // in how many parts
	DeclineCode     string         `json:"decline_code,omitempty"`
	GatewayCustomer string         `json:"gateway_customer,omitempty"`
	CreatedAt       time.Time      `json:"created_at"`
}

// TookMoney reports whether e succeeded and has not been refunded in full.
func (e Entry) TookMoney() bool {
	return e.Status == payment.Succeeded && e.Refunded < e.Amount
}

// Filter selects entries of the ledger; an empty field selects all.
type Filter struct {
	Reference string
	Key       string
	Status    payment.Status
}

func (f Filter) selects(e Entry) bool {
	return (f.Reference == "" || f.Reference == e.Reference) && (f.Key == "" || f.Key == e.Key) &&
		(f.Status == "" || f.Status == e.Status)
}

// Ledger returns every executed payment, declined ones too, in order of execution.
func (s *Simulator) Ledger() []Entry {
	var all []Entry
	for e := range s.Entries() {
		all = append(all, e)
	}
	return all
}

// Entries walks the ledger without copying it. Payments executed during the walk are met too.
func (s *Simulator) Entries() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for at := uint32(0); ; at++ {
			e, ok := s.entryAt(at)
			if !ok || !yield(e) {
				return
			}
		}
	}
}

func (s *Simulator) entryAt(at uint32) (Entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at >= s.book.payments.n {
		return Entry{}, false
	}
	s.book.tick(at, s.clock())
	return s.book.entry(at), true
}

// Successes returns the payments that took money and have not been refunded in full, by reference.
func (s *Simulator) Successes() map[string][]Entry { return Successes(s.Entries()) }

// DoubleCharged returns the references that more than one payment took money for, in order of the second.
func (s *Simulator) DoubleCharged() []string { return DoubleCharged(s.Entries()) }

// Successes returns the entries that took money and have not been refunded in full, by reference.
func Successes(ledger iter.Seq[Entry]) map[string][]Entry {
	found := map[string][]Entry{}
	for e := range ledger {
		if e.TookMoney() {
			found[e.Reference] = append(found[e.Reference], e)
		}
	}
	return found
}

// DoubleCharged returns the references that more than one entry took money for, in order of the second.
func DoubleCharged(ledger iter.Seq[Entry]) []string {
	var double []string
	times := map[string]int{}
	for e := range ledger {
		if !e.TookMoney() {
			continue
		}
		if times[e.Reference]++; times[e.Reference] == 2 {
			double = append(double, e.Reference)
		}
	}
	return double
}

// BodyViolations returns the keys, of charges and then of cancellations and refunds, under which different bytes
// were sent although an earlier request with the key may have been executed: it was not answered 429, Not-Executed
// or with a refusal.
func (s *Simulator) BodyViolations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for at := range s.book.keys.n {
		if k := s.book.keys.at(at); k.flags&violated != 0 {
			keys = append(keys, s.book.named(at))
		}
	}
	for _, text := range slices.Sorted(maps.Keys(s.changes)) {
		if s.changes[text].flags&violated != 0 {
			keys = append(keys, text)
		}
	}
	return keys
}

// ChangeRequests returns how many cancellations and refunds carried each key, whatever became of them.
func (s *Simulator) ChangeRequests() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make(map[string]int, len(s.changes))
	for text, memory := range s.changes {
		counts[text] = int(memory.requests)
	}
	return counts
}

// Requests returns how many charge requests carried each key, whatever became of them.
func (s *Simulator) Requests() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make(map[string]int, s.book.keys.n)
	for at := range s.book.keys.n {
		if k := s.book.keys.at(at); k.requests > 0 {
			counts[s.book.named(at)] = int(k.requests)
		}
	}
	return counts
}
