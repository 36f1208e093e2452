package provider

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/internal/payment"
)

const (
	// LeastSlice is the shortest part of a window that is asked for: it is read to its end, however many payments it has.
	LeastSlice = time.Second
	// SliceMargin is how much more than a slice is asked for at each end: providers do not say whether their ends are in it, nor
	// how they round.
	SliceMargin = time.Second
)

// Slice is the part of a window that one page of a listing shows. Providers do not say in which order they list, or list the newest
// first; a slice is read to its end, sorted, and followed by the next one, so that the window as a whole comes oldest first and no
// more than a slice is held in memory.
type Slice struct {
	// From is in the slice, To is not.
	From, To time.Time
	// next is how long the slices after this one are tried.
	length time.Duration
	end    time.Time // of the window
}

const cursorBetween = "+"

// SliceAt is the slice of w that a cursor stands for; without a cursor the first, which is the whole window. The error says that the
// cursor is none of a listing of w.
func SliceAt(w payment.Window, cursor string) (Slice, error) {
	s := Slice{From: w.From.UTC(), length: w.To.Sub(w.From), end: w.To.UTC()}
	if cursor != "" {
		from, length, _ := strings.Cut(cursor, cursorBetween)
		at, errAt := time.Parse(time.RFC3339Nano, from)
		d, errLength := time.ParseDuration(length)
		if err := errors.Join(errAt, errLength); err != nil || d < LeastSlice || at.Before(w.From) || !at.Before(w.To) {
			return Slice{}, errors.New("a cursor that is none of this window")
		}
		s.From, s.length = at.UTC(), d
	}
	s.To = s.From.Add(max(s.length, LeastSlice))
	if s.To.After(s.end) {
		s.To = s.end
	}
	return s, nil
}

// Empty reports whether nothing lies in s: its window ends where it begins.
func (s Slice) Empty() bool { return !s.From.Before(s.To) }

// Least reports whether s cannot be halved.
func (s Slice) Least() bool { return s.To.Sub(s.From) <= LeastSlice }

// Half is the cursor of the first half of s, for a slice that has more payments than one page.
func (s Slice) Half() string { return cursorOf(s.From, s.To.Sub(s.From)/2) }

// Next is the cursor of the slice after s, of which rows were listed and a page holds most: twice as long where few were. It is empty
// after the last.
func (s Slice) Next(rows, most int) string {
	const few, grow = 4, 2
	length := s.To.Sub(s.From)
	if rows*few <= most {
		length *= grow
	}
	if !s.To.Before(s.end) {
		return ""
	}
	return cursorOf(s.To, length)
}

func cursorOf(from time.Time, length time.Duration) string {
	return from.Format(time.RFC3339Nano) + cursorBetween + max(length, LeastSlice).String()
}

// Sorted are those payments of list that were created within s, the oldest first. Of several with one id the last counts.
func (s Slice) Sorted(list []payment.Payment) []payment.Payment {
	at := make(map[string]int, len(list))
	within := make([]payment.Payment, 0, len(list))
	for _, p := range list {
		if p.CreatedAt.Before(s.From) || !p.CreatedAt.Before(s.To) {
			continue
		}
		if i, twice := at[p.ID]; twice {
			within[i] = p
			continue
		}
		at[p.ID] = len(within)
		within = append(within, p)
	}
	slices.SortStableFunc(within, func(a, b payment.Payment) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return within
}

// String is s for people.
func (s Slice) String() string {
	return fmt.Sprintf("%s to %s", s.From.Format(time.RFC3339), s.To.Format(time.RFC3339))
}
