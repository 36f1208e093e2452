package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"duly/config"
	"duly/internal/operator"
)

func stopCommand(ses *Session) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "stop RUN",
		Short: "Let a run drain and end, wherever it runs",
		Long: "Tells a run to stop, from any machine: with its next heartbeat (run.heartbeat) it\n" +
			"claims no more, finishes what is in flight within run.drain, and ends with exit 4.\n" +
			"Of a night it ends that one job; `duly pause nightly` ends all of it.",
		Example: "  duly stop 17 --reason \"the shop is being moved\"",
		Args:    cobra.ArbitraryArgs, ValidArgsFunction: completeRuns(ses, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withRun(cmd.Context(), ses, args, func(db *database, run uint64) error {
				business, err := ses.clock(cmd.Context(), db.DB)
				if err != nil {
					return err
				}
				action := do("stop", fmt.Sprintf("run:%d", run), reason)
				s, err := operator.Stop(cmd.Context(), db.DB, run, business(), action)
				return steered(ses.Screen, action, fmt.Sprintf("of %s on %s is told to stop", s.Job, s.Host), "it drains with its next heartbeat and ends with exit 4", err)
			})
		},
	}
	cmd.Flags().StringVar(&reason, flagReason, "", "why: a `TEXT` for those who ask later (default none)")
	return cmd
}

// throttleFlags are the flags of `duly throttle`.
type throttleFlags struct{ parallelism, rate, reason string }

func throttleCommand(ses *Session) *cobra.Command {
	var f throttleFlags
	cmd := &cobra.Command{
		Use:   "throttle RUN",
		Short: "Change the pace of a run, wherever it runs",
		Long: "Changes how many requests a run has open at once and how many it sends a second,\n" +
			"with its next heartbeat (run.heartbeat); what is in flight goes on. Both are for each\n" +
			"gateway, but for reconcile, where the first is for all of them together. A run never\n" +
			"gets faster than it was started: `none` gives that back. What is not given stays as\n" +
			"it is. Jobs that ask no gateway have no pace.",
		Example: "  duly throttle 17 --parallelism 5 --reason \"the provider asked for it\"\n" +
			"  duly throttle 17 --rate 20/s\n" +
			"  duly throttle 17 --parallelism none --rate none",
		Args: cobra.ArbitraryArgs, ValidArgsFunction: completeRuns(ses, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			parallelism, rate, err := f.read()
			if err != nil {
				return usage(err)
			}
			return withRun(cmd.Context(), ses, args, func(db *database, run uint64) error {
				business, err := ses.clock(cmd.Context(), db.DB)
				if err != nil {
					return err
				}
				action := do("throttle", fmt.Sprintf("run:%d", run), f.reason)
				action.Detail = map[string]string{"parallelism": f.parallelism, "rate": f.rate}
				s, err := operator.Throttle(cmd.Context(), db.DB, run, parallelism, rate, business(), action, asksGateways)
				return steered(ses.Screen, action, fmt.Sprintf("of %s on %s, new pace requested", s.Job, s.Host), pace(s.Control)+", with its next heartbeat", err)
			})
		},
	}
	cmd.Flags().StringVar(&f.parallelism, flagParallelism, "", "`N` requests at once, or none for what it was started with (default unchanged)")
	cmd.Flags().StringVar(&f.rate, flagRate, "", "at most `N/s` requests, such as 20/s, or none for what it was started with (default unchanged)")
	cmd.Flags().StringVar(&f.reason, flagReason, "", "why: a `TEXT` for those who ask later (default none)")
	return cmd
}

// asksGateways reports whether a job sends requests to gateways.
func asksGateways(job string) bool {
	w, known := findWork(job)
	return known && w.gateways
}

// read is the pace that was asked for; nil for what was not given, 0 for none.
func (f throttleFlags) read() (parallelism *int, rate *float64, err error) {
	var found []error
	if f.parallelism == "" && f.rate == "" {
		found = append(found, errors.New("say the pace: --parallelism 5, --rate 20/s, or none"))
	}
	if f.parallelism != "" {
		n := 0
		if f.parallelism != "none" {
			if n, err = strconv.Atoi(f.parallelism); err != nil || n < 1 {
				found = append(found, fmt.Errorf("--parallelism: %q is neither a whole number from 1 nor none; `duly stop` and `duly pause` hold all of it", f.parallelism))
			}
		}
		parallelism = &n
	}
	if f.rate != "" {
		n, err := config.ParseRate(f.rate)
		switch {
		case err != nil:
			found = append(found, fmt.Errorf("--rate: %w", err))
		case n == 0 && strings.TrimSpace(f.rate) != "none":
			found = append(found, fmt.Errorf("--rate: %q is no pace: `duly stop` and `duly pause` hold all of it; none gives it back", f.rate))
		}
		rate = &n
	}
	return parallelism, rate, errors.Join(found...)
}
