package view

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

func TestLeaseWait(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 11, 10, 0, 0, time.UTC)
	w := batch.LeaseWait{Run: 1, Host: "vm-1", Beat: now.Add(-18900 * time.Millisecond), Until: now.Add(41100 * time.Millisecond)}
	require.Equal(t, "waiting up to 42s for the lease of run 1 (vm-1, last heartbeat 18s ago)", LeaseWait(w, now))
	require.Equal(t, "waiting up to 0s for the lease of run 1 (vm-1, last heartbeat 1m59s ago)", LeaseWait(w, now.Add(100_200*time.Millisecond)))
	require.Equal(t, "waiting up to 1m40s for the lease of run 1 (vm-1, last heartbeat 0s ago)",
		LeaseWait(batch.LeaseWait{Run: 1, Host: "vm-1", Beat: now.Add(time.Second), Until: now.Add(100 * time.Second)}, now))
	require.Empty(t, LeaseWait(batch.LeaseWait{}, now))
}
