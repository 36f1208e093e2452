// Package simtarget puts the simulator of a provider behind an adapter, for the suite of gatewaytest.
package simtarget

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/gateway/gatewaytest"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
)

// Options are what targets differ in. The zero value speaks docs/payments-api.yaml.
type Options struct {
	// Dialect is what the simulator speaks.
	Dialect string
	// Change, if it is not nil, changes the simulator.
	Change func(*simulator.Config)
	// GatewayCustomer is the second identifier of the methods; empty: there is none.
	GatewayCustomer string
	// Prefix begins every key; empty: ct_.
	Prefix string
	// Money is what is charged; zero: 12,900 KRW.
	Money payment.Money
	// Open makes the adapter for a provider at a URL, whose token is "secret". It waits for an answer for timeout.
	Open func(url string, timeout time.Duration) (gateway.Gateway, error)
}

// Open starts a simulator of its own for a case, and puts the adapter before it.
func Open(t *testing.T, o Options, c gatewaytest.Case) *gatewaytest.Target {
	t.Helper()
	config := simulator.Config{Token: "secret", Faults: simulator.Faults{SlowBy: time.Minute, LateBy: gatewaytest.LateBy}}
	if o.Change != nil {
		o.Change(&config)
	}
	if o.Dialect == "" {
		o.Dialect = simulator.Default
	}
	sim, err := simulator.Speak(o.Dialect, config)
	require.NoError(t, err)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	t.Cleanup(sim.Close)

	timeout := 20 * time.Second
	if c.Name == string(gatewaytest.Slow) {
		timeout = 600 * time.Millisecond
	}
	adapter, err := o.Open(server.URL, timeout)
	require.NoError(t, err)
	t.Cleanup(adapter.Close)
	if o.Money == (payment.Money{}) {
		o.Money = payment.Money{Amount: 12900, Currency: "KRW"}
	}
	if o.Prefix == "" {
		o.Prefix = "ct_"
	}
	words := methods()
	return &gatewaytest.Target{
		Gateway:         adapter,
		Method:          func(b gatewaytest.Behaviour) string { return words[b] },
		Customer:        "customer-7",
		GatewayCustomer: o.GatewayCustomer,
		Money:           o.Money,
		Prefix:          o.Prefix,
		Books: func(_ context.Context, reference string) ([]payment.Payment, error) {
			return books(sim, reference), nil
		},
		Requests:      func(key string) int { return sim.Requests()[key] },
		BytesDiffered: func(key string) bool { return slices.Contains(sim.BodyViolations(), key) },
		BreakLookUps: func(b gatewaytest.Behaviour) {
			sim.Update(func(c *simulator.Config) { c.LookupFaults = lookUps()[b] })
		},
		BreakChanges: func(b gatewaytest.Behaviour) {
			sim.Update(func(c *simulator.Config) {
				c.ChangeFaults = changes()[b]
				c.ChangeFaults.First = 1
			})
		},
		ChangeRequests: func(key string) int { return sim.ChangeRequests()[key] },
		Plant: func(_ context.Context, n int) error {
			for i := range n {
				key := fmt.Sprintf("planted_%d", i)
				if _, err := sim.Inject(simulator.Entry{Key: key, Reference: key, CustomerID: "customer-7", Amount: 1, Currency: o.Money.Currency}); err != nil {
					return err
				}
			}
			return nil
		},
		Pass: sim.Advance,
	}
}

// books are the simulator's payments of a reference.
func books(sim *simulator.Simulator, reference string) []payment.Payment {
	var found []payment.Payment
	for e := range sim.Entries() {
		if e.Reference == reference {
			found = append(found, payment.Payment{
				ID: e.ID, Status: e.Status, Key: e.Key, Reference: e.Reference, CustomerID: e.CustomerID,
				Money: payment.Money{Amount: e.Amount, Currency: e.Currency}, Refunded: e.Refunded,
			})
		}
	}
	return found
}
