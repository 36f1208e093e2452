package outbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/outbox"
)

const tries = 12 // the default of outbox.tries

// Twelve tries last longer than two days, whatever the event's id.
func TestTheTriesLastLongerThanTwoDays(t *testing.T) {
	for id := range uint64(40) {
		var sum time.Duration
		for try := 1; try < tries; try++ {
			sum += outbox.Wait(try, id)
		}
		require.Greater(t, sum, 56*time.Hour)
		require.Less(t, sum, 64*time.Hour)
	}
}

func TestWaitsWiden(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id, try := rapid.Uint64().Draw(t, "id"), rapid.IntRange(-3, 200).Draw(t, "try")
		wait := outbox.Wait(try, id)
		require.GreaterOrEqual(t, wait, 5*time.Second)
		require.LessOrEqual(t, wait, 27*time.Hour)
		require.LessOrEqual(t, outbox.Wait(try, 0), outbox.Wait(try+1, 0))
		require.Less(t, wait, outbox.Wait(try, 0)+outbox.Wait(try, 0)/10+1)
	})
}

func TestSettle(t *testing.T) {
	now := time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)
	e := outbox.Event{ID: 16, Tries: 3}
	require.Equal(t, outbox.End{ID: 16, Status: outbox.Delivered, Tries: 3, At: now}, outbox.Settle(e, outbox.Answer{Delivered: true}, tries, now))
	for _, c := range []struct {
		name   string
		tries  int
		answer outbox.Answer
		want   outbox.End
	}{
		{"first", 0, outbox.Answer{Reason: "why"}, outbox.End{Status: outbox.Pending, Tries: 1, At: now.Add(5 * time.Second), Reason: "why"}},
		{"fourth", 3, outbox.Answer{Reason: "why"}, outbox.End{Status: outbox.Pending, Tries: 4, At: now.Add(10 * time.Minute), Reason: "why"}},
		{"asked for more", 0, outbox.Answer{After: time.Minute}, outbox.End{Status: outbox.Pending, Tries: 1, At: now.Add(time.Minute)}},
		{"asked for less", 3, outbox.Answer{After: time.Minute}, outbox.End{Status: outbox.Pending, Tries: 4, At: now.Add(10 * time.Minute)}},
		{"asked for a year", 0, outbox.Answer{After: 8760 * time.Hour}, outbox.End{Status: outbox.Pending, Tries: 1, At: now.Add(24 * time.Hour)}},
		{"last but one", 10, outbox.Answer{}, outbox.End{Status: outbox.Pending, Tries: 11, At: now.Add(24 * time.Hour)}},
		{"last", 11, outbox.Answer{Reason: "why", After: time.Hour}, outbox.End{Status: outbox.Dead, Tries: 12, At: now, Reason: "why"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.ID = 16
			require.Equal(t, c.want, outbox.Settle(outbox.Event{ID: 16, Tries: c.tries}, c.answer, tries, now))
		})
	}
}

func TestMessageID(t *testing.T) {
	at := time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)
	ours := outbox.Event{ID: 1, Dedupe: "invoice.paid:sub_1_20260131", CreatedAt: at}
	again := outbox.Event{ID: 2, Dedupe: "invoice.paid:sub_1_20260131", CreatedAt: at.Add(time.Hour)}
	require.Equal(t, ours.MessageID(), again.MessageID(), "the same event, written again after a restore")
	shops := outbox.Event{ID: 1, Type: "x", Subject: "order:1", CreatedAt: at}
	other := shops
	other.CreatedAt = at.Add(time.Microsecond)
	require.NotEqual(t, shops.MessageID(), other.MessageID(), "another event that was given an old id after a restore")
	require.NotEqual(t, shops.MessageID(), ours.MessageID())
	for _, e := range []outbox.Event{ours, shops} {
		require.Len(t, e.MessageID(), 36)
		require.False(t, strings.ContainsAny(e.MessageID(), ". "))
	}
}
