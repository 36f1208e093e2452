package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
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
	t.Parallel()
	s := newShop(t)
	id, err := s.sim.Inject(simulator.Entry{
		Key: "ord_7-1", Reference: "ord_7", CustomerID: "c", Method: "pm_ok", Amount: 500, Currency: "KRW", CreatedAt: time.Now().Add(-time.Hour),
	})
	require.NoError(t, err)
	declined, err := s.sim.Inject(simulator.Entry{
		Key: "ord_8-1", Reference: "ord_8", CustomerID: "c", Method: "pm_ok", Amount: 500, Currency: "KRW", Status: "declined", DeclineCode: "insufficient_funds",
	})
	require.NoError(t, err)
	early, err := s.sim.Inject(simulator.Entry{
		Key: "ord_9-1", Reference: "ord_9", CustomerID: "c", Method: "pm_ok", Amount: 500, Currency: "KRW", CreatedAt: time.Now().Add(time.Hour),
	})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no such payment": {[]string{"main", "pay_none"}, "gateway main does not know payment pay_none"},
		"declined":        {[]string{"main", declined}, "is declined"},
		"no such gateway": {[]string{"gone", id}, `unknown gateway "gone": it is main`},
		"yet to come":     {[]string{"main", early}, "which is to come"},
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
	require.Contains(t, s.duly(t, "doctor", "--verbose").out, "shows a payment that it took")
}

// Refused credentials are mended where they are configured, whatever the provider calls them.
func TestDoctorNamesRefusedCredentials(t *testing.T) {
	t.Parallel()
	const wrong = "test_sk_of-another"
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte(wrong), 0o600))
	byFile, byValue := "DULY_GATEWAYS_MAIN_TOKEN_FILE="+file, "DULY_GATEWAYS_MAIN_TOKEN="
	for _, c := range []struct{ kind, token, mend string }{
		{"toss", byValue + wrong, "correct gateways.main.token"},
		{"toss", byFile, "correct gateways.main.token_file"},
		{"portone", byValue + wrong, "correct gateways.main.token"},
		{"stripe", byValue + "sk_test_other", "correct gateways.main.token"},
		{"kakaopay", byValue + wrong, "correct gateways.main.token or gateways.main.cid"},
	} {
		sim, err := simulator.Speak(c.kind, simulator.Config{Token: secretToken})
		require.NoError(t, err)
		server := httptest.NewServer(sim)
		t.Cleanup(func() { server.Close(); sim.Close() })
		env := []string{"DULY_GATEWAYS_MAIN_TYPE=" + c.kind, "DULY_GATEWAYS_MAIN_URL=" + server.URL, "DULY_RUN_LEASE=2m", c.token}
		if c.kind == "kakaopay" {
			env = append(env, "DULY_GATEWAYS_MAIN_CID=TCSUBSCRIP")
		}
		s := &shop{each: same, env: env}
		require.Equal(t, c.mend, check(t, s.duly(t, "doctor", "--json"), "gateway main").Mend, c)
	}
}

// KakaoPay without PortOne works, and leaves more to people: doctor says what would not.
func TestDoctorRecommendsPortOneForKakaoPay(t *testing.T) {
	t.Parallel()
	sim, err := simulator.Speak("kakaopay", simulator.Config{Token: secretToken})
	require.NoError(t, err)
	server := httptest.NewServer(sim)
	t.Cleanup(func() { server.Close(); sim.Close() })
	s := &shop{each: same, env: []string{
		"DULY_GATEWAYS_MAIN_TYPE=kakaopay", "DULY_GATEWAYS_MAIN_URL=" + server.URL, "DULY_RUN_LEASE=2m", "DULY_GATEWAYS_MAIN_TOKEN=" + secretToken, "DULY_GATEWAYS_MAIN_CID=TCSUBSCRIP",
	}}
	require.Contains(t, check(t, s.duly(t, "doctor", "--json"), "gateway main").Detail, "its channel at PortOne (type portone) has both")
}

// Two addresses are joined by a payment that was taken at one and is shown at the other.
func TestDoctorMoved(t *testing.T) {
	t.Parallel()
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
	require.Contains(t, right.duly(t, "doctor", "--verbose").out, "shows a payment that it took")
	require.EqualValues(t, 1, s.number(t, `SELECT COUNT(*) FROM gateway_accounts WHERE joined_to IS NOT NULL`))
	require.EqualValues(t, 1, s.number(t, `SELECT COUNT(*) FROM operator_actions WHERE action = 'moved'`))
	require.Contains(t, right.duly(t, "doctor", "--moved", "main", old).err, "is today's account already")
}

// copied is the address of a copy of the shop's gateway that lacks the payments of those places; they are counted from 0.
func (s *shop) copied(t *testing.T, without ...int) string {
	t.Helper()
	sim := simulator.New(simulator.Config{Token: secretToken})
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.Close(); server.Close() })
	for i, e := range s.sim.Ledger() {
		id := e.ID
		if slices.Contains(without, i) {
			e.Key, e.Reference = fmt.Sprintf("other-%d", i), "other"
		}
		got, err := sim.Inject(e)
		require.NoError(t, err)
		require.Equal(t, id, got)
	}
	return server.URL
}

// All of the newest payments must be shown: an old copy of the account shows all that are older than itself. The one that is missing
// is named.
func TestDoctorMovedAsksForTheNewest(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for range 4 {
		s.enrol(t, "ok", 500)
		require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	}
	ledger := s.sim.Ledger()
	require.Len(t, ledger, 4)
	old := s.url()
	for missing := 1; missing < 4; missing++ {
		got := s.at(s.copied(t, missing)).duly(t, "doctor", "--moved", "main", old)
		require.Equal(t, batch.ExitUsage, got.code)
		require.Contains(t, got.err, "does not show payment "+ledger[missing].ID+", which it took at "+old)
	}
	require.Zero(t, s.number(t, `SELECT COUNT(*) FROM gateway_accounts WHERE joined_to IS NOT NULL`))
	require.Zero(t, s.number(t, `SELECT COUNT(*) FROM operator_actions WHERE action = 'moved'`))
	got := s.at(s.copied(t, 0)).duly(t, "doctor", "--moved", "main", old)
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.out, "payment "+ledger[3].ID+" at gateway main: it and 2 payments before it were taken at "+old)
}

// The payments of orders that duly settled, and those that an operator has shown, prove an address as charges do.
func TestDoctorMovedOfAShopOfOrders(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.order(t, "pending", payment.Succeeded)
	s.exec(t, "UPDATE products SET stock = 1000")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "reconcile").code)
	require.EqualValues(t, 1, s.number(t, `SELECT COUNT(*) FROM bookings WHERE proof = 'look_up'`))
	old := s.url()
	got := s.at(another(t)).duly(t, "doctor", "--moved", "main", old)
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, "does not show payment "+s.sim.Ledger()[0].ID)
	got = s.at(s.copied(t)).duly(t, "doctor", "--moved", "main", old)
	require.Equal(t, batch.ExitDone, got.code, got.err)
}

// What was joined by mistake is taken back, whichever of the addresses the gateway is called at by then, and that is recorded.
func TestDoctorMovedIsUndone(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "ok", 500)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	right := s.at(s.copied(t))
	joined := func() int64 {
		return s.number(t, `SELECT COUNT(*) FROM gateway_accounts WHERE joined_to IS NOT NULL`)
	}
	join := func() {
		t.Helper()
		require.Equal(t, batch.ExitDone, right.duly(t, "doctor", "--moved", "main", s.url()).code)
		require.EqualValues(t, 1, joined())
	}
	refused := func(from *shop, says string, args ...string) {
		t.Helper()
		got := from.duly(t, append([]string{"doctor"}, args...)...)
		require.Equal(t, batch.ExitUsage, got.code)
		require.Contains(t, got.err, says)
	}
	refused(right, "nothing was sent to gateway main at https://never.example.com", "--moved", "main", "https://never.example.com", "--undo", "--reason", "why")
	refused(right, "is not joined to "+right.url(), "--moved", "main", s.url(), "--undo", "--reason", "why")
	join()
	refused(right, "--reason: say why", "--moved", "main", s.url(), "--undo")
	refused(right, "--undo: it takes back --moved", "--undo", "--reason", "why")
	for name, c := range map[string]struct {
		from *shop
		url  string
	}{"at the new address": {right, s.url()}, "at the old address": {s, right.url()}} {
		if joined() == 0 {
			join()
		}
		got := c.from.duly(t, "doctor", "--moved", "main", c.url, "--undo", "--reason", "a copy")
		require.Equal(t, batch.ExitDone, got.code, "%s: %s", name, got.err)
		require.Contains(t, got.out, "are two accounts again")
		require.Zero(t, joined(), name)
	}
	require.EqualValues(t, 2, s.number(t, `SELECT COUNT(*) FROM operator_actions WHERE action = 'unmoved' AND subject = 'gateway:main' AND reason = 'a copy'`))
	require.Contains(t, failing(t, right.duly(t, "doctor", "--json")).Detail, "duly doctor --moved main "+s.url())
}

// A prefix that a run refuses to start with is no healthy configuration.
func TestDoctorKnowsTheKeyPrefix(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "ok", 500)
	other := *s
	other.env = append([]string{"DULY_GATEWAYS_MAIN_KEY_PREFIX=b-"}, s.env...)
	require.Equal(t, batch.ExitDone, other.duly(t, "doctor").code, "nothing was charged yet")
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	s.exec(t, "UPDATE claim_probe SET claimed_by = NULL, claimed_at = NULL") // as every doctor claims them
	before := s.tables(t)
	failed := failing(t, other.duly(t, "doctor", "--json"))
	require.Equal(t, "gateway main", failed.Check)
	require.Contains(t, failed.Detail, `gateways.main.key_prefix: "b-"`)
	require.Contains(t, failed.Mend, "duly run billing refuses to start with it")
	s.exec(t, "UPDATE claim_probe SET claimed_by = NULL, claimed_at = NULL")
	require.Equal(t, before, s.tables(t), "it stores nothing")
	got := other.duly(t, "run", "billing")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, failed.Detail)
	require.Equal(t, batch.ExitDone, s.duly(t, "doctor").code)
}
