package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/contract"
	"duly/internal/gateway/gatewaytest/outside"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
)

// conformance is the document of `doctor --conformance`.
type conformance struct {
	Gateway    string `json:"gateway"`
	Type       string `json:"type"`
	Address    string `json:"address"`
	Account    string `json:"account"`
	Stated     string `json:"stated"`
	Conforms   bool   `json:"conforms"`
	Holds      int    `json:"holds"`
	Broken     int    `json:"broken"`
	NotChecked int    `json:"not_checked"`
	outside.Report
}

// apart is a payment service that the shop's database knows nothing of, and a configuration without a database.
func apart(t *testing.T, c simulator.Config, wrong func(http.Handler) http.Handler) (s *shop, sim *simulator.Simulator) {
	t.Helper()
	c.Token = secretToken
	sim = simulator.New(c)
	var handler http.Handler = sim
	if wrong != nil {
		handler = wrong(sim)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(func() { server.Close(); sim.Close() })
	return &shop{each: same, env: []string{"DULY_GATEWAYS_MAIN_URL=" + server.URL, "DULY_GATEWAYS_MAIN_TOKEN=" + secretToken}}, sim
}

func conform(t *testing.T, s *shop, args ...string) ended {
	t.Helper()
	return s.duly(t, append([]string{"doctor", "--conformance", "main"}, args...)...)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	s, sim := apart(t, simulator.Config{}, nil)
	all := []string{"--sandbox", "--customer", "customer-of-the-sandbox"}
	for _, pair := range []string{
		"ok=pm_ok", "declined=pm_stolen_card", "soft=pm_insufficient_funds", "hard=pm_stolen_card", "action=pm_expired_card", "try_later=pm_try_later", "pending=pm_pending",
		"pending_then_ok=pm_pending_1_then_ok", "rejected=pm_reject",
	} {
		all = append(all, "--method", pair)
	}
	got := conform(t, s, all...)
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
	require.Contains(t, got.out, "· sandbox · at most 30 payments of 1,000 KRW, all refunded · at most 10m")
	require.Contains(t, got.out, "\n✓ lost answer\n")
	require.Contains(t, got.out, "– faults of the service       not checked: nobody can plant them from outside: ")
	require.Regexp(t, `\n✓ main: of 30 rules 28 hold, 2 not checked · `, got.out)
	require.Regexp(t, `\nrefunded: \d+ payments\n`, got.out)
	for e := range sim.Entries() {
		require.False(t, e.Status == payment.Succeeded && e.Refunded < e.Amount, "payment %s is kept", e.ID)
	}

	report := document[conformance](t, conform(t, s, append(all, "--json")...))
	require.True(t, report.Conforms)
	require.Equal(t, "unknown", report.Account)
	require.Equal(t, "sandbox", report.Stated)
	require.Equal(t, 28, report.Holds)
	require.Len(t, report.Results, 30)

	few := conform(t, s, "--sandbox", "--method", "ok=pm_ok")
	require.Equal(t, batch.ExitDone, few.code, few.out)
	require.Contains(t, few.out, "– declined: hard              not checked: no such payment method is named · --method hard=METHOD")
	require.Regexp(t, `\n✓ main: of 30 rules `, few.out)

	none := conform(t, s, "--sandbox")
	require.Equal(t, batch.ExitDone, none.code, none.out)
	require.Regexp(t, `\n! main: nothing was charged, so nothing about charges is proven: give --method ok=METHOD · of 30 rules \d+ hold, \d+ not checked · `, none.out)
	hard := conform(t, s, "--sandbox", "--method", "hard=pm_stolen_card")
	require.Regexp(t, `\n! main: no charge that succeeds was tried, so little is proven: give --method ok=METHOD · of 30 rules `, hard.out)
}

func TestConformanceIsBroken(t *testing.T) {
	t.Parallel()
	s, _ := apart(t, simulator.Config{NoKeys: true}, nil)
	got := conform(t, s, "--sandbox", "--method", "ok=pm_ok")
	require.Equal(t, batch.ExitUsage, got.code, got.out+got.err)
	require.Contains(t, got.out, "✗ same key again")
	require.Contains(t, got.out, "  contract   "+string(contract.SentenceReplay))
	require.Contains(t, got.out, "  request    POST /v1/payments Idempotency-Key: duly-ct-")
	require.Contains(t, got.out, `"payment_method":"[redacted]"`)
	require.Contains(t, got.out, "  answer     200 {")
	require.Regexp(t, `\n✗ main: of 30 rules \d+ broken, \d+ hold, \d+ not checked · `, got.out)
	require.NotContains(t, got.out, "pm_ok")
	require.NotContains(t, got.out, secretToken)
	require.Regexp(t, `(?m)^✗ declined: hard +the charge is succeeded$`, conform(t, s, "--sandbox", "--method", "hard=pm_ok").out)
	report := document[conformance](t, conform(t, s, "--sandbox", "--method", "ok=pm_ok", "--json"))
	require.False(t, report.Conforms)
	require.NotZero(t, report.Broken)
	require.Empty(t, report.Kept, "what was charged twice is refunded too")
}

// Nothing is charged unless somebody says what sort of account it is, and nothing is asked of a gateway that is not there.
func TestConformanceIsRefused(t *testing.T) {
	t.Parallel()
	s, sim := apart(t, simulator.Config{}, nil)
	for name, c := range map[string]struct {
		args string
		says string
	}{
		"nobody says what it is": {"--conformance main --method ok=pm_ok", "duly does not know: give --sandbox if it does not, or --live if it does and is to be charged"},
		"both":                   {"--conformance main --sandbox --live --method ok=pm_ok", "--sandbox and --live contradict each other"},
		"no such gateway":        {"--conformance mian --sandbox", `unknown gateway "mian"`},
		"no such word":           {"--conformance main --sandbox --method okay=pm_ok", `unknown method "okay"; did you mean ok?`},
		"no method":              {"--conformance main --sandbox --method ok", "--method ok: give WORD=METHOD"},
		"no amount":              {"--conformance main --sandbox --amount 2 --method ok=pm_ok", "give 3 minor units or more: a payment is refunded in three parts"},
		"one word twice":         {"--conformance main --sandbox --method ok=pm_ok --method ok=pm_ok", "--method ok is given twice: name one method of a word"},
		"no currency":            {"--conformance main --sandbox --currency krw --method ok=pm_ok", "of a currency such as KRW"},
		"two commands":           {"--conformance main --control main pay_1", "commands of their own"},
		"without it":             {"--method ok=pm_ok", "--currency go with --conformance"},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.duly(t, append([]string{"doctor"}, strings.Fields(c.args)...)...)
			require.Equal(t, batch.ExitUsage, got.code, got.out)
			require.Contains(t, got.err, c.says)
		})
	}
	require.Empty(t, sim.Ledger())
	wrong := *s
	wrong.env = append([]string{}, s.env[0], "DULY_GATEWAYS_MAIN_TOKEN=of-another")
	got := conform(t, &wrong, "--sandbox", "--method", "ok=pm_ok")
	require.Equal(t, batch.ExitUsage, got.code)
	require.Contains(t, got.err, "check gateways.main.token")
	down := *s
	down.env = []string{"DULY_GATEWAYS_MAIN_URL=http://127.0.0.1:1", s.env[1]}
	require.Contains(t, conform(t, &down, "--sandbox", "--method", "ok=pm_ok").err, "gateway main: connection refused")
}

// A suite that is stopped gives back what it took and says so. A charge that was cut off may still be executed: it is named.
func TestConformanceIsStopped(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ held, says string }{
		"while it looks up": {http.MethodGet, `(?m)^! stopped: 2 payments refunded$`},
		"while it charges":  {http.MethodPost, `(?m)^! stopped: NOT refunded: duly-ct-\S+$`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			came := make(chan struct{})
			var charged, held atomic.Bool
			s, sim := apart(t, simulator.Config{}, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == c.held && charged.Load() && !held.Swap(true) {
						_, _ = io.Copy(io.Discard, r.Body) // else the server does not see that the client is gone
						close(came)
						<-r.Context().Done()
						return
					}
					next.ServeHTTP(w, r)
					if r.Method == http.MethodPost {
						charged.Store(true)
					}
				})
			})
			cmd, out := s.child(t, "doctor", "--conformance", "main", "--sandbox", "--method", "ok=pm_ok")
			select {
			case <-came:
			case <-time.After(patience):
				t.Fatal("nothing came")
			}
			require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
			require.Equal(t, 143, code(t, cmd), out.String())
			require.Regexp(t, c.says, out.String())
			require.Contains(t, out.String(), "not checked: stopped")
			require.NotContains(t, out.String(), "out of time")
			for e := range sim.Entries() {
				require.False(t, e.Status == payment.Succeeded && e.Refunded < e.Amount, "payment %s is kept", e.ID)
			}
		})
	}
}

// A suite that is ended at once names what it leaves: the payments that it took, and the charge whose answer it was waiting for.
func TestConformanceIsEndedAtOnce(t *testing.T) {
	t.Parallel()
	came, again := make(chan struct{}), make(chan struct{})
	var posts, held atomic.Int32
	s, sim := apart(t, simulator.Config{}, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if held.Load() == 0 && (r.Method != http.MethodPost || posts.Add(1) < 3) {
				next.ServeHTTP(w, r)
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			switch held.Add(1) {
			case 1:
				close(came)
			case 2:
				close(again)
			}
			<-r.Context().Done()
		})
	})
	cmd, out := s.child(t, "doctor", "--conformance", "main", "--sandbox", "--method", "ok=pm_ok")
	for _, c := range []chan struct{}{came, again} { // the second request is one of those that give money back
		select {
		case <-c:
		case <-time.After(patience):
			t.Fatal("nothing came")
		}
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	}
	require.Equal(t, 143, code(t, cmd), out.String())
	_, left, said := strings.Cut(out.String(), "! stopped at once: NOT refunded: ")
	require.True(t, said, out.String())
	taken := 0
	for e := range sim.Entries() {
		if e.Status == payment.Succeeded && e.Refunded < e.Amount {
			taken++
			require.Contains(t, left, e.ID)
		}
	}
	require.NotZero(t, taken)
	require.Contains(t, left, "duly-ct-", "the charge whose answer did not come")
}

// An account that may be live is charged if that is said.
func TestConformanceOfALiveAccount(t *testing.T) {
	t.Parallel()
	s, _ := apart(t, simulator.Config{}, nil)
	got := conform(t, s, "--live", "--method", "ok=pm_ok")
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
	require.Contains(t, got.out, "· live · at most 30 payments")
}

// A 404 that any path is answered with makes no gateway healthy: the account is proven by a payment that it shows, and by nothing else.
func TestDoctorDoesNotTakeAn404ForAnAccount(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var lists bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if lists && r.URL.Path == "/v1/payments" {
			_, _ = w.Write([]byte(`{"data":[]}`))
			return
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"code":"not_found","message":"nothing here"}`))
	}))
	t.Cleanup(server.Close)
	elsewhere := s.at(server.URL)
	found := failing(t, elsewhere.duly(t, "doctor", "--json"))
	require.Equal(t, "gateway main", found.Check)
	require.Contains(t, found.Detail, "it answers for a payment that cannot exist, and has no list")
	require.Contains(t, found.Mend, "gateways.main.url")

	unproven := func(s *shop, says string) {
		t.Helper()
		got := check(t, s.duly(t, "doctor", "--json"), "gateway main")
		require.True(t, got.OK)
		require.Contains(t, got.Detail, says+"; account unproven: no payment of ours to look up yet")
		require.Equal(t, "name a payment that it took: duly doctor --control main PAYMENT_ID", got.Mend)
	}
	listless := *elsewhere
	listless.env = append([]string{"DULY_GATEWAYS_MAIN_LIST=false"}, elsewhere.env...)
	unproven(&listless, "answers as a payments API does")
	lists = true
	unproven(elsewhere, "answers and takes the token")
	require.Contains(t, elsewhere.duly(t, "doctor").out, "1 warning")

	unproven(s, "answers and takes the token")
	id, err := s.sim.Inject(simulator.Entry{Key: "ord_7-1", Reference: "ord_7", CustomerID: "c", Method: "pm_ok", Amount: 500, Currency: "KRW"})
	require.NoError(t, err)
	require.Equal(t, batch.ExitDone, s.duly(t, "doctor", "--control", "main", id).code)
	got := check(t, s.duly(t, "doctor", "--json"), "gateway main")
	require.Empty(t, got.Mend)
	require.Contains(t, got.Detail, "shows a payment that it took")
}
