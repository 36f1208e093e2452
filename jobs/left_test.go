package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/query"
	"duly/jobs"
)

// Claims are said to be whose they are, and from when the next run takes them over, in the minute after their lease.
func TestClaimedBy(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("KST", 9*3600)
	beat := time.Date(2026, time.November, 28, 2, 9, 26, 0, time.UTC)
	o := query.Owner{ID: 45, Beat: beat, LeaseMS: 180_000, Claimed: 14}
	for at, want := range map[time.Duration]string{
		0:                       "run 45 is live and has claimed 14 charges",
		90 * time.Second:        "run 45 is live and has claimed 14 charges",
		91 * time.Second:        "run 45 died; its 14 charges are free at 11:13",
		179 * time.Second:       "run 45 died; its 14 charges are free at 11:13",
		180 * time.Second:       "run 45 died; its 14 charges are free",
		180*time.Second + 1<<30: "run 45 died; its 14 charges are free",
	} {
		require.Equal(t, want, jobs.ClaimedBy(o, beat.Add(at), zone), at)
	}
	o.Claimed = 1
	require.Equal(t, "run 45 died; its 1 charge is free at 11:13", jobs.ClaimedBy(o, beat.Add(2*time.Minute), zone))
}
