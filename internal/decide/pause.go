package decide

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/operator"
	"duly/internal/registry"
	"duly/internal/session"
)

// steeredView is the document of `duly pause`, `resume`, `stop` and `throttle`.
type steeredView struct {
	Action  string `json:"action"`
	Subject string `json:"subject"` // billing, gateway:main, run:7
	Who     string `json:"who"`
	Reason  string `json:"reason,omitempty"`
	Detail  string `json:"detail"` // what happens now
}

// SubjectOfPause is what the arguments of pause and resume name, as it stands in pauses. A gateway that is no longer
// configured can still be resumed.
func SubjectOfPause(ses *session.Session, args []string, configured bool) (string, error) {
	subjects := append(registry.Names(), "gateway NAME")
	switch {
	case len(args) == 0:
		return "", fmt.Errorf("say what: %s", cli.Alternatives(subjects))
	case args[0] != "gateway" && len(args) > 1:
		return "", fmt.Errorf("one at a time: %q is one too many", args[1])
	case args[0] != "gateway" && !slices.Contains(registry.Names(), args[0]):
		return "", cli.UnknownWord("job", args[0], subjects)
	case args[0] != "gateway":
		return args[0], nil
	}
	c, err := ses.Load()
	if err != nil {
		return "", err
	}
	known := strings.Join(session.GatewayNames(c), ", ")
	switch {
	case len(args) == 1:
		return "", fmt.Errorf("say which gateway: %s", known)
	case len(args) > 2:
		return "", fmt.Errorf("one at a time: %q is one too many", args[2])
	case configured && !slices.Contains(session.GatewayNames(c), args[1]):
		return "", cli.UnknownWord("gateway", args[1], session.GatewayNames(c))
	}
	return "gateway:" + args[1], nil
}

// Steered tells an operator what a command did.
func Steered(screen *cli.Screen, action operator.Action, did, detail string, err error) error {
	if err != nil {
		return RefusedOr(err)
	}
	if screen.JSON {
		return screen.Print(steeredView{Action: action.Action, Subject: action.Subject, Who: action.Who, Reason: action.Reason, Detail: detail})
	}
	screen.Line("%s %s: %s", strings.Replace(action.Subject, ":", " ", 1), did, detail)
	return nil
}

// WithRun opens the database for a command about one run.
func WithRun(ctx context.Context, ses *session.Session, args []string, do func(db *session.Database, run uint64) error) error {
	if len(args) != 1 {
		return exit.Usagef("say which run, by its id: `duly status` lists the live ones")
	}
	run, err := cli.ParseID(args[0])
	if err != nil {
		return err
	}
	return ses.AsOperator(ctx, func(db *session.Database) error { return do(db, run) })
}
