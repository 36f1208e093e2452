package canned

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/payment"
)

// Charger is the part of a gateway that charges.
type Charger interface {
	Charge(context.Context, payment.Charge) payment.Outcome
}

// FollowsNothing holds the client that open makes for an address to it that a charge follows no redirect, and that one which its caller
// gives up is no fault of the provider's.
func FollowsNothing(t *testing.T, open func(url string) Charger, charge payment.Charge) {
	t.Helper()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("followed") }))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		client := open(Serve(t, Reply(status, "", "Location", elsewhere.URL)).URL)
		require.True(t, client.Charge(t.Context(), charge).Unreadable)
	}
	hold := make(chan struct{})
	defer close(hold)
	client := open(Serve(t, func(http.ResponseWriter, *http.Request) { <-hold }).URL)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	o := client.Charge(ctx, charge)
	require.Equal(t, payment.Outcome{Kind: o.Kind, Reason: "called off"}, o)
}
