package search

// SwappedOwner exchanges the names of two workers in an owner: 1 + the worker's number, 0: nobody.
func SwappedOwner(owner uint8) uint8 {
	if owner == 0 {
		return 0
	}
	return 3 - owner
}

// Sort sorts a few values, those of the highest rank first.
func Sort[T interface{ Rank() uint32 }](s []T) {
	for i := 1; i < len(s); i++ {
		for j := i; j > 0 && s[j].Rank() > s[j-1].Rank(); j-- {
			s[j], s[j-1] = s[j-1], s[j]
		}
	}
}

// Grow adds a tick to an age that no rule tells apart from limit on.
func Grow(age *uint8, limit uint8) {
	if *age < limit {
		*age++
	}
}
