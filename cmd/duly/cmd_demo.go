package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"duly/config"
	"duly/internal/app"
	"duly/internal/cli"
	"duly/internal/demo"
)

func demoCommand(a *app.Command) *cobra.Command {
	o := demo.Options{Subscriptions: 2000, Orders: 500}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole thing on a private database and a simulated gateway",
		Long: "Starts a private MariaDB in a temporary folder and a payments simulator with realistic faults, enrols\n" +
			"subscriptions, fills a shop with orders that were left half-way, and runs the nightly job on the due date and on\n" +
			"days 1, 3 and 5, by a clock of its own. The first night's worker is killed with SIGKILL half-way, and the next one\n" +
			"goes on. It ends with a count that adds up, or with exit code 1. It reads no configuration and touches no other\n" +
			"database. --gateway has the simulator speak a provider's own API, to show its adapter.",
		Example: "  duly demo\n" +
			"  duly demo --verbose\n" +
			"  duly demo --gateway portone\n" +
			"  duly demo --keep",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo.Run(cmd.Context(), a.Session, demoRun(a), o)
		},
	}
	cmd.Flags().StringVar(&o.Gateway, "gateway", demo.Gateways()[0], "whose API the gateway speaks: `TYPE`; "+strings.Join(demo.Gateways(), ", "))
	cmd.Flags().BoolVar(&o.Keep, "keep", false, "hold the database and the gateway until Ctrl-C, and print how to look into them")
	cmd.Flags().BoolVar(&o.Verbose, "verbose", false, "print what every night prints, and every ending")
	cmd.Flags().Var(cli.Int{To: &o.Subscriptions}, "subscriptions", "how many subscriptions to enrol: `N`")
	cmd.Flags().Var(cli.Int{To: &o.Orders}, "orders", "how many orders to place: `N`; without any, no worker is killed")
	return cmd
}

// demoRun executes the command lines of a demo, beside which nothing waits for payments to settle.
func demoRun(a *app.Command) demo.Runner {
	return func(ctx context.Context, out, errs io.Writer, c *config.Config, shift time.Duration, args []string) (int, error) {
		run := newApp(demo.Surroundings(a.Screen.Env), out, errs)
		run.Loaded, run.Shift, run.Lag = c, shift, 0
		root := rootCommand(run)
		root.SetArgs(args)
		err := root.ExecuteContext(ctx)
		return run.Code, err
	}
}
