//go:build crashpoints

package crash

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

var (
	chosen Point          //nolint:gochecknoglobals // set once, before main
	nth    int64          //nolint:gochecknoglobals // set once, before main
	signal syscall.Signal //nolint:gochecknoglobals // set once, before main
	met    atomic.Int64   //nolint:gochecknoglobals // how often the point was reached
)

// DULY_TEST_CRASH_AT is point[:n], the n-th time (1) that the point is reached. DULY_TEST_CRASH_BY is kill
// (the default) or stop.
func init() { //nolint:gochecknoinits // exists in test builds only
	name, n, _ := strings.Cut(os.Getenv("DULY_TEST_CRASH_AT"), ":")
	chosen, nth, signal = Point(name), 1, syscall.SIGKILL
	if v, err := strconv.ParseInt(n, 10, 64); err == nil {
		nth = v
	}
	if os.Getenv("DULY_TEST_CRASH_BY") == "stop" {
		signal = syscall.SIGSTOP
	}
}

// At sends the signal to this very process if p is the chosen point.
func At(p Point) {
	if p != chosen || met.Add(1) != nth {
		return
	}
	if signal == syscall.SIGSTOP {
		stop()
		return
	}
	_ = syscall.Kill(syscall.Getpid(), signal)
	select {} // nothing more happens while the signal is on its way
}
