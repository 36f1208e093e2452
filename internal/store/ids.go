package store

import (
	"slices"
)

// SortedIDs are the ids of rows, in order and without repeats: locks are taken in this order.
func SortedIDs[T any](rows []T, id func(T) uint64) []uint64 {
	ids := make([]uint64, len(rows))
	for i, row := range rows {
		ids[i] = id(row)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// KnownIDs are [SortedIDs] without 0, the id of nothing.
func KnownIDs[T any](rows []T, id func(T) uint64) []uint64 {
	ids := SortedIDs(rows, id)
	if len(ids) > 0 && ids[0] == 0 {
		ids = ids[1:]
	}
	return ids
}
