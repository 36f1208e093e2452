package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"duly/internal/cli"
	"duly/internal/decide"
	"duly/internal/exit"
	"duly/internal/operator"
	"duly/internal/session"
)

func pauseCommand(ses *session.Session) *cobra.Command {
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
			subject, err := decide.SubjectOfPause(ses, args, true)
			if !session.HasReason(reason) {
				err = errors.Join(err, errors.New("--reason: say why, for those who ask later"))
			}
			if err != nil {
				return exit.Usage(err)
			}
			return ses.AsOperator(cmd.Context(), func(db *session.Database) error {
				business, err := ses.Clock(cmd.Context(), db.DB)
				if err != nil {
					return err
				}
				action := session.Action("pause", subject, reason)
				err = operator.Pause(cmd.Context(), db.DB, subject, business(), action)
				detail := "it does not start, and what runs of it drains and ends with exit 4"
				if strings.HasPrefix(subject, "gateway:") {
					detail = "runs leave it alone, those under way with their next heartbeat and to their end"
				}
				return decide.Steered(ses.Screen, action, "paused", detail, err)
			})
		},
	}
	cmd.Flags().StringVar(&reason, cli.FlagReason, "", "why: a `TEXT` for those who ask later (needed)")
	return cmd
}

func resumeCommand(ses *session.Session) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:               "resume JOB|gateway NAME",
		Short:             "Let a job or a gateway go on that was paused",
		Long:              "Takes back what `duly pause` held. Nothing starts by it: the next run does what is due.",
		Example:           "  duly resume billing\n  duly resume gateway main --reason \"the provider is back\"",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: with(ses, completeSubject),
		RunE: func(cmd *cobra.Command, args []string) error {
			subject, err := decide.SubjectOfPause(ses, args, false)
			if err != nil {
				return exit.Usage(err)
			}
			return ses.AsOperator(cmd.Context(), func(db *session.Database) error {
				action := session.Action("resume", subject, reason)
				err := operator.Resume(cmd.Context(), db.DB, subject, action)
				return decide.Steered(ses.Screen, action, "resumed", "the next run does what is due", err)
			})
		},
	}
	cmd.Flags().StringVar(&reason, cli.FlagReason, "", "why: a `TEXT` for those who ask later (default none)")
	return cmd
}
