package exchange

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// longestWish is taken for every Retry-After beyond it, so that no sum of durations overflows.
const longestWish = 24 * time.Hour

// retryAfter reads the header's seconds or date; 0 is no wish, or none that can be read.
func retryAfter(header string, now time.Time) time.Duration {
	if header = strings.TrimSpace(header); header == "" {
		return 0 // nearly every answer
	}
	if seconds, err := strconv.ParseUint(header, 10, 64); err == nil {
		if seconds >= uint64(longestWish/time.Second) {
			return longestWish
		}
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(header); err == nil {
		return min(max(date.Sub(now), 0), longestWish)
	}
	return 0
}
