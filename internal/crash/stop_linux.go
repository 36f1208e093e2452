//go:build crashpoints

package crash

import (
	"runtime"
	"syscall"
)

// stop stops the process. Its own thread is the one that is told, so that nothing after the call happens before
// the process goes on.
func stop() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_ = syscall.Tgkill(syscall.Getpid(), syscall.Gettid(), syscall.SIGSTOP)
}
