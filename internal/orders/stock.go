package orders

import "cmp"

// Stock is what is left of the products that a chunk of orders needs; a product that is gone is not in it.
type Stock map[uint64]int64

// Allot takes the items of an order out of s, all or nothing, and reports whether they sufficed. Orders are
// to be allotted in the order of Older. A negative quantity, which nobody can have bought, never suffices.
func (s Stock) Allot(items []Item) bool {
	for i, item := range items {
		left, here := s[item.ProductID]
		if !here || item.Quantity < 0 || item.Quantity > left {
			s.put(items[:i])
			return false
		}
		s[item.ProductID] = left - item.Quantity
	}
	return true
}

// put gives items back.
func (s Stock) put(items []Item) {
	for _, item := range items {
		s[item.ProductID] += item.Quantity
	}
}

// Older compares orders by age, for slices.SortFunc: the order that came first gets of the stock first.
func Older(a, b Order) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
}
