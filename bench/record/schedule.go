package record

import (
	"container/heap"
	"time"
)

// Schedule is how long work takes on that many slots at least, where each slot that is free takes the next piece, and nobody knows before how long
// a piece takes.
func Schedule(slots int, pieces []time.Duration) time.Duration {
	busy := make(untils, slots)
	var last time.Duration
	for _, takes := range pieces {
		busy[0] += takes
		last = max(last, busy[0])
		heap.Fix(&busy, 0)
	}
	return last
}

// untils are the instants until which slots are busy. It implements [heap.Interface], of which nothing is pushed or popped.
type untils []time.Duration

func (u untils) Len() int           { return len(u) }
func (u untils) Less(i, j int) bool { return u[i] < u[j] }
func (u untils) Swap(i, j int)      { u[i], u[j] = u[j], u[i] }
func (u *untils) Push(any)          {}
func (u *untils) Pop() any          { return nil }
