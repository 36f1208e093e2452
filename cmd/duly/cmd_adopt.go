package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"duly/internal/cli"
	"duly/internal/decide"
	"duly/internal/exit"
	"duly/internal/session"
)

func adoptCommand(ses *session.Session) *cobra.Command {
	var f decide.AdoptFlags
	cmd := &cobra.Command{
		Use:   "adopt GATEWAY",
		Short: "Take over charges that a gateway lists and that are unknown here",
		Long: "Ends the charges that a gateway has under keys of ours and that no attempt here accounts for: after a restored\n" +
			"backup, or a fail-over that lost commits. Until each is adopted nothing is charged at that gateway.\n\n" +
			"Without --reason it only shows what would become of each, and the command to type next. With --reason each is\n" +
			"asked about once more and adopted as the gateway shows it now, one transaction for each, recorded with who did\n" +
			"it and why:\n\n" +
			"  paid      its invoice is paid; one that is missing is made\n" +
			"  declined  its attempt is recorded; an open invoice goes on to its next stage\n" +
			"  in_doubt  pending at the gateway: the next run of billing asks again\n" +
			"  refunded  its period is closed, and not charged\n" +
			"  review    something differs: an operator decides, and its period waits\n" +
			"  orphan    money that no invoice asks for: to be refunded; a finding tells it\n" +
			"  known     the tables account for it by now\n" +
			"  not_shown with --not-shown, for one that the gateway does not know any more\n" +
			"            though it shows others: an operator decides, and its period waits\n\n" +
			"It may be typed again: what is adopted already is passed over. Exit code 2 if one is refused; the others are done.\n" +
			"Exit code 4 while requests from before the loss may still arrive, with the time.",
		Example: "  duly adopt main\n" +
			"  duly adopt main --reason \"restored the backup of 3 May\"\n" +
			"  duly adopt main --key sub_42_20260503-1 --dry-run\n" +
			"  duly adopt main --key sub_42_20260503-1 --not-shown",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: with(ses, completeGateway),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := adoptFrom(ses, args)
			if cmd.Flags().Changed(cli.FlagReason) && !session.HasReason(f.Reason) {
				err = errors.Join(err, errors.New("--reason: say why, for those who ask later"))
			}
			if f.NotShown && len(f.Keys) == 0 {
				err = errors.Join(err, errors.New("--not-shown: say which charges, by --key"))
			}
			if err != nil {
				return exit.Usage(err)
			}
			f.Dry = f.Dry || f.Reason == ""
			return ses.AsOperator(cmd.Context(), func(db *session.Database) error { return decide.Adopt(cmd.Context(), ses, db, name, f) })
		},
	}
	cmd.Flags().StringArrayVar(&f.Keys, "key", nil, "only the charge under this `KEY`; may be given again (default all)")
	cmd.Flags().StringVar(&f.Reason, cli.FlagReason, "", "why: a `TEXT` for those who ask later (default none: nothing is adopted)")
	cmd.Flags().BoolVar(&f.NotShown, "not-shown", false, "leave to an operator what the gateway does not know any more")
	cmd.Flags().BoolVar(&f.Dry, "dry-run", false, "only show what would become of each")
	complete(cmd, "key", with(ses, completeUnknownKeys))
	return cmd
}

// adoptFrom is the gateway that `duly adopt` was given.
func adoptFrom(ses *session.Session, args []string) (string, error) {
	c, err := ses.Load()
	if err != nil {
		return "", err
	}
	names := strings.Join(slices.Sorted(maps.Keys(c.Gateways)), ", ")
	switch {
	case len(args) == 0:
		return "", fmt.Errorf("say which gateway: duly adopt NAME; there are: %s", names)
	case len(args) > 1:
		return "", fmt.Errorf("%q is one argument too many", args[1])
	}
	if _, ok := c.Gateways[args[0]]; !ok {
		return "", fmt.Errorf("gateway %q is not configured on this host; there are: %s", args[0], names)
	}
	return args[0], nil
}
