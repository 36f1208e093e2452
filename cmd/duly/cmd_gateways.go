package main

import (
	"slices"

	"github.com/spf13/cobra"

	"duly/internal/adapters"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/session"
)

func gatewaysCommand(ses *session.Session) *cobra.Command {
	cmd := &cobra.Command{Use: "gateways", Short: "Show what duly knows about a payment provider", Example: "  duly gateways codes toss"}
	cmd.AddCommand(&cobra.Command{
		Use:   "codes TYPE",
		Short: "List the codes of a provider's answers, and what each is taken for",
		Long: "Lists the codes that duly knows of a provider's answers to a charge and to a refund, and of records of payments that failed.\n" +
			"Of a charge, soft, hard and action are declines, later is a no that passes, look is looked up at once, doubt is asked again\n" +
			"under its key, none did nothing; a code that is not listed may have taken money, and is looked up. Of a refund, refused is a\n" +
			"definite no, and unknown is looked at again. The last column says how sure the code is: A is the provider's own page, B a\n" +
			"copy or a measurement, C general knowledge. What a code is taken for is duly's own decision.",
		Example:           "  duly gateways codes toss\n  duly gateways codes portone --json",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: firstOf(adapters.CodeTables()...),
		RunE: func(_ *cobra.Command, args []string) error {
			switch types := adapters.CodeTables(); {
			case len(args) != 1:
				return exit.Usagef("give one type: %s", cli.Alternatives(types))
			case !slices.Contains(types, args[0]):
				return exit.Usagef("unknown type %q: give %s", args[0], cli.Alternatives(types))
			}
			return adapters.CodesOf(args[0]).Show(ses.Screen)
		},
	})
	group(cmd)
	return cmd
}
