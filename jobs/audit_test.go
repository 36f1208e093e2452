package jobs_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/gateway/httpapi"
	"duly/internal/gateway/simulator"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/runs"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/jobs"
	"duly/steps"
)

// auditor compares a shop's books with one gateway's, by a clock that the test sets.
type auditor struct {
	t       *testing.T
	plain   *testdb.DB
	sim     *simulator.Simulator
	url     string
	now     time.Time
	asked   func(r *http.Request) // sees every request before the gateway does
	client  func(*httpapi.Config)
	gateway func(gateway.Gateway) gateway.Gateway
	notes   []string
	prefix  string // of our keys

	ours   [][]any // payments of orders that are not written yet
	orders [][]any
	tries  [][]any
}

func newAuditor(t *testing.T) *auditor {
	t.Helper()
	a := &auditor{
		t: t, plain: testdb.New(t), sim: simulator.New(simulator.Config{Token: "token"}),
		now: time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC),
	}
	a.sim.Update(func(c *simulator.Config) { c.Now = func() time.Time { return a.now } })
	var one sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		func() {
			one.Lock()
			defer one.Unlock()
			if a.asked != nil {
				a.asked(r)
			}
		}()
		a.sim.ServeHTTP(w, r)
	}))
	a.url = server.URL
	t.Cleanup(func() {
		a.sim.Close()
		server.Close()
	})
	return a
}

// latest is the end of the window of an audit that begins now.
func (a *auditor) latest() time.Time { return a.now.Add(-jobs.AuditLag) }

// kept is a payment as one of the sides has it; with no At it was made in the middle of the first window.
type kept struct {
	Key, Reference, Status string
	ID                     string // the gateway's id, where ours names it
	Order                  string // the order's status; completed by default
	Code                   string // why it failed
	Amount, Refunded       int64
	At                     time.Time
}

func (a *auditor) fill(k kept, status string) kept {
	if k.At.IsZero() {
		k.At = a.latest().Add(-12 * time.Hour)
	}
	if k.Amount == 0 {
		k.Amount = 1000
	}
	if k.Status == "" {
		k.Status = status
	}
	if k.Order == "" {
		k.Order = "completed"
	}
	return k
}

// there puts a payment into the gateway's books and returns its id.
func (a *auditor) there(k kept) string {
	a.t.Helper()
	k = a.fill(k, "succeeded")
	id, err := a.sim.Inject(simulator.Entry{
		Key: k.Key, Reference: k.Reference, CustomerID: "c", Method: "pm", Amount: k.Amount, Currency: "KRW",
		Status: payment.Status(k.Status), Refunded: k.Refunded, CreatedAt: k.At,
	})
	require.NoError(a.t, err)
	return id
}

// order adds an order with its number, and a payment of ours for it, once flush is called.
func (a *auditor) order(id int, k kept) {
	k = a.fill(k, "succeeded")
	a.orders = append(a.orders, []any{id, "c", k.Order, k.Amount, "KRW", k.At})
	a.payment(id, k)
}

// payment adds one of an order that is there.
func (a *auditor) payment(order int, k kept) {
	k = a.fill(k, "succeeded")
	null := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	a.ours = append(a.ours, []any{order, "main", null(k.ID), null(k.Key), k.Status, k.Amount, "KRW", null(k.Code), k.Refunded, k.At})
}

// attempt adds an attempt of an invoice of its own.
func (a *auditor) attempt(subscription int, k kept) {
	k = a.fill(k, "succeeded")
	a.tries = append(a.tries, []any{subscription, subscription, 1, 0, k.Key, k.Reference, "c", k.Amount, "KRW", "main", "pm", 1, k.Status, 1, k.At})
}

func (a *auditor) flush() {
	a.t.Helper()
	write := func(head string, rows *[][]any) {
		for len(*rows) > 0 {
			n := min(len(*rows), 1000)
			_, err := mysql.Insert(a.t.Context(), a.plain, head, (*rows)[:n], "")
			require.NoError(a.t, err)
			*rows = (*rows)[n:]
		}
	}
	write(`INSERT INTO orders (id, customer_id, status, amount, currency, created_at) VALUES `, &a.orders)
	write(`INSERT INTO payments (order_id, gateway, transaction_key, idempotency_key, status, amount, currency, failure_code, refunded_amount, created_at) VALUES `, &a.ours)
	write(`INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount, currency,
gateway, payment_method, body_version, status, run_id, created_at) VALUES `, &a.tries)
}

// audit runs the job.
func (a *auditor) audit(change func(*jobs.AuditOptions)) batch.Result {
	a.t.Helper()
	return a.auditOn(a.t.Context(), a.plain.DSN, change)
}

func (a *auditor) auditOn(ctx context.Context, dsn string, change func(*jobs.AuditOptions)) batch.Result {
	a.t.Helper()
	a.flush()
	db := worktest.Open(a.t, dsn)
	cfg := httpapi.Config{
		Name: "main", URL: a.url, Token: "token", Timeout: 5 * time.Second, ConnectTimeout: time.Second,
		KeyLife: 24 * time.Hour, LongestRequest: 2 * time.Minute, MaxConns: 8, Now: time.Now,
	}
	if a.client != nil {
		a.client(&cfg)
	}
	client, err := httpapi.New(cfg)
	require.NoError(a.t, err)
	var provider gateway.Gateway = client
	if a.gateway != nil {
		provider = a.gateway(client)
	}
	paced := gateway.Limit("main", provider, gateway.Limits{Tries: 1, Now: time.Now})
	defer paced.Close()
	zone, err := time.LoadLocation("Asia/Seoul")
	require.NoError(a.t, err)
	business := func() time.Time { return a.now }
	deps := jobs.Deps{
		KeyPrefixes: map[string]string{"main": a.prefix},
		DB:          db, Repository: &runs.Repository{DB: db, Now: business}, Gateways: steps.Gateways{"main": paced},
		Parallelism: func(string) int { return 8 }, Clock: time.Now, Business: business, Zone: zone, Heartbeat: time.Second,
	}
	o := jobs.AuditOptions{Lag: jobs.AuditLag, ChunkSize: 500, Note: func(text string) { a.notes = append(a.notes, text) }}
	if change != nil {
		change(&o)
	}
	runner := &batch.Runner{Repository: deps.Repository, Heartbeat: deps.Heartbeat, Drain: worktest.Patience, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	spec := worktest.Spec()
	spec.Job = jobs.AuditJob
	result, err := runner.Run(ctx, jobs.Audit(deps, o), spec)
	require.NoError(a.t, err)
	return result
}

// lookUps is how many payments the gateway was asked about one by one.
func (a *auditor) lookUps() int {
	requests := a.sim.Stats().Requests
	return requests["getPayment"] + requests["findPaymentByKey"]
}

// found are the findings in words.
func (a *auditor) found() []string {
	a.t.Helper()
	return worktest.List[string](a.t, a.plain, `SELECT CONCAT_WS(' ', kind, reference, gateway_payment_id) FROM audit_findings ORDER BY kind, reference, gateway_payment_id`)
}

// audited is up to when everything is audited, by the newest run.
func (a *auditor) audited() string {
	a.t.Helper()
	return worktest.Get[string](a.t, a.plain, `SELECT COALESCE(JSON_UNQUOTE(JSON_EXTRACT(params, '$.audited_to')), '') FROM job_runs ORDER BY id DESC LIMIT 1`)
}

// both adds a payment of an order that is right on both sides.
func (a *auditor) both(order int, k kept) {
	a.t.Helper()
	k.Key, k.Reference = fmt.Sprintf("ord_%d-1", order), fmt.Sprintf("ord_%d", order)
	theirs := k
	if k.Status == "failed" {
		theirs.Status = "declined"
	}
	a.there(theirs)
	a.order(order, k)
}

// 20,000 payments, half of invoices and half of orders, over a whole window and beyond its edges; five of them
// differ, one at each edge, and one where the clocks of both sides are ten minutes apart.
func TestAuditFindsExactlyWhatDiffers(t *testing.T) {
	t.Parallel()
	n := worktest.Volume(6_000, 20_000)
	a := newAuditor(t)
	to := a.latest()
	from := to.Add(-24 * time.Hour)
	step := (25*time.Hour + 30*time.Minute) / time.Duration(n)
	for i := range n / 2 {
		at := from.Add(-time.Hour).Add(time.Duration(2*i) * step)
		apart := time.Duration(i%41-20) * 30 * time.Second // the gateway's clock, up to ten minutes off
		status, theirs := "succeeded", "succeeded"
		if i%10 == 3 {
			status, theirs = "declined", "declined"
		}
		sub := kept{Key: fmt.Sprintf("sub_%d_20260131-1", i+1), Reference: fmt.Sprintf("sub_%d_20260131", i+1), At: at, Status: status}
		a.attempt(i+1, sub)
		sub.Status, sub.At = theirs, at.Add(apart)
		a.there(sub)

		order := kept{Key: fmt.Sprintf("ord_%d-1", i+1), Reference: fmt.Sprintf("ord_%d", i+1), At: at.Add(step)}
		switch i % 10 {
		case 3:
			order.Status, order.Code, order.Order = "failed", "insufficient_funds", "failed"
		case 4:
			order.Status, order.Refunded, order.Order = "refunded", 1000, "failed"
		case 5: // reconcile will find it
			order.Status, order.Order = "pending", "payment_in_progress"
		case 6:
			order.Key = ""
		}
		record := order
		record.Key, record.At, record.Status = fmt.Sprintf("ord_%d-1", i+1), order.At.Add(apart), "succeeded"
		if i%10 == 3 {
			record.Status = "declined"
		}
		id := a.there(record)
		if order.Key == "" || i%10 == 7 {
			order.ID = id
		}
		a.order(i+1, order)
	}
	// The five.
	first := a.there(kept{Key: "ord_30001-1", Reference: "ord_30001", At: from})
	a.order(30002, kept{Key: "ord_30002-1", At: to.Add(-time.Microsecond)})
	third := a.there(kept{Key: "sub_30003_20260131-1", Reference: "sub_30003_20260131", At: to.Add(10*time.Minute - time.Second), Amount: 1100})
	a.attempt(30003, kept{Key: "sub_30003_20260131-1", Reference: "sub_30003_20260131", At: to.Add(-time.Second)})
	fourth := a.there(kept{Key: "ord_30004-1", Reference: "ord_30004"})
	a.order(30004, kept{Key: "ord_30004-1", Status: "failed", Code: "stolen_card", Order: "failed"})
	a.both(30005, kept{})
	fifth := a.there(kept{Key: "ord_30005-2", Reference: "ord_30005"})
	// What differs outside of the window is for another audit.
	a.there(kept{Key: "ord_40001-1", Reference: "ord_40001", At: from.Add(-time.Microsecond)})
	a.there(kept{Key: "ord_40002-1", Reference: "ord_40002", At: to})
	a.order(40003, kept{Key: "ord_40003-1", At: from.Add(-time.Microsecond)})
	a.order(40004, kept{Key: "ord_40004-1", At: to})
	a.attempt(40005, kept{Key: "sub_40005_20260131-1", Reference: "sub_40005_20260131", At: from.Add(-time.Microsecond)})
	a.attempt(40006, kept{Key: "sub_40006_20260131-1", Reference: "sub_40006_20260131", At: to})

	result := a.audit(nil)
	require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
	want := []string{
		"amount_differs sub_30003_20260131 " + third,
		"charged_twice ord_30005 " + fifth,
		"status_differs ord_30004 " + fourth,
		"unknown_here ord_30001 " + first,
		"unknown_there ord_30002",
	}
	require.Equal(t, want, trimmed(a.found()))
	require.EqualValues(t, 5, result.Tally.Review)
	require.Less(t, a.lookUps(), 50, "what is listed is not looked up")
	require.Contains(t, strings.Join(a.notes, "\n"), "payments of the window not settled yet")

	again := a.audit(func(o *jobs.AuditOptions) { o.Window = payment.Window{From: from, To: to} })
	require.Equal(t, batch.ExitDone, again.Exit, "%v", again)
	require.Equal(t, want, trimmed(a.found()))
	require.EqualValues(t, 5, again.Tally.Declined)
}

// trimmed drops the space that an empty id leaves.
func trimmed(lines []string) []string {
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return lines
}

// A gateway whose clock is off lists by it too.
func TestAuditOfAGatewayWhoseClockIsOff(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{-10 * time.Minute, 10 * time.Minute} {
		t.Run(skew.String(), func(t *testing.T) {
			a := newAuditor(t)
			a.sim.Update(func(c *simulator.Config) { c.ClockSkew = skew })
			for i := range 300 {
				a.both(i+1, kept{At: a.latest().Add(-24*time.Hour - 25*time.Minute).Add(time.Duration(i) * 5 * time.Minute)})
			}
			require.Equal(t, batch.ExitDone, a.audit(nil).Exit)
			require.Empty(t, a.found())
			a.now = a.now.Add(6 * time.Hour)
			require.Equal(t, batch.ExitDone, a.audit(nil).Exit)
			require.Empty(t, a.found())
			require.Zero(t, a.lookUps())
		})
	}
}

func TestAuditWindows(t *testing.T) {
	t.Parallel()
	const form = "2006-01-02T15:04:05.000000Z"
	a := newAuditor(t)
	start := a.latest()
	windows := func() [2]string {
		return [2]string{
			worktest.Get[string](t, a.plain, `SELECT JSON_UNQUOTE(JSON_EXTRACT(params, '$.window_from')) FROM job_runs ORDER BY id DESC LIMIT 1`),
			worktest.Get[string](t, a.plain, `SELECT JSON_UNQUOTE(JSON_EXTRACT(params, '$.window_to')) FROM job_runs ORDER BY id DESC LIMIT 1`),
		}
	}
	days := func(from, to string) func(*jobs.AuditOptions) {
		return func(o *jobs.AuditOptions) {
			if from != "" {
				o.From = worktest.Day(t, from)
			}
			if to != "" {
				o.To = worktest.Day(t, to)
			}
		}
	}
	only := func(step string) func(*jobs.AuditOptions) {
		return func(o *jobs.AuditOptions) { o.Steps = []string{step} }
	}
	stop := func(down bool) { a.sim.Update(func(c *simulator.Config) { c.Outage = down }) }
	at := func(d time.Duration) string { return start.Add(d).Format(form) }
	for _, c := range []struct {
		name     string
		after    time.Duration // since the first
		change   func(*jobs.AuditOptions)
		down     bool
		from, to string
		audited  string
		exit     int
	}{
		{name: "a day that nothing follows on from", change: days("2026-01-20", ""), from: "2026-01-19T15:00:00.000000Z", to: "2026-01-20T15:00:00.000000Z"},
		{name: "the first looks back for a day", from: at(-24 * time.Hour), to: at(0), audited: at(0)},
		{name: "the next goes on, an hour before its end", after: 24 * time.Hour, from: at(-time.Hour), to: at(24 * time.Hour), audited: at(24 * time.Hour)},
		{name: "a gateway that is down", after: 30 * time.Hour, down: true, exit: batch.ExitUnfinished, from: at(23 * time.Hour), to: at(30 * time.Hour), audited: at(24 * time.Hour)},
		{name: "one step alone", after: 31 * time.Hour, change: only(jobs.StepMatch), from: at(23 * time.Hour), to: at(31 * time.Hour), audited: at(24 * time.Hour)},
		{name: "the other alone", after: 32 * time.Hour, change: only(jobs.StepLookUp), from: at(23 * time.Hour), to: at(32 * time.Hour), audited: at(24 * time.Hour)},
		{name: "days of the past", after: 33 * time.Hour, change: days("2026-01-01", "2026-01-02"), from: "2025-12-31T15:00:00.000000Z", to: "2026-01-02T15:00:00.000000Z", audited: at(24 * time.Hour)},
		{name: "nothing was left out", after: 72 * time.Hour, from: at(23 * time.Hour), to: at(72 * time.Hour), audited: at(72 * time.Hour)},
		{name: "days that follow on, up to now", after: 96 * time.Hour, change: days("2026-02-03", "2026-02-05"), from: "2026-02-02T15:00:00.000000Z", to: at(96 * time.Hour), audited: at(96 * time.Hour)},
		{name: "days with a gap before them", after: 200 * time.Hour, change: days("", "2026-02-08"), from: "2026-02-07T15:00:00.000000Z", to: "2026-02-08T15:00:00.000000Z", audited: at(96 * time.Hour)},
		{name: "twice at once", after: 96*time.Hour + time.Minute, from: at(95 * time.Hour), to: at(96*time.Hour + time.Minute), audited: at(96*time.Hour + time.Minute)},
		{name: "a clock that was set back", after: 90 * time.Hour, from: at(95*time.Hour + time.Minute), to: at(90 * time.Hour), audited: at(96*time.Hour + time.Minute)},
	} {
		a.now = start.Add(jobs.AuditLag + c.after)
		stop(c.down)
		result := a.audit(c.change)
		require.Equal(t, c.exit, result.Exit, "%s: %v", c.name, result)
		require.Equal(t, [2]string{c.from, c.to}, windows(), c.name)
		require.Equal(t, c.audited, a.audited(), c.name)
	}
	require.Contains(t, a.notes, "there is nothing to audit yet: the window is empty")

	past, ok := jobs.PastAuditWindow(worktest.Get[[]byte](t, a.plain, `SELECT params FROM job_runs WHERE id = 3`))
	require.True(t, ok)
	require.Equal(t, payment.Window{From: start.Add(-time.Hour), To: start.Add(24 * time.Hour)}, past)
	_, ok = jobs.PastAuditWindow([]byte(`{}`))
	require.False(t, ok)
}

// What our own tables tell, whatever gateways say.
func TestAuditOfOurOwnTables(t *testing.T) {
	t.Parallel()
	a := newAuditor(t)
	for i, order := range []string{"completed", "pending", "payment_in_progress", "failed", "cancelled", "shipped", "pending", "failed"} {
		a.both(i+1, kept{Order: order})
	}
	a.both(9, kept{})
	a.there(kept{Key: "ord_9-2", Reference: "ord_9"})
	a.payment(9, kept{Key: "ord_9-2"})
	for i := range 2 { // in two pages
		at := a.latest().Add(-time.Duration(20*i+1) * time.Hour)
		a.there(kept{Key: fmt.Sprintf("sub_1_20260131-%d", i+1), Reference: "sub_1_20260131", At: at})
		a.tries = append(a.tries, []any{1, 1, i + 1, 0, fmt.Sprintf("sub_1_20260131-%d", i+1), "sub_1_20260131", "c", 1000, "KRW", "main", "pm", 1, "succeeded", 1, at})
	}
	for i := range 40 {
		a.there(kept{Key: fmt.Sprintf("sub_%d_20260131-1", i+2), Reference: fmt.Sprintf("sub_%d_20260131", i+2)})
		a.attempt(i+2, kept{Key: fmt.Sprintf("sub_%d_20260131-1", i+2), Reference: fmt.Sprintf("sub_%d_20260131", i+2)})
	}
	// An order that will be checked again, and one that an operator has.
	worktest.Exec(t, a.plain, `INSERT INTO order_checks (order_id, next_check_at, checked_at) VALUES (7, '2030-01-01', '2026-01-01')`)
	worktest.Exec(t, a.plain, `INSERT INTO order_checks (order_id, checked_at, reason) VALUES (8, '2026-01-01', 'differs')`)

	result := a.audit(func(o *jobs.AuditOptions) { o.ChunkSize = 10 })
	require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
	require.Equal(t, []string{
		"charged_twice ord_9", "charged_twice sub_1_20260131",
		"order_unsettled ord_2", "order_unsettled ord_3", "order_unsettled ord_4", "order_unsettled ord_5",
	}, trimmed(a.found()))
	require.EqualValues(t, 6, result.Tally.Review, "each once, however many pages it was met in")
}

// abilities is a gateway that can do less.
type abilities struct {
	gateway.Gateway
	change func(*gateway.Capabilities)
}

func (g abilities) Capabilities() gateway.Capabilities {
	a := g.Gateway.Capabilities()
	g.change(&a)
	return a
}

// Gateways that list nothing: every settled payment of ours is looked up, by id or by key.
func TestAuditOfAGatewayThatListsNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*gateway.Capabilities)
		client func(*httpapi.Config)
		found  []string
		note   string
	}{
		"it can be asked by key": {
			change: func(g *gateway.Capabilities) { g.List = false },
			found:  []string{"status_differs ord_2 pay_0000000002", "status_differs ord_5 pay_0000000005", "unknown_there ord_3"},
		},
		"by id alone": {
			change: func(g *gateway.Capabilities) { g.List, g.FindByKey = false, false },
			client: func(c *httpapi.Config) { c.NoFind = true },
			found:  []string{"status_differs ord_5 pay_0000000005"},
			note:   "2 payments without an id that gateway main can be asked by",
		},
		"its absence proves nothing": {
			change: func(g *gateway.Capabilities) { g.List, g.LookupOutlivesKey, g.KeyLife = false, false, time.Hour },
			found:  []string{"status_differs ord_2 pay_0000000002", "status_differs ord_5 pay_0000000005"},
			note:   "1 payment unknown to gateway main, whose absence proves nothing",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAuditor(t)
			a.client, a.gateway = c.client, func(g gateway.Gateway) gateway.Gateway { return abilities{g, c.change} }
			before := kept{Key: "ord_1-1", Reference: "ord_1", At: a.latest().Add(-13 * time.Hour)}
			before.ID = a.there(before)
			a.order(1, before)
			a.there(kept{Key: "ord_2-1", Reference: "ord_2"})
			a.order(2, kept{Key: "ord_2-1", Status: "failed", Code: "lost_card", Order: "failed"})
			a.order(3, kept{Key: "ord_3-1"})
			a.order(4, kept{Key: "ord_4-1", Status: "pending", Order: "pending"})
			a.there(kept{Key: "other", Reference: "other"}) // of which nobody here can know
			a.there(kept{Key: "other2", Reference: "other2"})
			a.order(5, kept{Key: "ord_5-1", Status: "succeeded", ID: a.there(kept{Key: "ord_5-1", Reference: "ord_5", Status: "declined"})})
			after := kept{Key: "ord_6-1", Reference: "ord_6", At: a.latest().Add(-11 * time.Hour)}
			after.ID = a.there(after)
			a.order(6, after)
			result := a.audit(nil)
			require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
			require.Equal(t, c.found, trimmed(a.found()))
			require.Contains(t, strings.Join(a.notes, "\n"), "gateway main lists no payments")
			require.Contains(t, strings.Join(a.notes, "\n"), c.note)
			require.NotEmpty(t, a.audited(), "what cannot be known keeps no window open")
		})
	}
}

func TestAuditOfAGatewayThatIsNotConfigured(t *testing.T) {
	t.Parallel()
	a := newAuditor(t)
	a.both(1, kept{})
	a.order(2, kept{Key: "ord_2-1"})
	a.flush()
	worktest.Exec(t, a.plain, `UPDATE payments SET gateway = 'former' WHERE order_id = 2`)
	require.Equal(t, batch.ExitDone, a.audit(nil).Exit)
	require.Empty(t, a.found())
	require.Contains(t, a.notes, "1 payment of gateway former, which is not configured")
}

// A finding is one row, however often it is seen. A resolved one stays resolved until something about it changes.
func TestAuditAfterFindingsWereResolved(t *testing.T) {
	t.Parallel()
	a := newAuditor(t)
	id := a.there(kept{Key: "ord_1-1", Reference: "ord_1"})
	require.Equal(t, batch.ExitReview, a.audit(nil).Exit)
	first := a.now
	a.now = a.now.Add(time.Minute)
	week := func(o *jobs.AuditOptions) {
		o.From, o.To = worktest.Day(t, "2026-01-30"), worktest.Day(t, "2026-02-02")
	}
	require.Equal(t, batch.ExitDone, a.audit(week).Exit)
	type row struct {
		First, Last time.Time
		Open        bool
		Run         int
	}
	rows := func() []row {
		var got []row
		require.NoError(t, a.plain.SelectContext(t.Context(), &got, `SELECT first_seen_at AS first, last_seen_at AS last, resolved_at IS NULL AS open, run_id AS run FROM audit_findings`))
		return got
	}
	require.Equal(t, []row{{first, a.now, true, 1}}, rows())

	worktest.Exec(t, a.plain, `UPDATE audit_findings SET resolved_at = UTC_TIMESTAMP(6), resolution = 'ignored'`)
	require.Equal(t, batch.ExitDone, a.audit(week).Exit)
	require.Equal(t, []row{{first, a.now, false, 1}}, rows())

	require.NoError(t, a.sim.Amend(id, func(e *simulator.Entry) { e.Refunded = 300 }))
	result := a.audit(week)
	require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
	require.Equal(t, []row{{first, a.now, true, 4}}, rows())
	require.Equal(t, batch.ExitDone, a.audit(week).Exit)

	require.NoError(t, a.sim.Amend(id, func(e *simulator.Entry) { e.Refunded = 1000 }))
	require.Equal(t, batch.ExitDone, a.audit(week).Exit, "refunded: nothing is to be found any more")
}

// many plants findings on several pages, between two payments that the gateway shows.
func (a *auditor) many(n int) {
	a.t.Helper()
	a.both(90_001, kept{At: a.latest().Add(-24*time.Hour - time.Minute)})
	a.both(90_002, kept{At: a.latest().Add(-time.Minute)})
	for i := range n {
		at := a.latest().Add(-24 * time.Hour).Add(time.Duration(i) * time.Second)
		if i%2 == 0 {
			a.there(kept{Key: fmt.Sprintf("ord_%d-1", i+1), Reference: fmt.Sprintf("ord_%d", i+1), At: at})
		} else {
			a.order(i+1, kept{Key: fmt.Sprintf("ord_%d-1", i+1), At: at})
		}
	}
}

func TestTwoAuditsAtOnce(t *testing.T) {
	t.Parallel()
	a := newAuditor(t)
	a.many(400)
	a.flush()
	other := *a
	other.notes = nil
	var results [2]batch.Result
	var work sync.WaitGroup
	work.Go(func() { results[1] = other.audit(nil) })
	results[0] = a.audit(nil)
	work.Wait()
	require.Len(t, a.found(), 400)
	require.EqualValues(t, 400, results[0].Tally.Review+results[1].Tally.Review, "each finding is new once")
	for _, r := range results {
		require.Contains(t, []int{batch.ExitDone, batch.ExitReview}, r.Exit, "%v", r)
	}
}

// An audit that dies in the middle of a page leaves nothing behind that the next one does not tell of.
func TestAuditAfterAnAuditThatDied(t *testing.T) {
	t.Parallel()
	a := newAuditor(t)
	a.many(2600)
	ctx, die := context.WithCancel(t.Context())
	defer die()
	lists := 0
	a.asked = func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/payments") {
			if lists++; lists == 2 {
				die()
			}
		}
	}
	result := a.auditOn(ctx, a.plain.DSN, nil)
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.NotEmpty(t, a.found())
	require.Less(t, len(a.found()), 1400)
	require.Empty(t, a.audited())
	// As it stands if nobody could say any more how it ended.
	worktest.Exec(t, a.plain, `UPDATE job_runs SET status = 'running', exit_code = NULL, finished_at = NULL, heartbeat_at = UTC_TIMESTAMP(6) - INTERVAL 1 HOUR`)
	a.asked = nil
	result = a.audit(nil)
	require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
	require.Len(t, a.found(), 2600)
	require.EqualValues(t, 2600, result.Tally.Review, "nobody was told of the first ones")
	require.NotEmpty(t, a.audited())
}

// A payment that changes while it is looked at is no finding.
func TestAuditOfWhatMovesMeanwhile(t *testing.T) {
	t.Parallel()
	a := newAuditor(t)
	id := a.there(kept{Key: "ord_1-1", Reference: "ord_1"})
	a.order(1, kept{Key: "ord_1-1", ID: id, Status: "failed", Code: "lost_card", Order: "failed"})
	id = a.there(kept{Key: "ord_2-1", Reference: "ord_2"})
	a.order(2, kept{Key: "ord_2-1", ID: id})
	a.flush()
	amend := func(id string, status payment.Status) {
		if err := a.sim.Amend(id, func(e *simulator.Entry) { e.Status = status }); err != nil {
			t.Error(err)
		}
	}
	amend("pay_0000000002", payment.Pending)
	a.asked = func(r *http.Request) {
		switch { // between the list and the second look the shop writes what it knows, and the gateway decides
		case strings.HasSuffix(r.URL.Path, "/pay_0000000001"):
			if _, err := a.plain.ExecContext(r.Context(), `UPDATE payments SET status = 'refund_due' WHERE order_id = 1`); err != nil {
				t.Error(err)
			}
		case strings.HasSuffix(r.URL.Path, "/pay_0000000002"):
			amend("pay_0000000002", payment.Succeeded)
		}
	}
	result := a.audit(nil)
	require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
	require.Empty(t, a.found())
	require.EqualValues(t, 1, result.Tally.InDoubt)
}

func TestAuditWhoseCommitWasLost(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testdb.Proxy) <-chan struct{}{
		"its answer": (*testdb.Proxy).LoseCommitAnswer, "on the way there": (*testdb.Proxy).LoseCommit,
	} {
		t.Run(name, func(t *testing.T) {
			a := newAuditor(t)
			a.many(40)
			a.flush()
			proxy := testdb.NewProxy(t, a.plain.DSN)
			var lost <-chan struct{}
			a.asked = func(r *http.Request) { // after the look-ups of a page comes the commit of its findings
				if lost == nil && strings.Contains(r.URL.Path, "/pay_") {
					lost = lose(proxy)
				}
			}
			result := a.auditOn(t.Context(), proxy.DSN, nil)
			<-lost
			require.Equal(t, batch.ExitReview, result.Exit, "%v", result)
			require.Len(t, a.found(), 40)
			require.EqualValues(t, 40, result.Tally.Review)
		})
	}
}

func TestAuditOfAGatewayThatFails(t *testing.T) {
	t.Parallel()
	a := newAuditor(t)
	a.many(10)
	a.sim.Update(func(c *simulator.Config) { c.Outage = true })
	result := a.audit(nil)
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Contains(t, strings.Join(result.Left, "\n"), "not audited: gateway main")
	require.Empty(t, a.found(), "nothing is missing at a gateway that did not say what it has")

	a.sim.Update(func(c *simulator.Config) { c.Outage = false })
	a.asked = func(r *http.Request) { // it lists nothing, but answers
		if strings.HasSuffix(r.URL.Path, "/payments") {
			r.URL.Path = "/elsewhere"
		}
	}
	result = a.audit(nil)
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Zero(t, a.lookUps(), "a whole list is not made up for by look-ups")
	a.asked = nil

	a.sim.Update(func(c *simulator.Config) { c.Forbidden = true })
	result = a.audit(nil)
	require.Equal(t, batch.ExitFailed, result.Exit, "%v", result)
	require.ErrorContains(t, result.Err, "check gateways.main.token")

	// It lists, but cannot be asked about single payments.
	a.sim.Update(func(c *simulator.Config) { c.Forbidden = false })
	a.asked = func(r *http.Request) {
		if strings.Contains(r.URL.Path, "/pay_") || strings.Contains(r.URL.Path, "/by-key/") {
			r.URL.Path = "/elsewhere"
		}
	}
	result = a.audit(nil)
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Contains(t, strings.Join(result.Left, "\n"), "gateway main could not be asked about every payment")
	require.Empty(t, a.found())

	a.asked = nil
	require.Equal(t, batch.ExitReview, a.audit(nil).Exit)
	require.Len(t, a.found(), 10)
}
