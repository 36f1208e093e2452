package network_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/billing/network"
	"duly/internal/payment"
)

// Where a payment method need not be one card, no number of tries holds it up; elsewhere the same tries do.
func TestMethodsThatAreNoCards(t *testing.T) {
	l := &network.Ledger{
		Rules: network.Rules{On: true, Ceilings: network.Ceilings{Visa30d: 15, Mastercard30d: 35, Mastercard24h: 10, Unknown30d: 15, Unknown24h: 10}, Uncounted: map[string]bool{"main": true}},
		Now:   time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC),
	}
	take := func(gateway string) (held int) {
		for range 100 {
			if l.Take(network.Key{Gateway: gateway, Method: "card", Money: payment.Money{Amount: 100, Currency: "KRW"}}, 0).Held() {
				held++
			}
		}
		return held
	}
	require.Zero(t, take("main"))
	require.NotZero(t, take("other"))
	require.False(t, l.Rules.Counts("main"))
	require.True(t, l.Rules.Counts("other"))
}
