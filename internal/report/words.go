package report

import (
	"strconv"
	"strings"
)

// verdict is what an exit code means.
type verdict struct {
	Tone   string // good, look or bad: the class that it is drawn in
	Text   string // in a sentence
	Advice string // what whoever started the run should do
}

func verdictOf(exit int) verdict {
	switch exit {
	case 0:
		return verdict{"good", "Done, nothing left behind", "The machine may power off."}
	case 1:
		return verdict{"bad", "Failed; work remains, nothing is lost", "Put right what failed, then run it again. The machine should stay up."}
	case 2:
		return verdict{"bad", "Bad usage or configuration; nothing was touched", "Put the configuration right. The machine should stay up."}
	case 3:
		return verdict{"look", "Done; something waits for an operator", "The machine may power off. Somebody should look at what was sent to review."}
	case 4:
		return verdict{"look", "Unfinished; a later run goes on", "Run it again."}
	case 5:
		return verdict{"look", "Not run", "It was paused, or another run was live."}
	}
	return verdict{"look", "Stopped by a signal after finishing what was in flight", "Run it again."}
}

// verdict says how the run stands.
func (r Run) verdict() verdict {
	switch {
	case r.Exit != nil:
		return verdictOf(*r.Exit)
	case r.Alive:
		return verdict{"look", "Under way", "The numbers are those of its last heartbeat."}
	}
	return verdict{"bad", "Died without ending", "The next run takes over what it left. The numbers are those of its last heartbeat."}
}

// counted says what the numbers of a step count.
type counted struct{ Read, Succeeded, Declined, Released, InDoubt, Rejected, Review string }

func charges() counted {
	return counted{"charges", "succeeded", "declined", "released", "in doubt", "rejected", "sent to review"}
}

// countedBy gives the words for a step; unknown steps get those of a charge.
func countedBy(step string) counted {
	switch step {
	case "issue":
		return counted{"subscriptions", "issued", "ended", "released", "in doubt", "rejected", "sent to review"}
	case "reconcile":
		return counted{"orders", "completed or right as they stood", "failed", "left to a later check", "checked again later", "rejected", "sent to review"}
	case "refund":
		return counted{"orders", "given back", "nothing to give back", "untouched or in part", "tried again later", "rejected", "sent to review"}
	case "fan-out":
		return counted{"events", "handed out", "declined", "untouched", "in doubt", "rejected", "sent to review"}
	case "deliver":
		return counted{"deliveries", "delivered", "declined", "untouched", "tried again later", "rejected", "given up"}
	case "match", "look-up":
		return counted{"payments", "as they should be", "differ", "untouched", "not settled yet", "rejected", "new findings"}
	case "report":
		return counted{"days", "computed", "declined", "untouched", "in doubt", "rejected", "sent to review"}
	case "runs", "events":
		return counted{"rows", "deleted", "declined", "untouched", "in doubt", "rejected", "sent to review"}
	}
	return charges()
}

// countedIn gives the words for most of what a job does.
func countedIn(job string) counted {
	switch job {
	case "outbox":
		return countedBy("deliver")
	case "audit":
		return countedBy("match")
	case "prune":
		return countedBy("events")
	}
	return countedBy(job)
}

// stage is the dunning stage that a step of billing collects: 0 on the due date; false for other steps.
func stage(step string) (int, bool) {
	if step == "collect" {
		return 0, true
	}
	number, ok := strings.CutPrefix(step, "retry-")
	n, err := strconv.Atoi(number)
	return n, ok && err == nil && n > 0
}

// charging reports whether the step's numbers are charges.
func charging(step string) bool {
	_, staged := stage(step)
	return staged || strings.HasPrefix(step, "recover")
}

// givesBack reports whether the step's amounts were given back rather than collected.
func givesBack(step string) bool { return step == "refund" }

// about says what a step does.
func about(step string) string {
	switch step {
	case "recover", "recover-last":
		return "settles what was in doubt"
	case "issue":
		return "writes invoices that are due"
	case "collect":
		return "charges on the due date"
	case "reconcile":
		return "settles orders with no payment result, by what their gateways say"
	case "refund":
		return "gives back what must be given back"
	case "fan-out":
		return "hands events to their receivers"
	case "deliver":
		return "delivers events"
	case "match":
		return "compares the gateways’ lists with the tables"
	case "look-up":
		return "asks about what no list held"
	case "report":
		return "computes the figures of days"
	case "runs", "events":
		return "deletes what was kept for long enough"
	}
	if n, ok := stage(step); ok {
		return ordinal(n) + " retry after a decline"
	}
	return ""
}

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}
