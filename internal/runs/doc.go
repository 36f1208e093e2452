// Package runs keeps job_runs: leases and heartbeats of runs, firings of the schedule, pauses, and what a run is told to do.
package runs
