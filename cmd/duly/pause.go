package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"duly/internal/operator"
	"duly/jobs"
)

// steeredView is the document of `duly pause`, `resume`, `stop` and `throttle`.
type steeredView struct {
	Action  string `json:"action"`
	Subject string `json:"subject"` // billing, gateway:main, run:7
	Who     string `json:"who"`
	Reason  string `json:"reason,omitempty"`
	Detail  string `json:"detail"` // what happens now
}

// flagReason is the flag for those who ask later.

// subject is what the arguments of pause and resume name, as it stands in pauses. A gateway that is no longer
// configured can still be resumed.
func subjectOfPause(ses *Session, args []string, configured bool) (string, error) {
	subjects := append(append(jobs.Names(), jobs.NightlyJob), "gateway NAME")
	switch {
	case len(args) == 0:
		return "", fmt.Errorf("say what: %s", alternatives(subjects))
	case args[0] != "gateway" && len(args) > 1:
		return "", fmt.Errorf("one at a time: %q is one too many", args[1])
	case args[0] != "gateway" && !slices.Contains(append(jobs.Names(), jobs.NightlyJob), args[0]):
		return "", unknownWord("job", args[0], subjects)
	case args[0] != "gateway":
		return args[0], nil
	}
	c, err := ses.load()
	if err != nil {
		return "", err
	}
	known := strings.Join(gatewayNames(c), ", ")
	switch {
	case len(args) == 1:
		return "", fmt.Errorf("say which gateway: %s", known)
	case len(args) > 2:
		return "", fmt.Errorf("one at a time: %q is one too many", args[2])
	case configured && !slices.Contains(gatewayNames(c), args[1]):
		return "", unknownWord("gateway", args[1], gatewayNames(c))
	}
	return "gateway:" + args[1], nil
}

// steered tells an operator what a command did.
func steered(screen *Screen, action operator.Action, did, detail string, err error) error {
	if err != nil {
		return refusedOr(err)
	}
	if screen.json {
		return screen.print(steeredView{Action: action.Action, Subject: action.Subject, Who: action.Who, Reason: action.Reason, Detail: detail})
	}
	screen.line("%s %s: %s", strings.Replace(action.Subject, ":", " ", 1), did, detail)
	return nil
}

// withRun opens the database for a command about one run.
func withRun(ctx context.Context, ses *Session, args []string, do func(db *database, run uint64) error) error {
	if len(args) != 1 {
		return usagef("say which run, by its id: `duly status` lists the live ones")
	}
	run, err := id(args[0])
	if err != nil {
		return err
	}
	return ses.asOperator(ctx, func(db *database) error { return do(db, run) })
}
