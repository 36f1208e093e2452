package core

// slab is a list that grows without moving what it holds: millions of small records cost their own size and
// are never copied.
type slab[T any] struct {
	chunks [][]T
	n      uint32
}

const slabChunk = 1 << 13

// add appends v and returns its place.
func (s *slab[T]) add(v T) uint32 {
	if s.n%slabChunk == 0 {
		s.chunks = append(s.chunks, make([]T, 0, slabChunk))
	}
	last := &s.chunks[len(s.chunks)-1]
	*last = append(*last, v)
	s.n++
	return s.n - 1
}

func (s *slab[T]) at(i uint32) *T { return &s.chunks[i/slabChunk][i%slabChunk] }
