package main

import (
	"fmt"
	"syscall"

	"duly/internal/batch"
	"duly/jobs"
)

// ending is what an exit code means and what follows from it. It is the one place in which that stands.
type ending struct {
	sign sign
	// verdict ends a summary, meaning a line about one job of several.
	verdict, meaning string
	// next lists the commands that follow, the first to type first.
	next func(job string, run uint64) []string
}

// endingOf is the ending of a run, or of a command, with the exit code.
func endingOf(code int) ending {
	switch code {
	case batch.ExitDone:
		return ending{signDone, "done", "done, nothing left behind", nothingNext}
	case batch.ExitFailed:
		return ending{signFailed, "failed, nothing lost", "failed; work remains", doctorAndAgain}
	case batch.ExitUsage:
		return ending{signFailed, "not run, nothing touched", "bad usage or configuration", doctorNext}
	case batch.ExitReview:
		return ending{signLook, "done", "done; something waits for an operator", lookNext}
	case batch.ExitUnfinished:
		return ending{signLook, "unfinished, a later run goes on", "unfinished; a later run goes on", againNext}
	case batch.ExitNotRun:
		return ending{signLook, "not run", "not run", statusNext}
	}
	return ending{signLook, "stopped by " + signalName(code), "stopped by a signal", againNext}
}

func nothingNext(string, uint64) []string { return nil }

func doctorNext(string, uint64) []string { return []string{"duly doctor"} }

func statusNext(string, uint64) []string { return []string{"duly status"} }

func againNext(job string, run uint64) []string {
	return []string{fmt.Sprintf("duly run %s --rerun %d", job, run)}
}

func doctorAndAgain(job string, run uint64) []string {
	return append(doctorNext(job, run), againNext(job, run)...)
}

func lookNext(job string, run uint64) []string { return []string{listOf(job, run)} }

// listOf is the command that lists what a run of the job left to an operator.
func listOf(job string, run uint64) string {
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

// signalName is the signal behind an exit code.
func signalName(code int) string {
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
