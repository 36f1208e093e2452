package batch

import (
	"maps"

	"duly/internal/sum"
)

// Tally counts what became of the items of a step. Amounts are minor units by currency.
type Tally struct {
	Read, Succeeded, Declined, Released, InDoubt, Rejected, Review int64
	Amounts                                                        map[string]int64
	// Found is how many of Succeeded a gateway had taken money for before it was asked. It is not stored.
	Found int64
	// Moved counts items that were put off to another day, Ended items that were closed; both without a request to a gateway. Read does not count
	// them, and they are not stored.
	Moved, Ended int64
	// Changed are items that were changed as somebody had planned, without anything else that is counted. They are not stored.
	Changed int64
}

// Add adds u to t.
func (t *Tally) Add(u Tally) {
	t.Read += u.Read
	t.Succeeded += u.Succeeded
	t.Declined += u.Declined
	t.Released += u.Released
	t.InDoubt += u.InDoubt
	t.Rejected += u.Rejected
	t.Review += u.Review
	t.Found += u.Found
	t.Moved += u.Moved
	t.Ended += u.Ended
	t.Changed += u.Changed
	for currency, amount := range u.Amounts {
		t.Pay(currency, amount)
	}
}

// Pay adds an amount of money that was collected.
func (t *Tally) Pay(currency string, amount int64) {
	if t.Amounts == nil {
		t.Amounts = map[string]int64{}
	}
	t.Amounts[currency] = sum.Add(t.Amounts[currency], amount)
}

// Done is how many items are settled, whatever became of them.
func (t *Tally) Done() int64 {
	return t.Succeeded + t.Declined + t.Released + t.InDoubt + t.Rejected + t.Review
}

func (t *Tally) clone() Tally {
	c := *t
	c.Amounts = maps.Clone(t.Amounts)
	return c
}
