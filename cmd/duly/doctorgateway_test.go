package main

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
)

// at is the shop with its gateway at another address.
func (s *shop) at(url string) *shop {
	other := *s
	other.env = nil
	for _, pair := range s.env {
		if !strings.HasPrefix(pair, "DULY_GATEWAYS_MAIN_URL=") {
			other.env = append(other.env, pair)
		}
	}
	other.env = append(other.env, "DULY_GATEWAYS_MAIN_URL="+url)
	return &other
}

// url is where the gateway of the shop is.
func (s *shop) url() string {
	for _, pair := range s.env {
		if url, ok := strings.CutPrefix(pair, "DULY_GATEWAYS_MAIN_URL="); ok {
			return url
		}
	}
	return ""
}

// another is a gateway that knows none of the shop's payments.
func another(t *testing.T) string {
	t.Helper()
	sim := simulator.New(simulator.Config{Token: secretToken})
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.Close(); server.Close() })
	return server.URL
}

// A payment that an operator names is looked up by its id and by its key before it is recorded.
func TestDoctorControl(t *testing.T) {
	s := newShop(t)
	id, err := s.sim.Inject(simulator.Entry{
		Key: "ord_7-1", Reference: "ord_7", CustomerID: "c", Method: "pm_ok", Amount: 500, Currency: "KRW", CreatedAt: time.Now().Add(-time.Hour),
	})
	require.NoError(t, err)
	declined, err := s.sim.Inject(simulator.Entry{
		Key: "ord_8-1", Reference: "ord_8", CustomerID: "c", Method: "pm_ok", Amount: 500, Currency: "KRW", Status: "declined", DeclineCode: "insufficient_funds",
	})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no such payment": {[]string{"main", "pay_none"}, "gateway main does not know payment pay_none"},
		"declined":        {[]string{"main", declined}, "is declined"},
		"no such gateway": {[]string{"gone", id}, `there is no gateway "gone" in the configuration`},
		"no payment":      {[]string{"main"}, "duly doctor --control main pay_123"},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.duly(t, append([]string{"doctor", "--control"}, c.args...)...)
			require.Equal(t, batch.ExitUsage, got.code)
			require.Contains(t, got.err, c.says)
		})
	}
	require.Zero(t, s.number(t, `SELECT COUNT(*) FROM gateway_controls`))
	for range 2 {
		got := s.duly(t, "doctor", "--control", "main", id, "--reason", "the first one")
		require.Equal(t, batch.ExitDone, got.code, got.err)
	}
	require.EqualValues(t, 1, s.number(t, `SELECT COUNT(*) FROM gateway_controls WHERE gateway_payment_id = ? AND idempotency_key = 'ord_7-1' AND amount = 500`, id))
	require.EqualValues(t, 2, s.number(t, `SELECT COUNT(*) FROM operator_actions WHERE action = 'control' AND subject = 'gateway:main' AND reason = 'the first one'`))
	require.Contains(t, s.duly(t, "doctor").out, "shows a payment that it took")
}

// Two addresses are joined by a payment that was taken at one and is shown at the other.
func TestDoctorMoved(t *testing.T) {
	s := newShop(t)
	s.enrol(t, "ok", 500)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	old := s.url()
	moved := httptest.NewServer(s.sim)
	t.Cleanup(moved.Close)

	wrong := s.at(another(t))
	failed := failing(t, wrong.duly(t, "doctor", "--json"))
	require.Equal(t, "gateway main", failed.Check)
	require.Contains(t, failed.Detail, "duly doctor --moved main "+old)
	got := wrong.duly(t, "doctor", "--moved", "main", old)
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, "that is another account")

	right := s.at(moved.URL)
	require.Contains(t, right.duly(t, "doctor", "--moved", "main", "https://never.example.com").err, "nothing was sent to gateway main at https://never.example.com")
	got = right.duly(t, "doctor", "--moved", "main", old)
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.out, "they are one account")
	require.Contains(t, right.duly(t, "doctor").out, "shows a payment that it took")
	require.EqualValues(t, 1, s.number(t, `SELECT COUNT(*) FROM gateway_accounts WHERE joined_to IS NOT NULL`))
	require.EqualValues(t, 1, s.number(t, `SELECT COUNT(*) FROM operator_actions WHERE action = 'moved'`))
	require.Contains(t, right.duly(t, "doctor", "--moved", "main", old).err, "is today's account already")
}
