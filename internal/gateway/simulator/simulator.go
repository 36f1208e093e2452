// Package simulator stands in for payment providers. It moves no money: it has the operations of a provider in the provider's
// own dialect, a ledger that tests can read, and faults on demand. It serves tests, benchmarks, the demo and development.
//
// Package plan describes what payment methods such as "pm_ok" and "pm_drop_after" do, and package core how a dialect is
// written. Each dialect is a folder.
package simulator

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/httpapi"
	"duly/internal/gateway/simulator/kakaopay"
	"duly/internal/gateway/simulator/plan"
	"duly/internal/gateway/simulator/portone"
	"duly/internal/gateway/simulator/stripe"
	"duly/internal/gateway/simulator/toss"
)

// The types of the core, by the names that its users know.
type (
	// Simulator is a payment provider in memory.
	Simulator = core.Simulator
	// Config says how the provider behaves.
	Config = plan.Config
	// Latency is how long a request takes.
	Latency = plan.Latency
	// Shares are the shares of charges that end otherwise than well.
	Shares = plan.Shares
	// Pending says when pending payments are decided.
	Pending = plan.Pending
	// Faults are the shares of requests that go wrong.
	Faults = plan.Faults
	// Rise makes faults more frequent as a run goes on.
	Rise = plan.Rise
	// Window is a time of outage.
	Window = plan.Window
	// Entry is one payment of the ledger.
	Entry = core.Entry
	// Filter selects entries of the ledger.
	Filter = core.Filter
	// Stats counts requests, answers and faults.
	Stats = core.Stats
	// Fault is a kind of thing that goes wrong.
	Fault = plan.Fault
	// Control asks and orders a simulator in another process.
	Control = core.Control
)

// The kinds of fault; [plan.Faults] says what each does.
const (
	DropBefore   = plan.DropBefore
	DropAfter    = plan.DropAfter
	Err5xxBefore = plan.Err5xxBefore
	Err5xxAfter  = plan.Err5xxAfter
	TooMany      = plan.TooMany
	TooManyAfter = plan.TooManyAfter
	NotExecuted  = plan.NotExecuted
	Garbage      = plan.Garbage
	HalfBody     = plan.HalfBody
	Slow         = plan.Slow
	Late         = plan.Late
	Redirect     = plan.Redirect
	Conflict     = plan.Conflict
	Empty400     = plan.Empty400
	Empty404     = plan.Empty404
)

// Default is the dialect of New.
const Default = "httpapi"

// spoken are all that can be spoken.
func spoken() map[string]core.Dialect {
	return map[string]core.Dialect{
		Default: httpapi.New(), "portone": portone.New(), "stripe": stripe.New(), "toss": toss.New(), "kakaopay": kakaopay.New(),
	}
}

// Dialects lists the names of all dialects, the default first.
func Dialects() []string {
	names := []string{Default}
	for name := range spoken() {
		if name != Default {
			names = append(names, name)
		}
	}
	slices.Sort(names[1:])
	return names
}

// New makes a simulator that speaks docs/payments-api.yaml; see [core.New].
func New(cfg Config) *Simulator { return core.New(cfg, httpapi.New()) }

// About describes a dialect in a line; empty: there is none of that name.
func About(dialect string) string {
	return map[string]string{
		Default:    "docs/payments-api.yaml, the API of a service of the shop's own",
		"kakaopay": "KakaoPay's subscriptions, docs/kakaopay-api.yaml",
		"portone":  "PortOne V2, docs/portone-api.yaml",
		"stripe":   "Stripe's PaymentIntents, docs/stripe-api.yaml",
		"toss":     "Toss Payments, docs/toss-api.yaml",
	}[dialect]
}

// Speak makes a simulator that speaks a dialect; see [core.New]. The error says which there are.
func Speak(dialect string, cfg Config) (*Simulator, error) {
	d, ok := spoken()[dialect]
	if !ok {
		return nil, fmt.Errorf("dialect %q is none of %s", dialect, strings.Join(Dialects(), ", "))
	}
	return core.New(cfg, d), nil
}

// FaultNames lists all kinds of fault.
func FaultNames() []Fault { return plan.FaultNames() }

// Outcomes lists the outcomes that a payment method can name after "pm_".
func Outcomes() []string { return plan.Outcomes() }

// DefaultFaults spreads a share of requests that go wrong evenly over all kinds of fault.
func DefaultFaults(share float64) Faults { return plan.DefaultFaults(share) }

// Demo is a gateway on an ordinary day.
func Demo() Config { return plan.Demo() }

// NewControl returns a Control for the simulator at a base URL such as http://127.0.0.1:8090. The caller must close it.
func NewControl(baseURL string) *Control { return core.NewControl(baseURL) }

// Successes returns the entries that took money and have not been refunded in full, by reference.
func Successes(ledger iter.Seq[Entry]) map[string][]Entry { return core.Successes(ledger) }

// DoubleCharged returns the references that more than one entry took money for, in order of the second.
func DoubleCharged(ledger iter.Seq[Entry]) []string { return core.DoubleCharged(ledger) }
