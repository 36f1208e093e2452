package view

import (
	"fmt"
	"syscall"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/jobs"
)

// Ending is what an exit code means and what follows from it. It is the one place in which that stands.
type Ending struct {
	sign cli.Sign
	// Verdict ends a summary, meaning a line about one job of several.
	Verdict, meaning string
	// Next lists the commands that follow, the first to type first.
	Next func(job string, run uint64) []string
}

// EndingOf is the ending of a run, or of a command, with the exit code.
func EndingOf(code int) Ending {
	switch code {
	case batch.ExitDone:
		return Ending{cli.SignDone, "done", "done, nothing left behind", nothingNext}
	case batch.ExitFailed:
		return Ending{cli.SignFailed, "failed, nothing lost", "failed; work remains", doctorAndAgain}
	case batch.ExitUsage:
		return Ending{cli.SignFailed, "not run, nothing touched", "bad usage or configuration", doctorNext}
	case batch.ExitReview:
		return Ending{cli.SignLook, "done", "done; something waits for an operator", lookNext}
	case batch.ExitUnfinished:
		return Ending{cli.SignLook, "unfinished, a later run goes on", "unfinished; a later run goes on", AgainNext}
	case batch.ExitNotRun:
		return Ending{cli.SignLook, "not run", "not run", statusNext}
	}
	return Ending{cli.SignLook, "stopped by " + SignalName(code), "stopped by a signal", AgainNext}
}

func nothingNext(string, uint64) []string { return nil }

func doctorNext(string, uint64) []string { return []string{"duly doctor"} }

func statusNext(string, uint64) []string { return []string{"duly status"} }

// AgainNext is the command that repeats a run.
func AgainNext(job string, run uint64) []string {
	return []string{fmt.Sprintf("duly run %s --rerun %d", job, run)}
}

func doctorAndAgain(job string, run uint64) []string {
	return append(doctorNext(job, run), AgainNext(job, run)...)
}

func lookNext(job string, run uint64) []string { return []string{ListOf(job, run)} }

// ListOf is the command that lists what a run of the job left to an operator.
func ListOf(job string, run uint64) string {
	switch job {
	case jobs.BillingJob, jobs.ReconcileJob:
		return fmt.Sprintf("duly list review --run %d", run)
	case jobs.OutboxJob:
		return "duly list dead-events"
	case jobs.AuditJob:
		return fmt.Sprintf("duly list findings --run %d", run)
	}
	return "duly status"
}

// SignalName is the signal behind an exit code.
func SignalName(code int) string {
	switch code - 128 {
	case int(syscall.SIGINT):
		return "SIGINT"
	case int(syscall.SIGTERM):
		return "SIGTERM"
	case int(syscall.SIGHUP):
		return "SIGHUP"
	}
	return "a signal"
}
