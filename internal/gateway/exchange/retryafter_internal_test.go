package exchange

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"7":                             7 * time.Second,
		" 7 ":                           7 * time.Second,
		"-7":                            0,
		"1.5":                           0,
		"soon":                          0,
		"86399":                         86399 * time.Second,
		"86401":                         24 * time.Hour,
		"18446744073709551615":          24 * time.Hour,
		"99999999999999999999999":       0,
		"Sat, 31 Jan 2026 12:01:30 GMT": 90 * time.Second,
		"Sat, 31 Jan 2026 11:00:00 GMT": 0,
		"Sun, 31 Jan 2027 12:00:00 GMT": 24 * time.Hour,
	} {
		require.Equal(t, want, retryAfter(header, time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)), "%q", header)
	}
}
