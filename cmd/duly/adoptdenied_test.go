package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/simulator"
)

// forgetful is a gateway that answers 404 for the payments it is told to hide, by id and key, and lists none while it hides some.
type forgetful struct {
	next http.Handler

	mu     sync.Mutex
	hidden []string
	all    bool
}

func (v *forgetful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	hidden := v.all
	for _, name := range v.hidden {
		hidden = hidden || strings.HasSuffix(r.URL.Path, "/"+name)
	}
	unlisted := len(v.hidden) > 0 && r.URL.Path == "/v1/payments" && r.Method == http.MethodGet
	v.mu.Unlock()
	switch {
	case unlisted:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"data":[]}`))
		return
	case hidden:
		r.URL.Path = "/v1/payments/elsewhere"
	}
	v.next.ServeHTTP(w, r)
}

func (v *forgetful) hide(all bool, names ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.all, v.hidden = all, names
}

// lostAndUnlisted makes a shop whose database has lost three charges, as its gateway listed them, and whose gateway does not show the
// second of them any more.
func lostAndUnlisted(t *testing.T) (*shop, *forgetful, simulator.Entry) {
	t.Helper()
	s := newShop(t)
	v := &forgetful{next: s.sim}
	server := httptest.NewServer(v)
	t.Cleanup(server.Close)
	s.env = append(s.env, "DULY_GATEWAYS_MAIN_URL="+server.URL)
	for range 3 {
		s.enrol(t, "ok", 100)
		require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	}
	gone := s.sim.Ledger()[1]
	s.loseHistory(t)
	require.Equal(t, batch.ExitFailed, s.duly(t, "run", "billing").code)
	v.hide(false, gone.ID, gone.Key)
	return s, v, gone
}

// A charge that was listed once and is never shown again does not stop its gateway for ever: it is left to an operator, who is
// shown first what would become of it.
func TestAdoptWhatIsNotShown(t *testing.T) {
	t.Parallel()
	s, _, gone := lostAndUnlisted(t)
	got := s.duly(t, "adopt", "main", "--reason", "restored")
	require.Equal(t, batch.ExitUsage, got.code)
	command := "duly adopt main --key " + gone.Key + " --not-shown"
	require.Contains(t, got.err, command)
	require.Equal(t, batch.ExitFailed, s.duly(t, "run", "billing").code, "the gateway is sent nothing")

	before := s.tables(t)
	plan := s.duly(t, words(command)[1:]...)
	require.Equal(t, batch.ExitDone, plan.code, plan.err)
	require.Contains(t, strings.Join(strings.Fields(plan.out), " "), "gateway main listed payment "+gone.ID+" (succeeded) and does not know it now")
	require.Contains(t, plan.out, "next: "+command+` --reason "…"`)
	require.Equal(t, before, s.tables(t), "a plan changes nothing")

	got = s.duly(t, append(words(command)[1:], "--reason", "not on the provider's page")...)
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.EqualValues(t, 1, s.number(t, "SELECT COUNT(*) FROM operator_actions WHERE action = 'adopt' AND reason = 'not on the provider''s page' AND detail LIKE '%not_shown%'"))
	attempt := s.number(t, "SELECT id FROM payment_attempts WHERE idempotency_key = ? AND status = 'review' AND gateway_payment_id IS NULL", gone.Key)

	// The gateway goes on, and the period waits for an operator.
	other := s.enrol(t, "ok", 100)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.EqualValues(t, 1, s.number(t, "SELECT COUNT(*) FROM invoices WHERE subscription_id = ? AND status = 'paid'", other))
	require.EqualValues(t, 1, s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'review'"))
	require.Len(t, s.sim.Ledger(), 4)
	resolve := []string{"resolve", "attempt", fmt.Sprint(attempt), "--as", "not_executed", "--reason", "the provider has no such payment"}
	got = s.duly(t, resolve...)
	require.Equal(t, batch.ExitUsage, got.code, "a request may still arrive")
	s.exec(t, "UPDATE payment_attempts SET created_at = created_at - INTERVAL 30 DAY, sent_by = created_at, settled_at = created_at WHERE id = ?", attempt)
	got = s.duly(t, resolve...)
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.EqualValues(t, 1, s.number(t, "SELECT COUNT(*) FROM invoices i JOIN payment_attempts a ON a.invoice_id = i.id WHERE i.status = 'paid' AND a.idempotency_key = ? AND a.status = 'succeeded'",
		strings.TrimSuffix(gone.Key, "-1")+"-2"))
}

// What is listed again is unknown again, whatever an operator said meanwhile.
func TestWhatIsListedAgainIsUnknownAgain(t *testing.T) {
	t.Parallel()
	s, v, gone := lostAndUnlisted(t)
	require.Equal(t, batch.ExitUsage, s.duly(t, "adopt", "main", "--reason", "restored").code)
	require.Equal(t, batch.ExitDone, s.duly(t, "adopt", "main", "--key", gone.Key, "--not-shown", "--reason", "not there").code)
	attempt := s.number(t, "SELECT id FROM payment_attempts WHERE idempotency_key = ?", gone.Key)
	s.exec(t, "UPDATE payment_attempts SET created_at = created_at - INTERVAL 30 DAY, sent_by = created_at, settled_at = created_at WHERE id = ?", attempt)
	require.Equal(t, batch.ExitDone, s.duly(t, "resolve", "attempt", fmt.Sprint(attempt), "--as", "not_executed", "--reason", "the provider has no such payment").code)
	v.hide(false)
	got := s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitFailed, got.code, got.out)
	require.Contains(t, got.out+got.err, "duly adopt main")
	require.Len(t, s.sim.Ledger(), 3)
	require.Equal(t, batch.ExitDone, s.duly(t, "adopt", "main", "--reason", "it is there again").code)
	require.EqualValues(t, 3, s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid'"))
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Empty(t, s.sim.DoubleCharged())
}

// A gateway that shows nothing, or not what it took, is not believed; one that shows the charge after all is.
func TestNotShownIsVerified(t *testing.T) {
	t.Parallel()
	s, v, gone := lostAndUnlisted(t)
	deny := func(args ...string) ended {
		return s.duly(t, append([]string{"adopt", "main", "--key", gone.Key, "--not-shown", "--reason", "not there"}, args...)...)
	}
	refuses := func(why string, got ended) {
		t.Helper()
		require.Equal(t, batch.ExitUsage, got.code, got.out)
		require.Contains(t, got.err, why)
	}
	before := s.tables(t)
	refuses("shows no payment of ours by which this can be believed", deny())
	refuses("--not-shown: say which charges, by --key", s.duly(t, "adopt", "main", "--not-shown"))
	require.Equal(t, before, s.tables(t))

	require.Equal(t, batch.ExitUsage, s.duly(t, "adopt", "main", "--reason", "restored").code)
	before = s.tables(t)
	v.hide(true)
	refuses("gateway main does not show payment pay_", deny())
	v.hide(false, gone.ID)
	got := deny("--dry-run")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.out, "paid")
	require.Equal(t, before, s.tables(t))

	v.hide(false)
	got = deny()
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.EqualValues(t, 3, s.number(t, "SELECT COUNT(*) FROM invoices WHERE status = 'paid'"), "it is shown, and adopted as it is")
}
