package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"duly/internal/gateway/simulator"
	"duly/internal/gateway/simulator/pace"
)

// options are the flags.
type options struct {
	listen     string
	dialect    string
	configFile string
	demo       bool
	token      string
	seed       uint64
	latency    time.Duration
	median     time.Duration
	p99        time.Duration
	knee       int
	slow       pace.Slowdown
	faults     float64
	keyLife    time.Duration
	noKeys     bool
	noFind     bool
	rateLimit  int
}

func command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "gatewaysim",
		Short: "A payment service that moves no money",
		Long: `gatewaysim stands in for a payment provider: it serves docs/payments-api.yaml, or another API with --dialect, from
memory, with the latency, outcomes and faults that it is told.
The first line on standard output is "listening on http://ADDRESS". On SIGTERM or SIGINT
it answers the requests that it is serving, without further delay, and exits 0. With wrong arguments, or when it
cannot listen, it exits 2.

A payment method says how its charges end: pm_ok, pm_insufficient_funds, pm_stolen_card, pm_soft_2_then_ok,
pm_drop_after, pm_pending_then_ok, ...; what follows a colon is free: pm_ok:42. Other methods succeed, or end
by the shares in the configuration. pm_error_paid, pm_error_declined and pm_error_nothing answer with the provider's own
error, which portone and toss repeat to the same key.

Dialects:
` + dialects() + `
While it runs, whatever the dialect:
  GET  /_sim/health           200 when it is up
  GET  /_sim/ledger           every executed payment, one JSON object a line; ?reference= ?key= ?status= select
  GET  /_sim/stats            requests, answers, faults, concurrency, service time
  GET  /_sim/requests         charge requests by idempotency key
  GET  /_sim/change-requests  cancel and refund requests by idempotency key
  GET  /_sim/body-violations  keys under which different bytes were sent
  POST /_sim/payments         put a payment into the books; PATCH /_sim/payments/{id} changes one by hand
  POST /_sim/advance?d=25h    move its clock on
  POST /_sim/forget           forget every idempotency key
  GET  /_sim/config           the configuration, as in --config; PUT replaces it, PATCH changes what it names`,
		Example: `  gatewaysim --listen 127.0.0.1:0 --median 150ms --p99 1.2s --faults 0.05 --seed 7
  gatewaysim --dialect toss --token test_sk_1 --demo
  gatewaysim --latency 100ms --knee 40 --slow-after 1m --slow-knee 20
  gatewaysim --config sim.json    # {"shares": {"soft": 0.1}, "faults": {"drop_after": 0.02}, "key_life": "24h"}`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.config(cmd.Flags().Changed)
			if err != nil {
				return err
			}
			sim, err := simulator.Speak(o.dialect, cfg)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), o.listen, sim, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.listen, "listen", "127.0.0.1:8090", "address to listen on; port 0 takes a free one")
	f.StringVar(&o.dialect, "dialect", simulator.Default, "API that is spoken: "+strings.Join(simulator.Dialects(), ", "))
	f.StringVar(&o.configFile, "config", "", "JSON file with the configuration; flags win over it")
	f.BoolVar(&o.demo, "demo", false, "begin from the demo's configuration: some declines, a few faults")
	f.StringVar(&o.token, "token", "", "secret that requests must carry, as the dialect's provider wants it (default none)")
	f.Uint64Var(&o.seed, "seed", 0, "source of all randomness")
	f.DurationVar(&o.latency, "latency", 0, "fixed latency of every request")
	f.DurationVar(&o.median, "median", 0, "median of the log-normal latency, added to the fixed one")
	f.DurationVar(&o.p99, "p99", 0, "99th percentile of the log-normal latency")
	f.IntVar(&o.knee, "knee", 0, "requests at once that are served at full speed; with more, each takes (open/knee)² as long (default any number)")
	f.DurationVar(&o.slow.After, "slow-after", 0, "how long after the start the gateway slows down, as --slow-factor and --slow-knee say (default never)")
	f.Float64Var(&o.slow.Factor, "slow-factor", 0, "what the latency is multiplied by once it has slowed down (default 1)")
	f.IntVar(&o.slow.Knee, "slow-knee", 0, "--knee once it has slowed down (default the same)")
	f.Float64Var(&o.faults, "faults", 0, "share of charges, 0 to 1, that go wrong, spread over all kinds of fault")
	f.DurationVar(&o.keyLife, "key-life", 0, "how long idempotency keys are remembered (default as long as the provider does, for ever in httpapi)")
	f.BoolVar(&o.noKeys, "no-keys", false, "ignore idempotency keys")
	f.BoolVar(&o.noFind, "no-find", false, "no look-up by key")
	f.IntVar(&o.rateLimit, "rate-limit", 0, "requests a second that are served (default no limit)")
	return cmd
}

// dialects describes each dialect in a line.
func dialects() string {
	var b strings.Builder
	for _, name := range simulator.Dialects() {
		fmt.Fprintf(&b, "  %-9s %s\n", name, simulator.About(name))
	}
	return b.String()
}

// config puts the configuration together: a preset, then the file, then the flags that were given.
func (o *options) config(given func(flag string) bool) (simulator.Config, error) {
	var cfg simulator.Config
	if o.demo {
		cfg = simulator.Demo()
		if o.dialect != simulator.Default {
			cfg.KeyLife = 0 // that of the provider
		}
	}
	if o.configFile != "" {
		text, err := os.ReadFile(o.configFile)
		if err != nil {
			return cfg, err
		}
		if err := json.Unmarshal(text, &cfg); err != nil {
			return cfg, fmt.Errorf("%s: %w", o.configFile, err)
		}
	}
	for flag, apply := range map[string]func(){
		"token":       func() { cfg.Token = o.token },
		"seed":        func() { cfg.Seed = o.seed },
		"latency":     func() { cfg.Latency.Fixed = o.latency },
		"median":      func() { cfg.Latency.Median = o.median },
		"p99":         func() { cfg.Latency.P99 = o.p99 },
		"knee":        func() { cfg.Knee = o.knee },
		"slow-after":  func() { cfg.Slowdown.After = o.slow.After },
		"slow-factor": func() { cfg.Slowdown.Factor = o.slow.Factor },
		"slow-knee":   func() { cfg.Slowdown.Knee = o.slow.Knee },
		"faults":      func() { cfg.Faults = simulator.DefaultFaults(o.faults) },
		"key-life":    func() { cfg.KeyLife = o.keyLife },
		"no-keys":     func() { cfg.NoKeys = o.noKeys },
		"no-find":     func() { cfg.NoFind = o.noFind },
		"rate-limit":  func() { cfg.RateLimit = o.rateLimit },
	} {
		if given(flag) {
			apply()
		}
	}
	cfg.Now = time.Now
	return cfg, cfg.Validate()
}
