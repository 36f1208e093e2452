package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"duly/internal/checkup"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/session"
)

func doctorCommand(ses *session.Session) *cobra.Command {
	var confirmed, undo bool
	var send checkup.Tries
	var reason, control, moved string
	conformance := checkup.Conformance{Amount: 1000}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check configuration, database and gateways, and say how to fix what is wrong",
		Long: "Checks the configuration, the database (reachable, migrations, privileges, isolation, real SKIP LOCKED, clock,\n" +
			"max_allowed_packet, each of the shop's columns, local time in them), every gateway (address, token, and whether it\n" +
			"shows a payment that it took), whether the database may have been restored, whether outbox.url can be reached (--webhook sends\n" +
			"a test event), what Slack's keys look like (--slack sends a test message), and which files with secrets every user of the host can read. What a login may\n" +
			"do is judged by its role (deploy/sql/grants.sql), and that of database.operator_dsn as an operator's who acts. It moves\n" +
			"no money and changes no row but the marks in claim_probe. Exit code 2 if a check fails.\n\n" +
			"--control NAME PAYMENT_ID checks nothing: it records a payment that gateway NAME took, looked up by its id, so that what the\n" +
			"gateway says it does not know is checked by it. --moved NAME OLD_URL joins the address that the gateway was called at before\n" +
			"to today's, if today's shows the newest payments that were taken there; with --undo it takes that back.\n\n" +
			"--history-confirmed checks nothing: it records that you know the tables to be whole, so that gateways that can neither be\n" +
			"asked nor listed are charged again. Exit code 4 while requests from before the loss may still arrive, with the time.\n\n" +
			checkup.ConformanceHelp(),
		Example: "  duly doctor\n  duly doctor --control main pay_123\n  duly doctor --moved main https://old.example.com\n  duly doctor --json\n  duly doctor --slack --webhook\n  duly doctor --conformance main --sandbox --method ok=pm_1 --method hard=pm_2\n  duly doctor --history-confirmed --reason \"compared with the provider's export\"",
		Args: func(cmd *cobra.Command, args []string) error {
			switch named := control != "" || moved != ""; {
			case control != "" && moved != "", named && confirmed, conformance.Gateway != "" && (named || confirmed):
				return exit.Usagef("--control, --moved, --history-confirmed and --conformance are commands of their own: give one of them")
			case conformance.Gateway == "" && slices.ContainsFunc(checkup.ConformanceFlags(), cmd.Flags().Changed):
				return exit.Usagef("--%s go with --conformance: duly doctor --conformance main --sandbox --method ok=METHOD", strings.Join(checkup.ConformanceFlags(), ", --"))
			case conformance.Sandbox && conformance.Live:
				return exit.Usagef("--sandbox and --live contradict each other: give one of them")
			case undo && moved == "":
				return exit.Usagef("--undo: it takes back --moved: duly doctor --moved main https://old.example.com --undo --reason \"…\"")
			case undo && !session.HasReason(reason):
				return exit.Usagef("--%s: say why --moved is taken back, for those who ask later", cli.FlagReason)
			case control != "" && len(args) != 1:
				return exit.Usagef("--control: give the gateway's name and the gateway's own id of a payment: duly doctor --control main pay_123")
			case moved != "" && len(args) != 1:
				return exit.Usagef("--moved: give the gateway's name and the URL that it had: duly doctor --moved main https://old.example.com")
			case !named:
				return noArguments(cmd, args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case conformance.Gateway != "":
				return checkup.Conform(cmd.Context(), ses, conformance)
			case control != "":
				return checkup.AddControl(cmd.Context(), ses, control, args[0], reason)
			case undo:
				return checkup.PartAddresses(cmd.Context(), ses, moved, args[0], reason)
			case moved != "":
				return checkup.JoinAddress(cmd.Context(), ses, moved, args[0], reason)
			}
			switch given := session.HasReason(reason); {
			case confirmed && !given:
				return exit.Usagef("--%s: say why, for those who ask later", cli.FlagReason)
			case given && !confirmed:
				return exit.Usagef("--%s: it says why --history-confirmed is given", cli.FlagReason)
			case confirmed:
				return checkup.TrustHistory(cmd.Context(), ses, reason)
			}
			d := &checkup.Checkup{Session: ses}
			d.All(cmd.Context(), send)
			return d.Report()
		},
	}
	verboseFlag(ses.Screen, cmd, "every check, not only those that need something")
	cmd.Flags().BoolVar(&send.Slack, "slack", false, "send a test message to Slack")
	cmd.Flags().BoolVar(&send.Webhook, "webhook", false, "send a test event, of the type duly.test, to outbox.url")
	cmd.Flags().BoolVar(&confirmed, "history-confirmed", false, "record that the tables are whole, after a restore or a fail-over")
	cmd.Flags().StringVar(&control, "control", "", "record a payment, by its id, that the gateway `NAME` took (default none)")
	cmd.Flags().StringVar(&moved, "moved", "", "join the URL that the gateway `NAME` had to today's (default none)")
	cmd.Flags().BoolVar(&undo, "undo", false, "with --moved: take back that the URL was joined")
	cmd.Flags().StringVar(&reason, cli.FlagReason, "", "with --history-confirmed, --control or --moved: why, a `TEXT` for those who ask later (default none)")
	cmd.Flags().StringVar(&conformance.Gateway, "conformance", "", "hold the gateway `NAME` to its contract (default none)")
	cmd.Flags().StringArrayVar(&conformance.Methods, "method", nil, "with --conformance: a payment method of which it is known what becomes of its charges, as `WORD=METHOD`; may be given again (default none)")
	cmd.Flags().BoolVar(&conformance.Sandbox, "sandbox", false, "with --conformance: the account takes no real money")
	cmd.Flags().BoolVar(&conformance.Live, "live", false, "with --conformance: charge although real money is taken")
	cmd.Flags().StringVar(&conformance.Customer, "customer", "duly-conformance", "with --conformance: the `ID` of the customer of the methods")
	cmd.Flags().StringVar(&conformance.GatewayCustomer, "gateway-customer", "", "with --conformance: the second identifier, `ID`, of the methods (default none)")
	cmd.Flags().Var(cli.Amount{To: &conformance.Amount}, "amount", "with --conformance: what each payment is of, a `NUMBER` of minor units")
	cmd.Flags().StringVar(&conformance.Currency, "currency", "KRW", "with --conformance: its `CURRENCY`")
	return cmd
}
