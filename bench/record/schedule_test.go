package record_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/bench/record"
)

func TestSchedule(t *testing.T) {
	require.Zero(t, record.Schedule(2, nil))
	require.Equal(t, 9*time.Second, record.Schedule(2, []time.Duration{5 * time.Second, 2 * time.Second, 2 * time.Second, 5 * time.Second}), "5 | 2 2 5")
	require.Equal(t, 14*time.Second, record.Schedule(1, []time.Duration{5 * time.Second, 2 * time.Second, 2 * time.Second, 5 * time.Second}))
}
