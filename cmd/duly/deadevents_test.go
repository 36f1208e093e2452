package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

// All events that were given up for a receiver are due again by one command, and those of other receivers stay as they are. An
// event that one of the named receivers has got is due again for the other.
func TestRequeueAllDeadEventsOfAReceiver(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for id := range 30 {
		s.exec(t, `INSERT INTO events (id, type, subject, payload) VALUES (?, 'x', 'order:1', '{}')`, id+1)
		s.exec(t, `INSERT INTO event_deliveries (event_id, sink, subject, status) VALUES (?, 'webhook', 'order:1', 'dead'), (?, 'slack', 'order:1', ?)`,
			id+1, id+1, []string{"dead", "delivered"}[id%2])
	}
	count := func(sink, status string) int64 {
		return s.number(t, "SELECT COUNT(*) FROM event_deliveries WHERE sink = ? AND status = ?", sink, status)
	}
	got := s.duly(t, "requeue", "event", "--dead", "--sink", "webhook", "--yes")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.out, "30 events requeued")
	require.Equal(t, []int64{30, 15, 15}, []int64{count("webhook", "pending"), count("slack", "dead"), count("slack", "delivered")})

	s.exec(t, `UPDATE event_deliveries SET status = 'dead', next_try_at = NULL WHERE sink = 'webhook'`)
	got = s.duly(t, "requeue", "event", "--dead", "--sink", "webhook,slack", "--yes")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Equal(t, []int64{30, 15, 15}, []int64{count("webhook", "pending"), count("slack", "pending"), count("slack", "delivered")}, got.out)
}
