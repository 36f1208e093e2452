package core

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Position is where a payment stands in the order of creation.
type Position struct {
	created int64 // microseconds since 1970
	at      uint32
}

func (p Position) compare(other Position) int {
	return cmp.Or(cmp.Compare(p.created, other.created), cmp.Compare(p.at, other.at))
}

// Later is the later of two positions.
func (p Position) Later(other Position) Position {
	if p.compare(other) > 0 {
		return p
	}
	return other
}

// String writes p as a cursor.
func (p Position) String() string { return fmt.Sprintf("%d_%d", p.created, p.at) }

// ParsePosition reads what String wrote.
func ParsePosition(cursor string) (Position, error) {
	created, at, _ := strings.Cut(cursor, "_")
	us, err := strconv.ParseInt(created, 10, 64)
	n, atErr := strconv.ParseUint(at, 10, 32)
	return Position{us, uint32(n)}, errors.Join(err, atErr)
}

// date gives the newest payment a time of creation of its own.
func (b *book) date(at uint32, us int64) {
	b.dated[at] = us
	i, _ := slices.BinarySearchFunc(b.early, Position{us, at}, func(place uint32, p Position) int {
		return Position{b.dated[place], place}.compare(p)
	})
	b.early = slices.Insert(b.early, i, at)
}

// from walks the payments from p on in the order of creation. It merges those in order of execution with those
// that have a time of their own.
func (b *book) from(p Position) iter.Seq[Position] {
	return func(yield func(Position) bool) {
		place := uint32(sort.Search(int(b.payments.n), func(i int) bool { //nolint:gosec // at most n, which is 32 bits
			at := uint32(i) //nolint:gosec // as above
			return Position{b.payments.at(at).created, at}.compare(p) >= 0
		}))
		early := sort.Search(len(b.early), func(i int) bool {
			return Position{b.dated[b.early[i]], b.early[i]}.compare(p) >= 0
		})
		for {
			for b.isDated(place) {
				place++
			}
			var next Position
			ordinary := place < b.payments.n
			if ordinary {
				next = Position{b.payments.at(place).created, place}
			}
			if early < len(b.early) {
				other := Position{b.dated[b.early[early]], b.early[early]}
				if !ordinary || other.compare(next) < 0 {
					next, ordinary = other, false
				}
			} else if !ordinary {
				return
			}
			if ordinary {
				place++
			} else {
				early++
			}
			if !yield(next) {
				return
			}
		}
	}
}

func (b *book) isDated(at uint32) bool {
	_, ok := b.dated[at]
	return ok
}

// ceilMicro rounds up, so that comparing whole microseconds is comparing with t itself.
func ceilMicro(t time.Time) int64 {
	us := t.UnixMicro()
	if time.UnixMicro(us).Before(t) {
		us++
	}
	return us
}
