package jobs_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway/httpapi"
	"duly/internal/gateway/simulator"
	"duly/internal/history"
	"duly/internal/payment"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// newRecord is a town whose accounts have rows.
func newRecord(t *testing.T) *town {
	t.Helper()
	w := newTown(t)
	w.accounts = true
	return w
}

func (w *town) requests(name, operation string) int { return w.sims[name].Stats().Requests[operation] }

const (
	listPayments     = "listPayments"
	findPaymentByKey = "findPaymentByKey"
	createPayment    = "createPayment"
)

// mark is up to where the list of gateway main is accounted for, by the town's clock; zero for none.
func (w *town) mark() time.Time {
	w.t.Helper()
	marks := worktest.List[time.Time](w.t, w.plain, `SELECT listed_to FROM gateway_accounts WHERE gateway = 'main' AND listed_to IS NOT NULL`)
	if len(marks) == 0 {
		return time.Time{}
	}
	return marks[0]
}

func (w *town) twice() (twice []string) {
	for _, sim := range w.sims {
		twice = append(twice, sim.DoubleCharged()...)
	}
	return twice
}

// adopt accounts for unknown charges of subscriptions as paid, as an operator does.
func (w *town) adopt() {
	w.t.Helper()
	worktest.Exec(w.t, w.plain, `INSERT IGNORE INTO invoices (subscription_id, due_date, amount, currency, status, next_attempt_date, issued_date)
SELECT s.id, '2026-01-31', s.amount, s.currency, 'open', '2026-01-31', '2026-01-31' FROM subscriptions s
JOIN unknown_charges u ON u.reference = CONCAT('sub_', s.id, '_20260131') WHERE u.adopted_at IS NULL`)
	worktest.Exec(w.t, w.plain, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id,
amount, currency, gateway, payment_method, body_version, status, run_id, lease, gateway_payment_id, proof, settled_at)
SELECT i.id, s.id, 1, 0, u.idempotency_key, u.reference, s.customer_id, i.amount, i.currency, u.gateway, s.payment_method, 1, 'succeeded', 1,
REPEAT('a', 16), u.gateway_payment_id, 'look_up', UTC_TIMESTAMP(6) FROM unknown_charges u JOIN subscriptions s ON u.reference = CONCAT('sub_', s.id, '_20260131')
JOIN invoices i ON i.subscription_id = s.id WHERE u.adopted_at IS NULL
ON DUPLICATE KEY UPDATE status = 'succeeded', gateway_payment_id = VALUES(gateway_payment_id), proof = 'look_up'`)
	worktest.Exec(w.t, w.plain, `UPDATE invoices i JOIN payment_attempts a ON a.invoice_id = i.id AND a.status = 'succeeded' SET i.status = 'paid', i.attempts = 1, i.paid_at = UTC_TIMESTAMP(6)`)
	worktest.Exec(w.t, w.plain, `UPDATE subscriptions s JOIN invoices i ON i.subscription_id = s.id SET s.next_billing_date = '2026-02-28', s.anchor_day = 31`)
	worktest.Exec(w.t, w.plain, `UPDATE unknown_charges SET adopted_at = UTC_TIMESTAMP(6), adopted_as = 'attempt' WHERE adopted_at IS NULL`)
	worktest.Exec(w.t, w.plain, `UPDATE audit_findings SET resolved_at = UTC_TIMESTAMP(6), resolution = 'adopted'`)
}

// Yesterday's backup is restored, and the gateway has forgotten its keys: nobody is charged again, and once the charges
// are adopted the others are charged.
func TestARestoredBackupChargesNobodyAgain(t *testing.T) {
	t.Parallel()
	const n = 60
	w := newRecord(t)
	worktest.Enrol(t, w.plain, n, day0, nil)
	restore := worktest.Backup(t, w.plain)
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	require.Equal(t, n, w.sims["main"].Stats().Payments)
	require.Equal(t, 1, w.requests("main", listPayments), "an ordinary run asks for one page")
	require.Zero(t, w.requests("main", findPaymentByKey))
	require.False(t, w.mark().IsZero())

	restore()
	w.sims["main"].ForgetKeys()
	worktest.Enrol(t, w.plain, 5, day0, nil)
	w.on("2026-02-01")
	for again := range 2 {
		result := w.run(nil)
		require.Equal(t, batch.ExitFailed, result.Exit, "%v", result)
		require.ErrorContains(t, result.Err, "gateway main has 60 charges under keys of ours that no attempt accounts for")
		require.ErrorContains(t, result.Err, "duly adopt main")
		require.Equal(t, n, w.sims["main"].Stats().Payments, "run %d: nothing was sent", again+1)
		require.True(t, w.mark().IsZero(), "what is not accounted for is listed again")
		require.Equal(t, n, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM unknown_charges u JOIN gateway_accounts a ON a.id = u.account_id
WHERE u.gateway = 'main' AND u.adopted_at IS NULL AND u.reference LIKE 'sub\_%\_20260131' AND u.idempotency_key = CONCAT(u.reference, '-1') AND u.gateway_payment_id <> ''`))
		require.Equal(t, []string{"unknown_here 60"}, worktest.List[string](t, w.plain, `SELECT CONCAT_WS(' ', kind, COUNT(*)) FROM audit_findings GROUP BY kind`))
		require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM payment_attempts`))
		require.Equal(t, n+5, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status = 'open'`), "issuing sends nothing, and goes on")
	}
	worktest.Exec(t, w.plain, `UPDATE audit_findings SET resolved_at = UTC_TIMESTAMP(6), resolution = 'ignored'`)
	require.Equal(t, batch.ExitFailed, w.run(nil).Exit, "no resolution of the findings lets billing go on")

	w.adopt()
	result := w.run(nil)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Equal(t, n+5, w.sims["main"].Stats().Payments)
	require.Empty(t, w.twice())
	require.False(t, w.mark().IsZero())
}

// One gateway's unknown charges stop that gateway alone, and their periods everywhere.
func TestUnknownChargesStopTheirGatewayAndTheirPeriods(t *testing.T) {
	t.Parallel()
	w := newRecord(t)
	w.half(20)
	restore := worktest.Backup(t, w.plain)
	only := func(o *jobs.BillingOptions, _ *batch.Runner) { o.Selection.Subscriptions = []uint64{2, 4} }
	require.Equal(t, batch.ExitDone, w.run(only).Exit)
	restore()
	w.sims["other"].ForgetKeys()
	worktest.Exec(t, w.plain, `UPDATE subscriptions SET gateway = 'main' WHERE id = 2`)
	result := w.run(nil)
	require.Equal(t, batch.ExitFailed, result.Exit, "%v", result)
	require.ErrorContains(t, result.Err, "gateway other has 2 charges")
	require.NotContains(t, result.Err.Error(), "gateway main")
	require.Equal(t, []string{"main open 1", "main paid 10", "other open 9"}, w.byGateway())
	require.Equal(t, "open", worktest.Get[string](t, w.plain, `SELECT status FROM invoices WHERE subscription_id = 2`))
	require.Empty(t, w.twice())
}

// A gateway that lists a success under a key whose attempt is released, rejected or declined here is not the one that
// these tables were made with.
func TestASuccessUnderAnEndedAttemptIsUnknown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status string
		there  payment.Status
		want   int
	}{
		{"released", payment.Succeeded, batch.ExitFailed},
		{"rejected", payment.Succeeded, batch.ExitReview}, // see TestARejectedChargeThatTheGatewayHas
		{"declined", payment.Succeeded, batch.ExitFailed},
		{"declined", payment.Pending, batch.ExitFailed},
		{"declined", payment.Declined, batch.ExitDone},
		{"succeeded", payment.Succeeded, batch.ExitDone},
	} {
		t.Run(c.status+" here, "+string(c.there)+" there", func(t *testing.T) {
			w := newRecord(t)
			w.enrol("pm_ok:1", "pm_ok:2")
			worktest.Exec(t, w.plain, `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, stage, next_attempt_date, issued_date, attempts)
VALUES (1, '2026-01-31', 9900, 'KRW', 'paid', 0, '2026-01-31', '2026-01-31', 1)`)
			worktest.Exec(t, w.plain, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id,
amount, currency, gateway, payment_method, body_version, status, run_id, lease) VALUES (1, 1, 1, 0, 'sub_1_20260131-1', 'sub_1_20260131', 'customer-1', 9900,
'KRW', 'main', 'pm_ok:1', 1, ?, 1, REPEAT('l', 16))`, c.status)
			worktest.Exec(t, w.plain, `UPDATE subscriptions SET next_billing_date = '2026-02-28' WHERE id = 1`)
			_, err := w.sims["main"].Inject(simulator.Entry{
				Key: "sub_1_20260131-1", Reference: "sub_1_20260131", CustomerID: "customer-1", Method: "pm_ok:1", Amount: 9900, Currency: "KRW", Status: c.there,
				DeclineCode: map[bool]string{true: "insufficient_funds"}[c.there == payment.Declined],
			})
			require.NoError(t, err)
			result := w.run(nil)
			require.Equal(t, c.want, result.Exit, "%v", result)
			require.Equal(t, c.want != batch.ExitFailed, w.requests("main", createPayment) == 1, "sub_2 is charged only where everything is known")
		})
	}
}

// Keys of others stop nobody: the shop's orders, checkouts in progress, and what another installation made.
func TestOnlyOurKeysStopBilling(t *testing.T) {
	t.Parallel()
	w := newRecord(t)
	w.enrol("pm_ok:1")
	for _, key := range []string{"ord_7-1", "checkout-sub_1_20260131-1", "eu-sub_1_20260131-1", "sub_1_20260131", "sub_01_20260131-1", ""} {
		_, err := w.sims["main"].Inject(simulator.Entry{Key: key, Reference: "sub_1_20260131", CustomerID: "customer-1", Method: "m", Amount: 9900, Currency: "KRW"})
		if key != "" {
			require.NoError(t, err)
		}
	}
	result := w.run(nil)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM unknown_charges`))
}

// Two installations with the same ids share an account: with prefixes each charges its own, without they stop.
func TestTwoInstallationsOnOneAccount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		prefix string
		want   int
	}{{"eu-", batch.ExitDone}, {"", batch.ExitFailed}} {
		first := newRecord(t)
		first.enrol("pm_ok:1", "pm_ok:2")
		require.Equal(t, batch.ExitDone, first.run(nil).Exit)
		second := newRecord(t)
		second.enrol("pm_ok:1", "pm_ok:2")
		second.sims, second.urls, second.prefix = first.sims, first.urls, c.prefix
		for range 2 {
			result := second.run(nil)
			require.Equal(t, c.want, result.Exit, "%q: %v", c.prefix, result)
		}
		require.Equal(t, batch.ExitDone, first.run(nil).Exit, "the second one's keys are not the first one's")
		sent := 2
		if c.want == batch.ExitDone {
			sent = 4
		}
		require.Equal(t, sent, first.sims["main"].Stats().Payments)
	}
}

// A complete list answers for everything: a catch-up costs no look-ups, however old it is.
func TestACatchUpCostsNoLookUps(t *testing.T) {
	t.Parallel()
	w := newRecord(t)
	worktest.Enrol(t, w.plain, 150, "2025-11-30", nil)
	for _, day := range []string{day0, "2026-02-01", "2026-02-02"} {
		require.Equal(t, batch.ExitDone, w.on(day).run(nil).Exit)
	}
	require.Equal(t, 450, w.sims["main"].Stats().Payments)
	require.Zero(t, w.requests("main", findPaymentByKey))
	require.Equal(t, 3+1+1, w.requests("main", listPayments), "the first run lists two months in three parts")
	require.Empty(t, w.twice())
}

// Issuing alone sends nothing and asks nobody; a selection asks as every run does.
func TestWhichRunsAskForTheList(t *testing.T) {
	t.Parallel()
	w := newRecord(t)
	w.enrol("pm_ok:1", "pm_ok:2")
	require.Equal(t, batch.ExitDone, w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.Steps = []string{jobs.StepIssue} }).Exit)
	require.Zero(t, w.requests("main", listPayments))
	require.Equal(t, batch.ExitDone, w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.Selection.Subscriptions = []uint64{1} }).Exit)
	require.Equal(t, 1, w.requests("main", listPayments))
	require.Equal(t, 1, w.sims["main"].Stats().Payments)
}

// Without a list an invoice is looked up before it is charged for the first time, where its key does not protect it.
func TestLookUpsWithoutAList(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		due    string
		change func(*httpapi.Config)
		future bool
		want   int // look-ups of one invoice: numbers 1 to 4, which dunning comes to
	}{
		{"due today", day0, nil, false, 3},
		{"due long ago", "2026-01-20", nil, false, 4},
		{"due long ago, and charged once", "2026-01-20", func(c *httpapi.Config) { c.ChargesOnce = true }, false, 3},
		{"due today, and no keys", day0, func(c *httpapi.Config) { c.KeyLife = 0 }, false, 4},
		{"due today, and runs that are ahead", day0, nil, true, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newRecord(t)
			w.client = func(config *httpapi.Config) {
				config.NoList = true
				if c.change != nil {
					c.change(config)
				}
			}
			worktest.Enrol(t, w.plain, 1, c.due, nil)
			result := w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.AllowFuture = c.future })
			require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
			require.Equal(t, c.want, w.requests("main", findPaymentByKey))
			require.Zero(t, w.requests("main", listPayments))
			require.Equal(t, 1, w.requests("main", createPayment))
		})
	}
}

// A run for a later date leaves a trace, by which the next one knows that charges can be older than their due date.
func TestRunsThatWereAheadAreRemembered(t *testing.T) {
	t.Parallel()
	w := newRecord(t)
	w.client = func(config *httpapi.Config) { config.NoList = true }
	w.enrol("pm_ok:1")
	worktest.Exec(t, w.plain, `INSERT INTO job_runs (job, business_date, params, status, lease, lease_ms, host, pid, version, heartbeat_at, started_at)
VALUES ('billing', '2026-01-31', '{}', 'completed', REPEAT('d', 16), 60000, 'h', 1, 'v', '2026-01-29', '2026-01-29')`)
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	require.Equal(t, 4, w.requests("main", findPaymentByKey))
}

// What a look-up before the first send finds settles the invoice; a later number that is found stops the gateway.
func TestWhatLookUpsFind(t *testing.T) {
	t.Parallel()
	entry := func(n int, change func(*simulator.Entry)) simulator.Entry {
		e := simulator.Entry{
			Key: fmt.Sprintf("sub_1_20260120-%d", n), Reference: "sub_1_20260120", CustomerID: "customer-1", Method: "pm_ok:1",
			Amount: 9900, Currency: "KRW", Status: payment.Succeeded,
		}
		if change != nil {
			change(&e)
		}
		return e
	}
	declined := func(e *simulator.Entry) { e.Status, e.DeclineCode = payment.Declined, "insufficient_funds" }
	for _, c := range []struct {
		name    string
		there   []simulator.Entry
		state   string
		exit    int
		attempt string
		unknown int
	}{
		{"paid", []simulator.Entry{entry(1, nil)}, "active paid 0 1", batch.ExitDone, "succeeded look_up", 0},
		{"declined", []simulator.Entry{entry(1, declined)}, "past_due open 1 1", batch.ExitDone, "declined look_up", 0},
		{"pending", []simulator.Entry{entry(1, func(e *simulator.Entry) { e.Status = payment.Pending })}, "active charging 0 1", batch.ExitUnfinished, "in_doubt", 0},
		{"somebody else's", []simulator.Entry{entry(1, func(e *simulator.Entry) { e.CustomerID = "c" })}, "active review 0 1", batch.ExitReview, "review", 0},
		{"a later number", []simulator.Entry{entry(2, nil)}, "active open 0 1", batch.ExitFailed, "released", 1},
		{"the last number", []simulator.Entry{entry(4, nil)}, "active open 0 1", batch.ExitFailed, "released", 1},
		{"declined, and a later number", []simulator.Entry{entry(1, declined), entry(2, nil)}, "active open 0 1", batch.ExitFailed, "released", 2},
		{"more numbers than dunning has", []simulator.Entry{entry(4, declined), entry(5, nil)}, "active open 0 1", batch.ExitFailed, "released", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newRecord(t)
			w.client = func(config *httpapi.Config) { config.NoList = true }
			worktest.Enrol(t, w.plain, 1, "2026-01-20", nil)
			for _, e := range c.there {
				_, err := w.sims["main"].Inject(e)
				require.NoError(t, err)
			}
			w.sims["main"].ForgetKeys()
			result := w.run(func(o *jobs.BillingOptions, _ *batch.Runner) {
				o.Steps = []string{jobs.StepIssue, jobs.StepCollect} // which wait for no check of what is in doubt
			})
			require.Equal(t, c.exit, result.Exit, "%v", result)
			require.Equal(t, []string{c.state}, w.states())
			require.Equal(t, c.attempt, worktest.Get[string](t, w.plain, `SELECT CONCAT_WS(' ', status, proof) FROM payment_attempts`))
			require.Equal(t, c.unknown, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM unknown_charges`))
			require.Zero(t, w.requests("main", createPayment), "nothing was sent")
			if c.unknown > 0 {
				require.ErrorContains(t, result.Err, "duly adopt main")
				result = w.run(nil)
				require.Equal(t, batch.ExitFailed, result.Exit, "until it is adopted: %v", result)
				require.Zero(t, w.requests("main", createPayment))
			}
		})
	}
}

// In a history that may be lost an invoice may have come past numbers that took nothing, and so left no record: an operator had
// requeued it, or the gateway had put it off.
func TestALostHistoryMayHaveComeFar(t *testing.T) {
	t.Parallel()
	for _, due := range []string{day0, "2026-01-20"} {
		w := newRecord(t)
		w.client = func(config *httpapi.Config) { config.NoList = true }
		worktest.Enrol(t, w.plain, 1, due, nil)
		reference := "sub_1_" + strings.ReplaceAll(due, "-", "")
		_, err := w.sims["main"].Inject(simulator.Entry{
			Key: reference + "-20", Reference: reference, CustomerID: "customer-1", Method: "pm_ok:1", Amount: 9900, Currency: "KRW", Status: payment.Succeeded,
		})
		require.NoError(t, err)
		result := w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.Suspected = func() bool { return true } })
		require.Equal(t, batch.ExitFailed, result.Exit, "%v", result)
		require.ErrorContains(t, result.Err, "duly adopt main")
		require.Zero(t, w.requests("main", createPayment), "nothing was sent")
	}
}

// A gateway that does not answer look-ups is sent nothing.
func TestNothingIsSentWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	w := newRecord(t)
	w.client = func(config *httpapi.Config) { config.NoList = true }
	worktest.Enrol(t, w.plain, 3, "2026-01-20", nil)
	w.sims["main"].Update(func(c *simulator.Config) { c.LookupFaults.Err5xxBefore = 1 })
	result := w.run(nil)
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Zero(t, w.requests("main", createPayment))
	w.sims["main"].Update(func(c *simulator.Config) { c.LookupFaults.Err5xxBefore = 0 })
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	w.reconcile()
}

// A gateway that cannot be listed is left alone. The others are charged, unless the database may have been restored.
func TestAGatewayThatCannotBeListed(t *testing.T) {
	t.Parallel()
	for _, suspected := range []bool{false, true} {
		t.Run(fmt.Sprint("suspected ", suspected), func(t *testing.T) {
			w := newRecord(t)
			w.half(20)
			w.sims["other"].Update(func(c *simulator.Config) { c.LookupFaults.Err5xxBefore = 1 })
			result := w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.Suspected = func() bool { return suspected } })
			require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
			require.True(t, contains(result.Left, "gateway other was left alone: what it charged cannot be listed"), "%v", result.Left)
			if suspected {
				require.Equal(t, []string{"main open 10", "other open 10"}, w.byGateway())
				require.True(t, contains(result.Left, "the database may have been restored"), "%v", result.Left)
			} else {
				require.Equal(t, []string{"main paid 10", "other open 10"}, w.byGateway())
			}
			w.sims["other"].Update(func(c *simulator.Config) { c.LookupFaults.Err5xxBefore = 0 })
			require.Equal(t, batch.ExitDone, w.run(nil).Exit)
			w.reconcile()
		})
	}
}

// To take the list out of the configuration is advised only where there seems to be none: a broken list is not given up.
func TestWhenToGoWithoutAListIsAdvised(t *testing.T) {
	t.Parallel()
	const advice = "set gateways.main.list to false"
	for name, c := range map[string]struct {
		status  int
		body    string
		advised bool
	}{
		"no list":       {http.StatusNotFound, `{"error":{"code":"not_found","message":"no such path"}}`, true},
		"a broken list": {http.StatusOK, `{"data":null}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRecord(t)
			w.enrol("ok", "ok")
			w.front(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
				if r.Method == http.MethodGet && r.URL.Path == "/v1/payments" && r.URL.Query().Has("created_from") {
					rw.Header().Set("Content-Type", "application/json")
					rw.WriteHeader(c.status)
					_, _ = io.WriteString(rw, c.body)
					return
				}
				next.ServeHTTP(rw, r)
			})
			result := w.run(nil)
			require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
			left := strings.Join(result.Left, "\n")
			require.Contains(t, left, "what it charged cannot be listed")
			require.Equal(t, c.advised, strings.Contains(left, advice), left)
		})
	}
}

// front puts a handler before gateway main.
func (w *town) front(handle func(w http.ResponseWriter, r *http.Request, next http.Handler)) {
	next := w.sims["main"]
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { handle(rw, r, next) }))
	w.t.Cleanup(server.Close)
	w.urls["main"] = server.URL
}

func isList(r *http.Request) bool { return r.Method == http.MethodGet && r.URL.Path == "/v1/payments" }

// A list without an end is given up, and counts as incomplete: invoices are looked up, or not charged where that cannot
// be done. The mark does not move.
func TestAListWithoutAnEnd(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]func(n int64, cursor string) string{
		"ever new":    func(n int64, _ string) string { return strconv.FormatInt(n, 10) },
		"in a circle": func(_ int64, cursor string) string { return map[string]string{"": "A", "A": "B", "B": "A"}[cursor] },
		"round and round": func(_ int64, cursor string) string {
			return map[string]string{"": "A", "A": "B", "B": "C", "C": "B"}[cursor]
		},
	} {
		for _, askable := range []bool{true, false} {
			t.Run(fmt.Sprint(name, ", askable ", askable), func(t *testing.T) {
				w := newRecord(t)
				w.client = func(config *httpapi.Config) { config.NoFind = !askable }
				w.enrol("pm_ok:1")
				var n atomic.Int64
				w.front(func(rw http.ResponseWriter, r *http.Request, sim http.Handler) {
					if !isList(r) {
						sim.ServeHTTP(rw, r)
						return
					}
					_, _ = fmt.Fprintf(rw, `{"data": [], "next_cursor": %q}`, next(n.Add(1), r.URL.Query().Get("cursor")))
				})
				bounded := func(o *jobs.BillingOptions, _ *batch.Runner) {
					o.List = history.Bounds{Pages: 50, Time: time.Minute, Slice: 8}
				}
				result := w.run(bounded)
				require.LessOrEqual(t, n.Load(), int64(50))
				require.True(t, w.mark().IsZero())
				if askable {
					require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
					require.Equal(t, 3, w.requests("main", findPaymentByKey), "numbers 2 to 4")
					return
				}
				require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
				require.True(t, contains(result.Left, "gateway main was left alone: its list is not compared to the end"), "%v", result.Left)
				require.Zero(t, w.requests("main", createPayment))
			})
		}
	}
}

// The first run of a large shop does not wait for years of pages: what it does not come to is left to the next runs,
// each of which goes on from where the last one came to.
func TestALongListIsReadOverSeveralRuns(t *testing.T) {
	t.Parallel()
	w := newRecord(t)
	worktest.Enrol(t, w.plain, 2, "2025-12-01", nil)
	begun := time.Date(2025, time.December, 1, 12, 0, 0, 0, time.UTC)
	for i := range 120 { // two a day
		_, err := w.sims["main"].Inject(simulator.Entry{
			Key: fmt.Sprintf("ord_%d-1", i), Reference: fmt.Sprintf("ord_%d", i), CustomerID: "c", Method: "m", Amount: 1, Currency: "KRW",
			CreatedAt: begun.Add(time.Duration(i) * 12 * time.Hour),
		})
		require.NoError(t, err)
	}
	w.front(func(rw http.ResponseWriter, r *http.Request, sim http.Handler) {
		if isList(r) {
			q := r.URL.Query()
			q.Set("limit", "2")
			r.URL.RawQuery = q.Encode()
		}
		sim.ServeHTTP(rw, r)
	})
	bounded := func(o *jobs.BillingOptions, _ *batch.Runner) {
		o.List = history.Bounds{Pages: 20, Time: time.Minute, Slice: 6}
	}
	require.Equal(t, batch.ExitDone, w.run(bounded).Exit)
	require.Equal(t, 2*4, w.requests("main", findPaymentByKey), "its list does not answer for them: all numbers of both")
	var marks []time.Time
	for day := 1; len(marks) < 12; day++ {
		marks = append(marks, w.mark())
		require.False(t, w.mark().IsZero())
		if n := len(marks); n > 1 {
			require.True(t, marks[n-1].After(marks[n-2]), "%v", marks)
		}
		if w.clock()().Sub(w.mark()) < time.Hour {
			break
		}
		before := w.requests("main", listPayments)
		w.on(fmt.Sprintf("2026-02-%02d", day))
		require.Equal(t, batch.ExitDone, w.run(bounded).Exit)
		require.LessOrEqual(t, w.requests("main", listPayments)-before, 20)
	}
	require.Greater(t, len(marks), 2)
	require.Less(t, len(marks), 12, "it comes to the end")
	require.Empty(t, w.twice())
}

// Two runs at once know each other's charges.
func TestTwoRunsKnowEachOthersCharges(t *testing.T) {
	t.Parallel()
	w := newRecord(t)
	worktest.Enrol(t, w.plain, 80, day0, nil)
	results := make(chan batch.Result, 2)
	for range 2 {
		go func() { results <- w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.ChunkSize = 4 }) }()
	}
	for range 2 {
		result := <-results
		require.Contains(t, []int{batch.ExitDone, batch.ExitUnfinished}, result.Exit, "%v", result)
		require.NoError(t, result.Err)
	}
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	require.Empty(t, w.twice())
	require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM unknown_charges`))
}

// In a sandbox charges are made before their due date: without a mark the list is read from the beginning of time.
func TestAheadOfTime(t *testing.T) {
	t.Parallel()
	w := newRecord(t)
	worktest.Enrol(t, w.plain, 3, "2026-03-31", nil)
	restore := worktest.Backup(t, w.plain)
	ahead := func(o *jobs.BillingOptions, _ *batch.Runner) {
		o.AllowFuture, o.Selection.Business = true, worktest.Day(t, "2026-03-31")
	}
	require.Equal(t, batch.ExitDone, w.run(ahead).Exit)
	require.Equal(t, 3, w.sims["main"].Stats().Payments)
	restore()
	w.sims["main"].ForgetKeys()
	w.on("2026-02-10")
	result := w.run(ahead)
	require.Equal(t, batch.ExitFailed, result.Exit, "%v", result)
	require.Equal(t, 3, w.sims["main"].Stats().Payments)
	require.Empty(t, w.twice())
}

// recoverable leaves an attempt in doubt that may be sent again.
func (w *town) recoverable() {
	w.t.Helper()
	w.leave(1)
	worktest.Exec(w.t, w.plain, `UPDATE payment_attempts SET created_at = ?`, w.clock()().UTC())
}

// Recovery looks up while the list is read, but sends nothing again to a gateway that has unknown charges.
func TestRecoveryWaitsForTheList(t *testing.T) {
	t.Parallel()
	for _, unknown := range []bool{false, true} {
		w := newRecord(t)
		w.enrol("pm_ok:1")
		w.recoverable()
		if unknown {
			_, err := w.sims["main"].Inject(simulator.Entry{
				Key: "sub_9_20260131-1", Reference: "sub_9_20260131", CustomerID: "c", Method: "m", Amount: 1, Currency: "KRW",
			})
			require.NoError(t, err)
		}
		var listed atomic.Bool
		asked := make(chan struct{})
		tell := sync.OnceFunc(func() { close(asked) })
		w.front(func(rw http.ResponseWriter, r *http.Request, sim http.Handler) {
			switch {
			case isList(r):
				select { // look-ups wait for no list
				case <-asked:
				case <-r.Context().Done():
				}
				listed.Store(true)
			case r.Method == http.MethodGet:
				tell()
			case r.Method == http.MethodPost && !listed.Load():
				t.Errorf("%s before the list was read", strings.ToLower(r.URL.Path))
			}
			sim.ServeHTTP(rw, r)
		})
		result := w.run(nil)
		if unknown {
			require.Equal(t, batch.ExitFailed, result.Exit, "%v", result)
			require.Zero(t, w.requests("main", createPayment))
			continue
		}
		require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
		require.Equal(t, 1, w.requests("main", createPayment))
	}
}

// A list that does not show what the gateway took proves nothing: what a lost history charged is looked up, or not charged.
// So it is where the database may have been restored, although the list shows all that the tables know.
func TestAListThatIsNotWhole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		askable, suspected bool
		hides              func(key string) bool
	}{
		"empty, askable":                         {true, false, func(string) bool { return true }},
		"empty":                                  {false, false, func(string) bool { return true }},
		"without what was lost, after a restore": {true, true, func(key string) bool { return key > "sub_3" }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRecord(t)
			w.client = func(config *httpapi.Config) { config.NoFind = !c.askable }
			var hides atomic.Bool
			w.front(func(rw http.ResponseWriter, r *http.Request, sim http.Handler) {
				if !isList(r) || !hides.Load() {
					sim.ServeHTTP(rw, r)
					return
				}
				taken := httptest.NewRecorder()
				sim.ServeHTTP(taken, r)
				var page map[string]any
				require.NoError(t, json.Unmarshal(taken.Body.Bytes(), &page))
				var shown []any
				all, _ := page["data"].([]any)
				for _, p := range all {
					if key, _ := p.(map[string]any)["idempotency_key"].(string); !c.hides(key) {
						shown = append(shown, p)
					}
				}
				page["data"] = append([]any{}, shown...)
				require.NoError(t, json.NewEncoder(rw).Encode(page))
			})
			w.enrol("pm_ok:1", "pm_ok:2")
			require.Equal(t, batch.ExitDone, w.run(nil).Exit)
			w.enrol("pm_ok:3", "pm_ok:4", "pm_ok:5")
			restore := worktest.Backup(t, w.plain)
			require.Equal(t, batch.ExitDone, w.run(nil).Exit)
			restore()
			w.sims["main"].ForgetKeys()
			w.on("2026-02-02")
			hides.Store(true)
			result := w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.Suspected = func() bool { return c.suspected } })
			require.Empty(t, w.twice())
			require.Equal(t, 5, w.sims["main"].Stats().Payments)
			if c.suspected {
				require.Equal(t, batch.ExitDone, result.Exit, "they were looked up: %v", result)
			} else {
				require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
				require.True(t, contains(result.Left, "gateway main lists its payments without pay_"), "%v", result.Left)
			}
		})
	}
}
