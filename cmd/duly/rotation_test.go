package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
)

// With both secrets in its configuration the program's deliveries are taken by a receiver that knows only the old one.
func TestTheOutboxDuringARotation(t *testing.T) {
	t.Parallel()
	old, next := "whsec_"+strings.Repeat("QUJD", 8), "whsec_"+strings.Repeat("REVG", 8)
	verifier, err := standardwebhooks.NewWebhook(old)
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if verifier.Verify(body, r.Header) != nil {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(server.Close)
	s := newShop(t)
	s.exec(t, `INSERT INTO events (type, subject, payload) VALUES ('shop.greeting', 'customer:1', '{}')`)
	s.env = append(s.env, "DULY_OUTBOX_URL="+server.URL, "DULY_OUTBOX_SECRET="+next)
	after := *s
	after.env = slices.Clone(s.env)
	s.env = append(s.env, "DULY_OUTBOX_PREVIOUS_SECRET="+old)
	got := s.duly(t, "run", "outbox", "--json")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.NotContains(t, got.out+got.err, old)
	require.Equal(t, batch.ExitUsage, after.duly(t, "doctor", "--webhook").code, "the new secret alone is none of its own")
}
