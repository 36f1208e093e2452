package leasewait_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/leasewait"
	"duly/internal/query"
)

// Claims are said to be whose they are, and from when the next run takes them over, in the minute after their lease. That a run lives is said
// only of one that has shown it.
func TestClaims(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("KST", 9*3600)
	beat := time.Date(2026, time.November, 28, 2, 9, 26, 0, time.UTC)
	o := query.Owner{ID: 45, Host: "vm-1", Beat: beat, LeaseMS: 180_000, Claimed: 14}
	for at, want := range map[time.Duration]string{
		0:                       "run 45 (vm-1, last heartbeat 0s ago) has claimed 14 charges; if it is dead, they are free at 11:13",
		90 * time.Second:        "run 45 (vm-1, last heartbeat 1m30s ago) has claimed 14 charges; if it is dead, they are free at 11:13",
		91 * time.Second:        "run 45 died; its 14 charges are free at 11:13",
		179 * time.Second:       "run 45 died; its 14 charges are free at 11:13",
		180 * time.Second:       "run 45 died; its 14 charges are free",
		180*time.Second + 1<<30: "run 45 died; its 14 charges are free",
	} {
		require.Equal(t, want, leasewait.Claims(o, "charge", false, beat.Add(at), zone), at)
	}
	o.Claimed = 1
	require.Equal(t, "run 45 died; its 1 charge is free at 11:13", leasewait.Claims(o, "charge", false, beat.Add(2*time.Minute), zone))
	require.Equal(t, "run 45 (vm-1, last heartbeat 8s ago) has claimed 1 refund; if it is dead, it is free at 11:13",
		leasewait.Claims(o, "refund", false, beat.Add(8*time.Second), zone))
	require.Equal(t, "run 45 is live and has claimed 1 refund", leasewait.Claims(o, "refund", true, beat.Add(8*time.Second), zone))
}
