package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"duly/config"
	"duly/internal/operator"
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
const flagReason = "reason"

func pauseCommand(ses *Session) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "pause JOB|gateway NAME",
		Short: "Hold a job or a gateway back until it is resumed",
		Long: "Holds a job or a gateway back until `duly resume`, whatever machine runs it.\n\n" +
			"A paused job does not start (exit 5); one that runs claims no more with its next\n" +
			"heartbeat (run.heartbeat), drains, and ends with exit 4. A paused gateway is left\n" +
			"alone: what is due there stays due; one that is paused during a run is left alone\n" +
			"for the rest of it. With `nightly` paused no night starts, and one under way ends.",
		Example: "  duly pause billing --reason \"prices change until noon\"\n" +
			"  duly pause gateway main --reason \"maintenance at the provider\"",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: with(ses, completeSubject),
		RunE: func(cmd *cobra.Command, args []string) error {
			subject, err := subjectOfPause(ses, args, true)
			if !said(reason) {
				err = errors.Join(err, errors.New("--reason: say why, for those who ask later"))
			}
			if err != nil {
				return usage(err)
			}
			return ses.asOperator(cmd.Context(), func(db *database) error {
				business, err := ses.clock(cmd.Context(), db.DB)
				if err != nil {
					return err
				}
				action := do("pause", subject, reason)
				err = operator.Pause(cmd.Context(), db.DB, subject, business(), action)
				detail := "it does not start, and what runs of it drains and ends with exit 4"
				if strings.HasPrefix(subject, "gateway:") {
					detail = "runs leave it alone, those under way with their next heartbeat and to their end"
				}
				return steered(ses.Screen, action, "paused", detail, err)
			})
		},
	}
	cmd.Flags().StringVar(&reason, flagReason, "", "why: a `TEXT` for those who ask later (needed)")
	return cmd
}

func resumeCommand(ses *Session) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:               "resume JOB|gateway NAME",
		Short:             "Let a job or a gateway go on that was paused",
		Long:              "Takes back what `duly pause` held. Nothing starts by it: the next run does what is due.",
		Example:           "  duly resume billing\n  duly resume gateway main --reason \"the provider is back\"",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: with(ses, completeSubject),
		RunE: func(cmd *cobra.Command, args []string) error {
			subject, err := subjectOfPause(ses, args, false)
			if err != nil {
				return usage(err)
			}
			return ses.asOperator(cmd.Context(), func(db *database) error {
				action := do("resume", subject, reason)
				err := operator.Resume(cmd.Context(), db.DB, subject, action)
				return steered(ses.Screen, action, "resumed", "the next run does what is due", err)
			})
		},
	}
	cmd.Flags().StringVar(&reason, flagReason, "", "why: a `TEXT` for those who ask later (default none)")
	return cmd
}

// subject is what the arguments of pause and resume name, as it stands in pauses. A gateway that is no longer
// configured can still be resumed.
func subjectOfPause(ses *Session, args []string, configured bool) (string, error) {
	subjects := append(workNames(), "gateway NAME")
	switch {
	case len(args) == 0:
		return "", fmt.Errorf("say what: %s", alternatives(subjects))
	case args[0] != "gateway" && len(args) > 1:
		return "", fmt.Errorf("one at a time: %q is one too many", args[1])
	case args[0] != "gateway" && !slices.Contains(workNames(), args[0]):
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

// gatewayNames lists the configured gateways.
func gatewayNames(c *config.Config) []string { return slices.Sorted(maps.Keys(c.Gateways)) }

func completeSubject(ses *Session, _ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	switch {
	case len(args) == 0:
		return append(workNames(), "gateway"), cobra.ShellCompDirectiveNoFileComp
	case len(args) == 1 && args[0] == "gateway":
		if c, err := ses.load(); err == nil {
			return gatewayNames(c), cobra.ShellCompDirectiveNoFileComp
		}
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// do is what is recorded of an operator's command about a subject.
func do(action, subject, reason string) operator.Action {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return operator.Action{Action: action, Subject: subject, Who: operatorName(), Host: host, Reason: reason}
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
