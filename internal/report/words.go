package report

import "duly/internal/payment"

// verdict is the result of a run or a night in a sentence.
type verdict struct {
	Tone string // good, look or bad: its CSS class
	Text string
	Note string // what it means for the machine, or for the numbers of the page
}

const (
	mayPowerOff = "The machine may power off."
	mustStayUp  = "The machine must stay up."
	runAgain    = "The machine must stay up; run it again."
)

// exitNotRun is the exit code of a job that was paused, or that another run kept from running.
const exitNotRun = 5

// verdictOf says what an exit code means. waiting is how many rows need a person.
func verdictOf(exit int, waiting int64) verdict {
	switch exit {
	case 0:
		return verdict{"good", "Done", mayPowerOff}
	case 1:
		return verdict{"bad", "Failed, nothing lost", mustStayUp}
	case 2:
		return verdict{"bad", "Not started: wrong usage or configuration", mustStayUp}
	case 3:
		return verdict{"look", needs(waiting) + "; the rest is done", mayPowerOff}
	case 4:
		return verdict{"look", "Unfinished; the next run continues", runAgain}
	case exitNotRun:
		return verdict{"look", "Not run: paused, or another run was live", mayPowerOff}
	}
	return verdict{"look", "Stopped by a signal; the next run continues", runAgain}
}

// needs says how many rows need a person.
func needs(n int64) string {
	switch n {
	case 0:
		return "Some rows need a person"
	case 1:
		return "1 row needs a person"
	}
	return number(n) + " rows need a person"
}

// verdict is the result of the run.
func (r Run) verdict() verdict {
	const heartbeat = "The numbers are those of its last heartbeat."
	switch {
	case r.Exit != nil:
		return verdictOf(*r.Exit, r.reviewed())
	case r.Alive:
		return verdict{"look", "Running", heartbeat}
	}
	return verdict{"bad", "Died; the next run takes over what it left", heartbeat}
}

// remedy says what a decline of the class asks for.
func remedy(class payment.Class) string {
	switch class {
	case payment.Soft:
		return "retry"
	case payment.Hard:
		return "new card"
	case payment.Action:
		return "customer must act"
	}
	return string(class)
}

// gatewayWords are the kinds of answers that are not called as they are stored.
func gatewayWords(kind string) string {
	switch kind {
	case "in_doubt":
		return "in doubt"
	case "not_executed":
		return "not executed"
	case "try_later":
		return "try later"
	case "differs":
		return "different payment"
	case "misconfigured":
		return "credentials refused"
	}
	return kind
}
