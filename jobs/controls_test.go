package jobs_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/httpapi"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// lost is the payment method of a charge that is executed and whose answer is lost, never that of one that never arrives.
const (
	lost  = "pm_drop_after:%d"
	never = "pm_drop_before_always:%d"
)

// doubted is a town with n charges in doubt of that kind, the first days ago, and a success before and one after them.
func doubted(t *testing.T, n int, method string) *town {
	t.Helper()
	w := newTown(t)
	worktest.Enrol(t, w.plain, n+2, day0, func(i int, s *worktest.Subscription) {
		if i > 1 && i <= n+1 {
			s.Method = fmt.Sprintf(method, i)
		}
	})
	between := make([]uint64, n)
	for i := range between {
		between[i] = uint64(i) + 2
	}
	w.collect(1)
	w.collect(between...)
	w.collect(uint64(n) + 2)
	require.Equal(t, n, w.attempts("in_doubt"))
	require.Equal(t, 2, w.attempts("succeeded"))
	return w
}

// collect charges subscriptions, and leaves in doubt what is.
func (w *town) collect(subscriptions ...uint64) {
	w.t.Helper()
	w.run(func(o *jobs.BillingOptions, _ *batch.Runner) {
		o.Steps, o.Selection.Subscriptions = []string{jobs.StepIssue, jobs.StepCollect}, subscriptions
	})
}

// look asks about what is in doubt, and does nothing else.
func (w *town) look() batch.Result {
	w.t.Helper()
	return w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.Steps = []string{jobs.StepRecover} })
}

// heal makes gateway main take what never arrived before.
func (w *town) heal() {
	w.t.Helper()
	methods := map[string]string{}
	for i := range 100 {
		methods[fmt.Sprintf(never, i)] = "ok"
	}
	w.sims["main"].Update(func(c *simulator.Config) { c.Methods = methods })
}

func (w *town) attempts(status string) int {
	w.t.Helper()
	return worktest.Get[int](w.t, w.plain, `SELECT COUNT(*) FROM payment_attempts WHERE status = ?`, status)
}

// serve is the address of a handler.
func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// nowhere is an address that answers everything with a well-formed 404.
func nowhere() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"code":"not_found","message":"no such route"}`))
	})
}

// copiesOwn is how many payments a copy has of its own.
const copiesOwn = 10

// copied is another environment that has everything that the gateway main knows of those references, under other ids.
func (w *town) copied(references ...string) *simulator.Simulator {
	w.t.Helper()
	sim := simulator.New(simulator.Config{Token: "token", Seed: 99})
	w.t.Cleanup(sim.Close)
	client, err := httpapi.New(httpapi.Config{Name: "copy", URL: serve(w.t, sim), Token: "token", Timeout: 10 * time.Second, ConnectTimeout: 10 * time.Second, KeyLife: time.Hour, LongestRequest: time.Minute, MaxConns: 1, Now: time.Now})
	require.NoError(w.t, err)
	w.t.Cleanup(client.Close)
	for i := range copiesOwn { // so that its ids are others
		client.Charge(w.t.Context(), payment.Charge{
			Key: fmt.Sprintf("own-%d", i), Reference: "own", CustomerID: "c", Method: "pm_ok", Money: payment.Money{Amount: 1, Currency: "KRW"}, BodyVersion: 1,
		})
	}
	for e := range w.sims["main"].Entries() {
		if len(references) > 0 && !strings.Contains(strings.Join(references, " "), e.Reference) {
			continue
		}
		out := client.Charge(w.t.Context(), payment.Charge{
			Key: e.Key, Reference: e.Reference, CustomerID: e.CustomerID, Method: "pm_ok", Money: payment.Money{Amount: e.Amount, Currency: e.Currency}, BodyVersion: 1,
		})
		require.Equal(w.t, payment.Paid, out.Kind)
		require.NotEqual(w.t, e.ID, out.PaymentID)
	}
	return sim
}

// settled runs billing at the right address, and expects that everybody paid once.
func (w *town) settled() {
	w.t.Helper()
	require.Empty(w.t, w.sims["main"].DoubleCharged())
	w.run(nil)
	require.Empty(w.t, w.sims["main"].DoubleCharged())
	require.Zero(w.t, w.attempts("in_doubt"))
}

// A gateway that answers 404 to everything knows of no charge at all, and is believed none of them.
func TestAWrongURLFreesNothing(t *testing.T) {
	t.Parallel()
	w := doubted(t, 60, lost)
	right := w.urls["main"]
	w.on("2026-02-02").urls["main"] = serve(t, nowhere())
	result := w.look()
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Equal(t, 60, w.attempts("in_doubt"))
	require.True(t, contains(result.Left, "gateway main does not show payment pay_"), "%v", result.Left)

	w.urls["main"] = right
	w.settled()
	require.Equal(t, 62, w.attempts("succeeded"))
	w.reconcile()
}

// A copy of the account shares keys, references, customers and money with it, but not the ids that the gateway gave.
func TestACopyOfTheAccountFreesNothing(t *testing.T) {
	t.Parallel()
	w := doubted(t, 5, lost)
	right := w.urls["main"]
	w.on("2026-02-02").urls["main"] = serve(t, w.copied("sub_1_20260131", "sub_7_20260131"))
	result := w.look()
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Equal(t, 5, w.attempts("in_doubt"))
	require.True(t, contains(result.Left, "gateway main does not show payment pay_"), "%v", result.Left)
	w.urls["main"] = right
	w.settled()
	w.reconcile()
}

// What a copy says was declined was not: the number of the key does not move by it.
func TestADeclineOfACopyFreesNothing(t *testing.T) {
	t.Parallel()
	w := doubted(t, 5, lost)
	right := w.urls["main"]
	there := w.copied("sub_1_20260131", "sub_7_20260131")
	client, err := httpapi.New(httpapi.Config{Name: "copy", URL: serve(t, there), Token: "token", Timeout: 10 * time.Second, ConnectTimeout: 10 * time.Second, KeyLife: time.Hour, LongestRequest: time.Minute, MaxConns: 1, Now: time.Now})
	require.NoError(t, err)
	defer client.Close()
	for e := range w.sims["main"].Entries() {
		client.Charge(t.Context(), payment.Charge{
			Key: e.Key, Reference: e.Reference, CustomerID: e.CustomerID, Method: "pm_soft", Money: payment.Money{Amount: e.Amount, Currency: e.Currency}, BodyVersion: 1,
		})
	}
	w.on("2026-02-02").urls["main"] = serve(t, there)
	require.Equal(t, batch.ExitUnfinished, w.look().Exit)
	require.Equal(t, 5, w.attempts("in_doubt"))
	w.urls["main"] = right
	w.settled()
	w.reconcile()
}

// With successes on both sides that the gateway still shows, an absence counts: what never arrived is charged again, once.
func TestAProvenAbsenceFreesTheInvoice(t *testing.T) {
	t.Parallel()
	w := doubted(t, 3, never)
	w.heal()
	result := w.on("2026-02-02").run(nil)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, []string{"sub_2_20260131-1", "sub_3_20260131-1", "sub_4_20260131-1"}, worktest.List[string](t, w.plain,
		`SELECT idempotency_key FROM payment_attempts WHERE invoice_id BETWEEN 2 AND 4 AND status = 'succeeded' ORDER BY id`), "under the keys that they had")
	w.reconcile()
}

// Without a success on both sides an absence proves nothing, and an operator is told what does.
func TestAbsenceWithoutControls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, after bool
		retention     time.Duration
		says          string
	}{
		"a shop's first charges":          {false, true, 0, "shows no payment of ours from before and after"},
		"the last doubt of a night":       {true, false, 0, "shows no payment of ours from before and after"},
		"nothing on either side":          {false, false, 0, "shows no payment of ours from before and after"},
		"history that the gateway purges": {true, true, 36 * time.Hour, "shows no payment of ours from before and after"},
	} {
		t.Run(name, func(t *testing.T) {
			w := doubted(t, 2, lost)
			w.retention = c.retention
			if !c.before {
				worktest.Exec(t, w.plain, `UPDATE payment_attempts SET proof = 'operator' WHERE subscription_id = 1`)
			}
			if !c.after {
				worktest.Exec(t, w.plain, `UPDATE payment_attempts SET proof = 'operator' WHERE subscription_id = 4`)
			}
			right := w.urls["main"]
			w.on("2026-02-02").urls["main"] = serve(t, nowhere())
			result := w.look()
			require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
			require.Equal(t, 2, w.attempts("in_doubt"))
			left := strings.Join(result.Left, "\n")
			if !c.before && !c.after || c.retention > 0 {
				require.Contains(t, left, c.says)
				require.Contains(t, left, "attempts 2, 3")
				require.Contains(t, left, "duly doctor --control main PAYMENT_ID")
				require.Contains(t, left, "duly resolve attempt ID --as not_executed --reason")
			}
			w.urls["main"] = right
			w.settled()
			w.reconcile()
		})
	}
}

// What was sent to another account is neither sent to this one, nor absent because this one does not know it.
func TestAnotherAccount(t *testing.T) {
	t.Parallel()
	for name, day := range map[string]string{"while it could be sent again": day0, "long after": "2026-02-02"} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			w.accounts = true
			worktest.Enrol(t, w.plain, 3, day0, func(i int, s *worktest.Subscription) {
				if i == 2 {
					s.Method = fmt.Sprintf(lost, i)
				}
			})
			w.collect(1)
			w.collect(2)
			w.collect(3)
			right := w.urls["main"]
			moved := w.copied("sub_1_20260131", "sub_3_20260131")
			w.on(day).urls["main"] = serve(t, moved)
			worktest.Exec(t, w.plain, `UPDATE payment_attempts SET next_check_at = UTC_TIMESTAMP(6)`)
			result := w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.Steps = []string{jobs.StepRecover, jobs.StepCollect} })
			require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
			require.Equal(t, 1, w.attempts("in_doubt"))
			require.Contains(t, strings.Join(result.Left, "\n"), "duly doctor --moved main OLD_URL")
			require.Empty(t, moved.Successes()["sub_2_20260131"], "nothing was sent there")
			w.urls["main"] = right
			w.settled()
		})
	}
}

// Two addresses that an operator has joined are one account.
func TestJoinedAccounts(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.accounts = true
	worktest.Enrol(t, w.plain, 3, day0, func(i int, s *worktest.Subscription) {
		if i == 2 {
			s.Method = fmt.Sprintf(never, i)
		}
	})
	w.collect(1)
	w.collect(2)
	w.collect(3)
	w.on("2026-02-02").urls["main"] = serve(t, w.sims["main"]) // the same account at another address
	require.Equal(t, batch.ExitUnfinished, w.look().Exit)
	require.Equal(t, 1, w.attempts("in_doubt"))
	worktest.Exec(t, w.plain, `UPDATE gateway_accounts SET joined_to = (SELECT id FROM (SELECT MAX(id) AS id FROM gateway_accounts WHERE gateway = 'main') x)
WHERE gateway = 'main' AND id <> (SELECT id FROM (SELECT MAX(id) AS id FROM gateway_accounts WHERE gateway = 'main') x)`)
	w.heal()
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	w.reconcile()
}

// An address that moves while it is asked, to the wrong one or to the right one, at whatever request: no charge is taken
// for one that was not executed.
func TestAnAddressThatMovesInMidRun(t *testing.T) {
	t.Parallel()
	w := doubted(t, 3, lost)
	var asked, at atomic.Int64
	var first, then http.Handler
	w.on("2026-02-02").urls["main"] = serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if asked.Add(1) > at.Load() {
			then.ServeHTTP(rw, r)
			return
		}
		first.ServeHTTP(rw, r)
	}))
	for _, c := range []struct {
		name        string
		first, then http.Handler
	}{{"to the wrong one", w.sims["main"], nowhere()}, {"to the right one", nowhere(), w.sims["main"]}} {
		first, then = c.first, c.then
		for moves := range int64(14) {
			asked.Store(0)
			at.Store(moves)
			worktest.Exec(t, w.plain, `UPDATE payment_attempts SET status = 'in_doubt', proof = NULL, gateway_payment_id = NULL, next_check_at = UTC_TIMESTAMP(6) WHERE id BETWEEN 2 AND 4`)
			worktest.Exec(t, w.plain, `UPDATE invoices SET status = 'charging' WHERE id BETWEEN 2 AND 4`)
			worktest.Exec(t, w.plain, `DELETE FROM events`)
			w.look()
			require.Zero(t, w.attempts("released"), "%s after %d requests", c.name, moves)
		}
	}
	w.urls["main"] = serve(t, w.sims["main"])
	w.settled()
}

// The last doubt of a night is settled at the end of the next one, by what that one charged.
func TestThisRunsChargesAreControls(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 3, day0, func(i int, s *worktest.Subscription) {
		switch i {
		case 2:
			s.Method = fmt.Sprintf(never, i)
		case 3:
			s.Next = "2026-02-02"
		}
	})
	w.collect(1)
	w.collect(2)
	result := w.on("2026-02-02").run(nil)
	require.Equal(t, 1, w.attempts("released"), "%v", result)
	require.Equal(t, batch.ExitUnfinished, result.Exit, "it is charged by the next run")
	require.Equal(t, 2, w.attempts("succeeded"))
}

// A gateway that does not show an earlier payment of ours is sent nothing again, though its key would guard it.
func TestNothingIsSentAgainToTheWrongPlace(t *testing.T) {
	t.Parallel()
	w := doubted(t, 3, lost)
	right := w.urls["main"]
	there := w.copied("sub_1_20260131")
	w.urls["main"] = serve(t, there)
	result := w.look()
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Len(t, there.Ledger(), copiesOwn+1, "what it had before")
	w.urls["main"] = right
	w.settled()
	w.reconcile()
}

// A shop's first charge is sent again under its key while the gateway keeps that: nothing is needed to prove it by.
func TestTheFirstChargeIsSentAgain(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.enrol("pm_drop_before:1")
	w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.Steps = []string{jobs.StepIssue, jobs.StepCollect} })
	require.Equal(t, 1, w.attempts("in_doubt"))
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	w.reconcile()
}
