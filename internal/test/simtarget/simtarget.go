// Package simtarget puts the simulator of a provider behind an adapter, for the suite of gatewaytest.
package simtarget

import (
	"context"
	"fmt"
	"maps"
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
	// Customer owns the methods; empty: customer-7.
	Customer string
	// Traits say how the provider differs from docs/payments-api.yaml.
	Traits gatewaytest.Traits
	// Words are methods of the simulator that stand for a behaviour better than the ordinary ones do.
	Words map[gatewaytest.Behaviour]string
	// Derive makes what the provider knows a change by of its key; nil: it is the key.
	Derive func(key string) string
	// Open makes the adapter.
	Open func(Provider) (gateway.Gateway, error)
}

// Provider is what an adapter is opened with.
type Provider struct {
	URL, Token string
	// Timeout is how long it waits for an answer.
	Timeout time.Duration
	// Now is the provider's clock.
	Now func() time.Time
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
	adapter, err := o.Open(Provider{server.URL, config.Token, timeout, sim.Now})
	require.NoError(t, err)
	t.Cleanup(adapter.Close)
	if o.Money == (payment.Money{}) {
		o.Money = payment.Money{Amount: 12900, Currency: "KRW"}
	}
	if o.Prefix == "" {
		o.Prefix = "ct_"
	}
	if o.Customer == "" {
		o.Customer = "customer-7"
	}
	if o.Derive == nil {
		o.Derive = func(key string) string { return key }
	}
	words := methods()
	maps.Copy(words, o.Words)
	return &gatewaytest.Target{
		Gateway:         adapter,
		Method:          func(b gatewaytest.Behaviour) string { return words[b] },
		Customer:        o.Customer,
		GatewayCustomer: o.GatewayCustomer,
		Money:           o.Money,
		Prefix:          o.Prefix,
		Books: func(_ context.Context, reference string) ([]payment.Payment, error) {
			return books(sim, reference), nil
		},
		Requests: func(key string) int { return sim.Requests()[key] },
		BytesDiffered: func(key string) bool {
			differed := sim.BodyViolations()
			return slices.Contains(differed, key) || slices.Contains(differed, o.Derive(key))
		},
		BreakLookUps: func(b gatewaytest.Behaviour) {
			sim.Update(func(c *simulator.Config) { c.LookupFaults = lookUps()[b] })
		},
		BreakChanges: func(b gatewaytest.Behaviour) {
			sim.Update(func(c *simulator.Config) {
				c.ChangeFaults = changes()[b]
				c.ChangeFaults.First = 1
			})
		},
		ChangeRequests: func(key string) int { return sim.ChangeRequests()[o.Derive(key)] },
		Plant: func(_ context.Context, n int) error {
			for i := range n {
				key := fmt.Sprintf("planted_%d", i)
				if _, err := sim.Inject(simulator.Entry{Key: key, Reference: key, CustomerID: o.Customer, Amount: o.Money.Amount, Currency: o.Money.Currency}); err != nil {
					return err
				}
			}
			return nil
		},
		Pass:   sim.Advance,
		Traits: o.Traits,
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
