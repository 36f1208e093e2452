package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"duly/config"
	"duly/internal/app"
	"duly/internal/demo"
	"duly/internal/exit"
)

func demoCommand(a *app.Command) *cobra.Command {
	var keep bool
	var subscriptions, sold int
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole thing on a private database and a simulated gateway",
		Long: "Starts a private MariaDB in a temporary folder and a payments simulator with realistic faults, enrols\n" +
			"subscriptions, fills a shop with orders that were left half-way, and runs the nightly job on the due date and on\n" +
			"days 1, 3 and 5, by a clock of its own. It reads no configuration and touches no other database.",
		Example: "  duly demo\n" +
			"  duly demo --keep",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if subscriptions < 1 {
				return exit.Usagef("--subscriptions: at least 1")
			}
			if sold < 0 {
				return exit.Usagef("--orders: %d is negative", sold)
			}
			return demo.Run(cmd.Context(), a.Session, demoRun(a), subscriptions, sold, keep)
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the database up, and print how to look into it")
	cmd.Flags().IntVar(&subscriptions, "subscriptions", 2000, "how many subscriptions to enrol: `N`")
	cmd.Flags().IntVar(&sold, "orders", 500, "how many orders to place: `N`")
	return cmd
}

// demoRun executes the command lines of a demo, beside which nothing waits for payments to settle.
func demoRun(a *app.Command) demo.Runner {
	return func(ctx context.Context, c *config.Config, shift time.Duration, args []string) (int, error) {
		run := newApp(nil, a.Screen.Out, a.Screen.Err)
		run.Loaded, run.Shift, run.Lag = c, shift, 0
		root := rootCommand(run)
		root.SetArgs(args)
		err := root.ExecuteContext(ctx)
		return run.Code, err
	}
}
