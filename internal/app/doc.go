// Package app runs jobs: from the configuration to the exit code of a run, a dry run or a night. It knows no command line; what people read
// it hands to [duly/internal/view], and what a job is, it asks [duly/internal/registry].
package app
