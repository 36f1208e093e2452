//go:build crashpoints && !linux

package crash

import (
	"syscall"
	"time"
)

// settles is how long other systems may take to stop a thread that sent the signal itself.
const settles = 50 * time.Millisecond

// stop stops the process.
func stop() {
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGSTOP)
	<-time.After(settles)
}
