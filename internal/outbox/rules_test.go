package outbox_test

import (
	"strings"
	"testing"
	"testing/synctest"
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

func TestUnreadable(t *testing.T) {
	for payload, want := range map[string]string{
		`{"a": 1}`:       "",
		`null`:           "",
		``:               "its payload is not JSON: unexpected end of JSON input",
		`{"a": 1`:        "its payload is not JSON: unexpected end of JSON input",
		`{'a': 1}`:       "its payload is not JSON: invalid character '\\'' looking for beginning of object key string",
		`{"a": 1} extra`: "its payload is not JSON: invalid character 'e' after top-level value",
	} {
		require.Equal(t, want, outbox.Unreadable(outbox.Event{Payload: []byte(payload)}), payload)
	}
	require.Equal(t, "its type is NULL", outbox.Unreadable(outbox.Event{Null: "type", Payload: []byte(`{}`)}))
}

// What can never be sent is given up at once, and no try of it is counted that was not made.
func TestWhatCanNeverBeSentIsGivenUp(t *testing.T) {
	now := time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)
	require.Equal(t, outbox.End{ID: 16, Status: outbox.Dead, Tries: 1, At: now, Reason: "why"},
		outbox.Settle(outbox.Event{ID: 16}, outbox.Answer{Reason: "why", Never: true}, tries, now))
}

// Together keeps the order of each subject, and sends each event once.
func TestTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOf(rapid.Custom(func(t *rapid.T) outbox.Event {
			return outbox.Event{Subject: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "subject"), Type: rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "type")}
		})).Draw(t, "events")
		for i := range events {
			events[i].ID = uint64(i) + 1
		}
		last, n := map[string]uint64{}, 0
		for _, message := range outbox.Together(events, func(kind string) bool { return kind != "z" }) {
			require.NotEmpty(t, message)
			for _, e := range message {
				require.Greater(t, e.ID, last[e.Subject])
				require.Equal(t, message[0].Type, e.Type)
				last[e.Subject] = e.ID
				n++
			}
			if message[0].Type == "z" {
				require.Len(t, message, 1)
			}
		}
		require.Len(t, events, n)
	})
	many := make([]outbox.Event, 200)
	for i := range many {
		many[i] = outbox.Event{ID: uint64(i), Type: "x", Subject: string(rune('a' + i%7))}
	}
	require.Len(t, outbox.Together(many, func(string) bool { return true }), 1)
	require.Len(t, outbox.Together(many, func(string) bool { return false }), 200)
}

func TestHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &outbox.Held{}
		e := outbox.Event{Payload: make([]byte, 10)}
		h.Take(10)
		waited := make(chan bool)
		go func() { waited <- h.Await(9, nil, nil) }()
		synctest.Wait()
		select {
		case <-waited:
			t.Fatal("it did not wait")
		default:
		}
		h.Free(&e)
		require.True(t, <-waited)
		require.Nil(t, e.Payload)
		h.Free(&e)
		require.True(t, h.Await(0, nil, nil), "freed once")
		require.Equal(t, 10, h.Most())
		h.Take(1)
		stopped := make(chan struct{})
		close(stopped)
		require.False(t, h.Await(0, stopped, nil))
		require.False(t, h.Await(0, nil, stopped))
	})
}
