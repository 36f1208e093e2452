// Package runlock proves on one host that the process of a run is gone.
//
// A run holds a lock (flock) on a file of its own in a folder on tmpfs for as long as its process lives. The kernel gives the lock up
// when the last thread of the process has ended, and not before: neither for a process that is stopped, nor for one that is frozen.
// The file lives in the memory of the kernel that the process runs on, so it is there neither after a boot nor on a copy of a disk.
//
// What the file says is compared with what the run wrote to the database with its last heartbeat ([Lock.Next]): that is how the file of
// another mount, one that somebody has put in its place, and a copy of the whole machine are told apart from the run's own.
// Whatever cannot be proven so is not proven: the caller waits for the run's lease, as on every other host.
package runlock
