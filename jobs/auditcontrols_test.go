package jobs_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/gateway/httpapi"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// times are that many instants of the first window, ten minutes apart.
func (a *auditor) times(n int) []time.Time {
	at := make([]time.Time, n)
	for i := range at {
		at[i] = a.latest().Add(time.Duration(i-n) * 10 * time.Minute)
	}
	return at
}

// copied is another gateway, which has the first n payments of main under the same ids.
func (a *auditor) copied(n int) http.Handler {
	a.t.Helper()
	sim := simulator.New(simulator.Config{Token: "token"})
	a.t.Cleanup(sim.Close)
	for _, e := range a.sim.Ledger()[:n] {
		_, err := sim.Inject(e)
		require.NoError(a.t, err)
	}
	return sim
}

// kept lets the gateway keep what it took, which the helpers of worktest have refunded.
func (a *auditor) kept(sim *simulator.Simulator) {
	a.t.Helper()
	for _, e := range sim.Ledger() {
		require.NoError(a.t, sim.Amend(e.ID, func(e *simulator.Entry) { e.Refunded = 0 }))
	}
}

// A gateway that is called at the wrong address, or a copy of it, knows none of our payments, or none of the later ones: no
// finding says so, the run is unfinished, and the next audit begins where this one did.
func TestAuditAtAWrongAddress(t *testing.T) {
	t.Parallel()
	listsNothing := func(g gateway.Gateway) gateway.Gateway {
		return abilities{g, func(g *gateway.Capabilities) { g.List = false }}
	}
	for name, c := range map[string]struct {
		gateway func(gateway.Gateway) gateway.Gateway
		wrong   func(a *auditor) http.Handler
		charge  func(t *testing.T, a *auditor, at []time.Time)
		why     string
	}{
		"nothing is there": {
			gateway: listsNothing,
			wrong:   func(*auditor) http.Handler { return nowhere() },
			why:     "gateway main does not show payment pay_",
		},
		"nothing is there, of orders alone": {
			gateway: listsNothing,
			wrong:   func(*auditor) http.Handler { return nowhere() },
			charge: func(t *testing.T, a *auditor, at []time.Time) {
				t.Helper()
				worktest.Taken(t, a.plain, a.sim, "main", at...)
			},
			why: "which shows no payment of ours from before or after it: duly doctor --control main PAYMENT_ID",
		},
		"an environment without payments": {
			wrong: func(a *auditor) http.Handler { return a.copied(0) },
			why:   "gateway main does not show payment pay_",
		},
		"an old copy": {
			wrong: func(a *auditor) http.Handler { return a.copied(3) },
			why:   "gateway main does not show payment pay_",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAuditor(t)
			a.gateway = c.gateway
			charge := c.charge
			if charge == nil {
				charge = func(t *testing.T, a *auditor, at []time.Time) {
					t.Helper()
					worktest.Charged(t, a.plain, a.sim, "main", at...)
				}
			}
			// The last is newer than the window.
			charge(t, a, append(a.times(6), a.latest().Add(time.Minute)))
			a.kept(a.sim)
			right := a.url
			a.url = serve(t, c.wrong(a))
			result := a.audit(nil)
			require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
			require.Contains(t, strings.Join(result.Left, "\n"), c.why)
			require.Empty(t, a.found())
			require.Empty(t, a.audited())

			a.url = right
			require.Equal(t, batch.ExitDone, a.audit(nil).Exit)
			require.Empty(t, a.found())
			require.NotEmpty(t, a.audited())
		})
	}
}

// A gateway that shows payments by key and none by id proves nothing about what it was asked for by id.
func TestAuditAsksForControlsInTheSameWay(t *testing.T) {
	t.Parallel()
	a := newAuditor(t)
	a.gateway = func(g gateway.Gateway) gateway.Gateway {
		return abilities{g, func(g *gateway.Capabilities) { g.List = false }}
	}
	worktest.Charged(t, a.plain, a.sim, "main", append(a.times(3), a.latest().Add(-30*time.Hour), a.latest().Add(time.Minute))...)
	a.asked = func(r *http.Request) {
		if strings.Contains(r.URL.Path, "/pay_") {
			r.URL.Path = "/v1/payments/elsewhere"
		}
	}
	result := a.audit(nil)
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Contains(t, strings.Join(result.Left, "\n"), "gateway main does not show payment pay_")
	require.Empty(t, a.found())
}

// A gateway that can be asked by id alone is asked for its controls by id.
func TestAuditOfAGatewayThatIsAskedByIDAlone(t *testing.T) {
	t.Parallel()
	a := newAuditor(t)
	a.client = func(c *httpapi.Config) { c.NoFind, c.NoList = true, true }
	at := a.times(3)
	worktest.Charged(t, a.plain, a.sim, "main", at...)
	a.kept(a.sim)
	worktest.Exec(t, a.plain, `UPDATE payment_attempts SET gateway_payment_id = 'lost' WHERE created_at = ?`, at[1].UTC())
	result := a.audit(nil)
	require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
	require.Equal(t, []string{"unknown_there sub_9000002_20200101 lost"}, a.found())
}

// What a gateway lacks between payments that it shows is found, however much it is, also where the nearest payments lack too.
func TestAuditFindsHoles(t *testing.T) {
	t.Parallel()
	for name, list := range map[string]bool{"a gateway that lists": true, "one that does not": false} {
		t.Run(name, func(t *testing.T) {
			a := newAuditor(t)
			a.gateway = func(g gateway.Gateway) gateway.Gateway {
				return abilities{g, func(g *gateway.Capabilities) { g.List = list }}
			}
			at := a.times(102)
			lost := simulator.New(simulator.Config{Token: "token", Seed: 7})
			t.Cleanup(lost.Close)
			worktest.Charged(t, a.plain, a.sim, "main", at[0])
			worktest.Charged(t, a.plain, lost, "main", at[1:101]...)
			worktest.Exec(t, a.plain, `UPDATE payment_attempts SET gateway_payment_id = CONCAT('lost_', id) WHERE created_at > ?`, at[0].Add(time.Minute).UTC())
			worktest.Charged(t, a.plain, a.sim, "main", at[101])
			a.kept(a.sim)
			result := a.audit(func(o *jobs.AuditOptions) { o.ChunkSize = 5 })
			require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
			require.Len(t, a.found(), 100)
			require.NotEmpty(t, a.audited())

			// One more is missing at the end, where nothing follows it: the others are still found.
			worktest.Exec(t, a.plain, `DELETE FROM audit_findings`)
			worktest.Charged(t, a.plain, lost, "main", a.latest().Add(-time.Minute))
			worktest.Exec(t, a.plain, `UPDATE payment_attempts SET gateway_payment_id = CONCAT('lost_', id) ORDER BY id DESC LIMIT 1`)
			result = a.audit(func(o *jobs.AuditOptions) { o.Window = payment.Window{From: at[0].Add(-time.Hour), To: a.latest()} })
			require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
			require.Contains(t, strings.Join(result.Left, "\n"), "1 payment paid here")
			require.Len(t, a.found(), 100)
		})
	}
}

// A payment that nothing stands around is asked about again for a week, and then left.
func TestAuditWithoutControls(t *testing.T) {
	t.Parallel()
	a := newAuditor(t)
	require.Equal(t, batch.ExitDone, a.audit(nil).Exit)
	begun := a.audited()
	a.now = a.now.Add(12 * time.Hour)
	a.order(1, kept{Key: "ord_1-1", At: a.latest().Add(-time.Hour)})
	for day := range 9 {
		result := a.audit(nil)
		require.Empty(t, a.found())
		if day < 7 {
			require.Equal(t, batch.ExitUnfinished, result.Exit, "%d: %v", day, result)
			require.Equal(t, begun, a.audited())
		} else {
			require.Equal(t, batch.ExitDone, result.Exit, "%d: %v", day, result)
			require.NotEqual(t, begun, a.audited())
		}
		a.now = a.now.Add(24 * time.Hour)
	}
	require.Contains(t, strings.Join(a.notes, "\n"), "1 payment paid here and unknown to gateway main")
}
