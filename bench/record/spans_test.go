package record

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

// record records Spans of a kind that take turns: each takes so long for so many items.
func record(kind batch.SpanKind, took []time.Duration, items []int) *Spans {
	clock := time.Unix(0, 0)
	s := &Spans{Now: func() time.Time { return clock }}
	for i, d := range took {
		_, end := s.Trace(context.Background(), batch.Span{Kind: kind})
		clock = clock.Add(d)
		end(batch.SpanEnd{Items: items[i]})
	}
	return s
}

func repeat[T any](n int, value T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = value
	}
	return out
}

// The end of a run that became half as fast shows it; a claim that found nothing counts nowhere.
func TestEnds(t *testing.T) {
	took := append(repeat(150, time.Millisecond), repeat(150, 2*time.Millisecond)...)
	items := append(repeat(150, 10), repeat(150, 10)...)
	took, items = append(took, time.Hour), append(items, 0)
	first, last, claims, err := record(batch.SpanClaim, took, items).Ends()
	require.NoError(t, err)
	require.Equal(t, 100, claims)
	require.InDelta(t, 100, first, 0)
	require.InDelta(t, 200, last, 0)
}

// Of a short run, no claim is both at its begin and at its end.
func TestEndsOfAShortRun(t *testing.T) {
	took := []time.Duration{time.Millisecond, time.Millisecond, 3 * time.Millisecond}
	first, last, claims, err := record(batch.SpanClaim, took, []int{10, 10, 10}).Ends()
	require.NoError(t, err)
	require.Equal(t, 1, claims)
	require.InDelta(t, 100, first, 0)
	require.InDelta(t, 300, last, 0)

	_, _, _, err = record(batch.SpanClaim, took[:1], []int{10}).Ends()
	require.ErrorIs(t, err, ErrTooFew)
}

func TestTenths(t *testing.T) {
	took := append(repeat(50, 100*time.Millisecond), repeat(50, 200*time.Millisecond)...)
	first, last, err := record(batch.SpanSettle, took, repeat(100, 10)).Tenths()
	require.NoError(t, err)
	require.Equal(t, 100, first.Items)
	require.Equal(t, time.Second, first.To.Sub(first.From))
	require.InDelta(t, 100, first.Rate(), 0)
	require.Equal(t, 100, last.Items)
	require.InDelta(t, 50, last.Rate(), 0)
	require.Equal(t, time.Unix(0, 0).Add(15*time.Second), last.To)

	_, _, err = record(batch.SpanSettle, took[:9], repeat(9, 10)).Tenths()
	require.ErrorIs(t, err, ErrTooFew)
}

// The wall of several workers is from the earliest claim, whichever ended first, to the last settlement.
func TestWall(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	s := &Spans{list: []span{
		{kind: batch.SpanClaim, begun: at(5), ended: at(6), items: 1},
		{kind: batch.SpanClaim, begun: at(2), ended: at(7), items: 1},
		{kind: batch.SpanSettle, begun: at(7), ended: at(8), items: 1},
		{kind: batch.SpanSettle, begun: at(8), ended: at(12), items: 1, err: errors.New("deadlock")},
		{kind: batch.SpanSettle, begun: at(12), ended: at(20)},
	}}
	require.Equal(t, 10*time.Second, s.Wall())
	require.Len(t, s.Failed(), 1)
}
