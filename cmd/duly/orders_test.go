package main

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/decide"
	"duly/internal/gateway/simulator"
	"duly/internal/inspect"
	"duly/internal/orders"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/registry"
	"duly/internal/test/golden"
	"duly/internal/test/worktest"
	"duly/internal/view"
)

// order adds an order of 12,900 won for one piece of product 1, placed two hours ago, with a pending payment under
// its key; there says how the payment stands at the gateway, empty: it never arrived. It returns the order's id.
func (s *shop) order(t *testing.T, status string, there payment.Status) uint64 {
	t.Helper()
	s.exec(t, `INSERT INTO products (id, name, stock, low_stock_threshold) VALUES (1, 'Vitamin C', 5, 3) ON DUPLICATE KEY UPDATE id = id`)
	result, err := s.db.ExecContext(t.Context(), `INSERT INTO orders (customer_id, status, amount, currency, created_at, updated_at)
VALUES ('cus_1', ?, 12900, 'KRW', UTC_TIMESTAMP(6) - INTERVAL 2 HOUR, UTC_TIMESTAMP(6) - INTERVAL 2 HOUR)`, status)
	require.NoError(t, err)
	last, err := result.LastInsertId()
	require.NoError(t, err)
	id := uint64(last)
	key := fmt.Sprintf("ord_%d-1", id)
	s.exec(t, `INSERT INTO order_items (order_id, product_id, quantity) VALUES (?, 1, 1)`, id)
	s.exec(t, `INSERT INTO payments (order_id, gateway, idempotency_key, status, amount, currency, created_at, updated_at)
VALUES (?, 'main', ?, 'pending', 12900, 'KRW', UTC_TIMESTAMP(6) - INTERVAL 2 HOUR, UTC_TIMESTAMP(6) - INTERVAL 2 HOUR)`, id, key)
	if there != "" {
		e := simulator.Entry{
			Key: key, Reference: orders.Reference(id), CustomerID: "cus_1", Amount: 12900, Currency: "KRW", Status: there,
			CreatedAt: time.Now().Add(-2 * time.Hour),
		}
		if there == payment.Declined {
			e.DeclineCode = "insufficient_funds"
		}
		_, err := s.sim.Inject(e)
		require.NoError(t, err)
	}
	return id
}

func (s *shop) status(t *testing.T, order uint64) string {
	t.Helper()
	var status string
	require.NoError(t, s.db.GetContext(t.Context(), &status, `SELECT CONCAT(o.status, ' ', p.status) FROM orders o JOIN payments p ON p.order_id = o.id WHERE o.id = ?`, order))
	return status
}

func TestRunReconcile(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	paid, abandoned := s.order(t, "payment_in_progress", payment.Succeeded), s.order(t, "pending", "")
	declined, late := s.order(t, "payment_in_progress", payment.Declined), s.order(t, "failed", payment.Succeeded)
	young := s.order(t, "pending", payment.Succeeded)
	s.exec(t, "UPDATE orders SET updated_at = UTC_TIMESTAMP(6) WHERE id = ?", young)
	due := document[registry.ReconcileForecast](t, s.duly(t, "run", "reconcile", "--dry-run", "--json"))
	require.Len(t, due.FirstOrders, 4)
	worktest.Taken(t, s.db, s.sim, "main", time.Now().Add(-48*time.Hour), time.Now().Add(-time.Minute))

	got := s.duly(t, "run", "reconcile", "--json")
	doc := document[view.Summary](t, got)
	require.Equal(t, map[string]int64{"KRW": 12900}, doc.Collected)
	require.Equal(t, map[string]int64{"KRW": 12900}, doc.Refunded)
	require.Equal(t, "completed succeeded", s.status(t, paid))
	require.Equal(t, "failed failed", s.status(t, abandoned))
	require.Equal(t, "failed failed", s.status(t, declined))
	require.Equal(t, "failed refunded", s.status(t, late))
	require.Equal(t, "pending pending", s.status(t, young), "somebody is still paying")
	require.Equal(t, batch.ExitDone, got.code, doc.Left)

	var text strings.Builder
	for _, id := range []uint64{paid, abandoned, declined, late, young} {
		require.Equal(t, batch.ExitDone, s.duly(t, "show", "order", fmt.Sprint(id), "--json").code)
		got := s.duly(t, "show", "order", fmt.Sprint(id))
		require.Equal(t, batch.ExitDone, got.code)
		fmt.Fprintf(&text, "=== %s\n%s", s.status(t, id), steady(got.out))
	}
	golden.Equal(t, "show-order.golden", text.String())
}

// An order that differs is frozen until an operator settles its payment.
func TestResolveAPayment(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id := s.order(t, "payment_in_progress", payment.Succeeded)
	s.exec(t, "UPDATE payments SET amount = 12800, updated_at = created_at")
	got := s.duly(t, "run", "reconcile")
	require.Equal(t, batch.ExitReview, got.code, got.out)
	require.Contains(t, got.out, fmt.Sprintf("order %d  ", id))
	require.Contains(t, got.out, fmt.Sprintf(" · duly show order %d\n", id))
	require.Contains(t, got.out, "Review     1 needs you · duly list review\n")
	require.Equal(t, "payment_in_progress review", s.status(t, id))
	pay := fmt.Sprint(s.number(t, "SELECT id FROM payments"))

	refused := s.duly(t, "requeue", "order", fmt.Sprint(id))
	require.Equal(t, batch.ExitUsage, refused.code)
	require.Contains(t, refused.err, "duly resolve payment "+pay)
	refused = s.duly(t, "resolve", "payment", pay, "--as", "not_executed", "--reason", "so I hear")
	require.Equal(t, batch.ExitUsage, refused.code)
	require.Contains(t, refused.err, "succeeded")
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM operator_actions"))

	s.exec(t, "UPDATE payments SET amount = 12900")
	there := s.sim.Ledger()[0].ID
	done := s.duly(t, "resolve", "payment", pay, there, "--as", "paid", "--reason", "the row was wrong", "--json")
	require.Equal(t, batch.ExitDone, done.code, done.err)
	require.True(t, document[decide.Resolved](t, done).Done)
	require.Equal(t, int64(1), s.number(t, "SELECT COUNT(*) FROM operator_actions WHERE action = 'resolve' AND reason = 'the row was wrong'"))
	s.exec(t, "UPDATE orders SET updated_at = UTC_TIMESTAMP(6) - INTERVAL 1 HOUR")
	s.exec(t, "UPDATE payments SET updated_at = UTC_TIMESTAMP(6) - INTERVAL 1 HOUR")
	got = s.duly(t, "run", "reconcile")
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
	require.Equal(t, "completed succeeded", s.status(t, id))
}

// An attempt in review is settled by hand, and the next run goes by it.
func TestResolveAnAttempt(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "wrong_amount", 500)
	require.Equal(t, batch.ExitReview, s.duly(t, "run", "billing").code)
	refused := s.duly(t, "requeue", "invoice", "1", "7")
	require.Equal(t, batch.ExitUsage, refused.code)
	require.Equal(t, "duly: attempt 1 of invoice 1 may have taken money: duly resolve attempt 1 --as … --reason … first\nduly: no invoice 7; see duly show subscription ID\n", refused.err)
	there := s.sim.Ledger()[0]
	refused = s.duly(t, "resolve", "attempt", "1", there.ID, "--as", "paid", "--reason", "x")
	require.Equal(t, batch.ExitUsage, refused.code)
	require.Contains(t, refused.err, "give it back")
	require.NoError(t, s.sim.Amend(there.ID, func(e *simulator.Entry) { e.Refunded = e.Amount }))
	done := s.duly(t, "resolve", "attempt", "1", "--as", "refunded", "--reason", "support gave it back")
	require.Equal(t, batch.ExitDone, done.code, done.err)
	require.Equal(t, "attempt 1 resolved as refunded: invoice 1 is void\n", done.out)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Len(t, s.sim.Ledger(), 1, "it is not charged again")
}

// hook is a receiver of events.
type hook struct {
	mu     sync.Mutex
	status int
	bodies []string
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b strings.Builder
	_, _ = fmt.Fprint(&b, r.Header.Get("Webhook-Id"))
	h.bodies = append(h.bodies, b.String())
	w.WriteHeader(h.status)
}

func TestRunOutbox(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.exec(t, `INSERT INTO events (type, subject, payload) VALUES ('shop.greeting', 'customer:1', '{"hello":"world"}')`)
	got := s.duly(t, "run", "outbox")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.err, "neither outbox.url nor Slack is configured")

	receiver := &hook{status: http.StatusGone}
	server := httptest.NewServer(receiver)
	t.Cleanup(server.Close)
	s.env = append(s.env, "DULY_OUTBOX_URL="+server.URL+"/hook?token=s3cr3t", "DULY_OUTBOX_SECRET=whsec_"+strings.Repeat("QUJD", 8), "DULY_OUTBOX_TRIES=1")
	receiver.status = http.StatusTeapot
	got = s.duly(t, "run", "outbox")
	require.Equal(t, batch.ExitReview, got.code, got.out+got.err)
	require.Contains(t, got.out, "           duly requeue event 1")

	receiver.status = http.StatusNoContent
	require.Equal(t, batch.ExitDone, s.duly(t, "requeue", "event", "1").code)
	got = s.duly(t, "run", "outbox")
	require.Equal(t, batch.ExitDone, got.code, got.out+got.err)
	require.Len(t, receiver.bodies, 2)
	require.Equal(t, receiver.bodies[0], receiver.bodies[1], "the same message has the same id")
	refused := s.duly(t, "requeue", "event", "1")
	require.Equal(t, batch.ExitUsage, refused.code)
	require.Contains(t, refused.err, "event 1 was not given up")
}

// A receiver that refuses events is named with what it answers and with the command that tries it, by the run that met it, by those
// that wait for the next try, and by status.
func TestAFailingReceiverIsNamed(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.exec(t, `INSERT INTO events (type, subject, payload) VALUES ('shop.greeting', 'customer:1', '{}'), ('shop.greeting', 'customer:2', '{}')`)
	server := httptest.NewServer(&hook{status: http.StatusUnauthorized})
	t.Cleanup(server.Close)
	s.env = append(s.env, "DULY_OUTBOX_URL="+server.URL, "DULY_OUTBOX_SECRET=whsec_"+strings.Repeat("QUJD", 8))
	why := server.Listener.Addr().String() + " answered 401 Unauthorized"
	for range 2 {
		got := s.duly(t, "run", "outbox")
		require.Equal(t, batch.ExitUnfinished, got.code, got.out+got.err)
		require.Contains(t, got.out, "\nCause      2 × not delivered to webhook: "+why+"\nThen       duly doctor --webhook\n")
		require.Contains(t, got.err, "commonest causes")
	}
	got := s.duly(t, "status")
	require.Contains(t, strings.Join(strings.Fields(got.out), " "), "most often: "+why+" · duly doctor --webhook")
	require.Equal(t, why, document[inspect.StatusView](t, s.duly(t, "status", "--json")).Undelivered[0].Cause)

	s.exec(t, `UPDATE event_deliveries SET status = 'dead', next_try_at = NULL`)
	got = s.duly(t, "list", "dead-events")
	require.Contains(t, got.out, why)
	require.Contains(t, got.out, "\n  1, 2 · duly doctor --webhook, then duly requeue event --dead --sink webhook\n")
}

// An event whose row is at fault is not delivered again before the row is put right: the receiver is not to blame.
func TestAnUnreadableEventNamesItsRow(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.exec(t, `ALTER TABLE events MODIFY payload TEXT NULL`)
	s.exec(t, `INSERT INTO events (type, subject, payload) VALUES ('shop.greeting', 'customer:1', '{'), ('shop.greeting', 'customer:2', NULL)`)
	server := httptest.NewServer(&hook{status: http.StatusNoContent})
	t.Cleanup(server.Close)
	s.env = append(s.env, "DULY_OUTBOX_URL="+server.URL, "DULY_OUTBOX_SECRET=whsec_"+strings.Repeat("QUJD", 8))
	got := s.duly(t, "run", "outbox")
	require.Equal(t, batch.ExitReview, got.code, got.out+got.err)
	require.Contains(t, got.out, "Then       duly requeue event 2  # once payload of row 2 in table events is fixed\n"+
		"           duly requeue event 1  # once payload of row 1 in table events is fixed\n")
	require.NotContains(t, got.out, "doctor")
	require.Contains(t, s.duly(t, "list", "dead-events").out, "\n  2 · fix payload of row 2 in table events, then duly requeue event 2\n")
}

func TestRunReport(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id := s.order(t, "completed", "")
	s.exec(t, "UPDATE orders SET completed_at = '2026-03-01 15:30:00' WHERE id = ?", id) // 2 March in Seoul
	got := s.duly(t, "run", "report", "--from", "2026-03-01", "--to", "2026-03-02")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	golden.Equal(t, "report.golden", steady(got.out))
	doc := document[view.Summary](t, s.duly(t, "run", "report", "--date", "2026-03-02", "--json"))
	require.Equal(t, []query.DayOrders{{Date: parsed(t, "2026-03-02"), Currency: "KRW", OrdersCompleted: 1, AmountCompleted: 12900}}, doc.Daily.Orders)
	got = s.duly(t, "run", "report", "--date", "2026-03-02", "--csv")
	rows, err := csv.NewReader(strings.NewReader(got.out)).ReadAll()
	require.NoError(t, err, "standard output holds the table alone")
	require.Equal(t, []string{"2026-03-02", "orders", "KRW", "", "", "1", "0", "", "12900", "0"}, rows[1])
	require.Equal(t, []string{"2026-03-02", "product", "KRW", "1", "Vitamin C", "", "", "1", "12900", ""}, rows[2])
}

// Orders that a view gives without an amount are named by the run, its document and its log, and are no zeros of a sum.
func TestAReportNamesOrdersWithoutAnAmount(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.order(t, "completed", "")
	odd := s.order(t, "completed", "")
	s.exec(t, "UPDATE orders SET completed_at = '2026-03-01 15:30:00'")
	s.exec(t, "RENAME TABLE orders TO real_orders")
	s.exec(t, fmt.Sprintf(`CREATE VIEW orders AS SELECT id, customer_id, status, IF(id = %d, NULL, amount) AS amount, currency, created_at, updated_at,
completed_at, failed_at, failure_reason FROM real_orders`, odd))
	says := fmt.Sprintf("1 × completed order without an amount, in no sum: %d", odd)
	for _, dry := range []string{"--no-progress", "--dry-run"} {
		got := s.duly(t, "run", "report", "--date", "2026-03-02", dry)
		require.Equal(t, batch.ExitDone, got.code, got.err)
		require.Contains(t, got.out, says)
	}
	got := s.duly(t, "run", "report", "--date", "2026-03-02", "--json")
	require.Contains(t, got.err, "rows without an amount or a currency are in no sum of the report")
	daily := document[view.Summary](t, got).Daily
	require.Equal(t, int64(1), daily.Orders[0].OrdersCompleted)
	require.Equal(t, []uint64{odd}, daily.Problems[0].IDs)
}

func parsed(t *testing.T, text string) payment.Date {
	t.Helper()
	d, err := payment.ParseDate(text)
	require.NoError(t, err)
	return d
}

func TestRunAudit(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	_, err := s.sim.Inject(simulator.Entry{
		Key: "unknown-1", Reference: "ord_99", CustomerID: "cus_9", Amount: 700, Currency: "KRW", Status: payment.Succeeded,
		CreatedAt: time.Now().Add(-time.Hour),
	})
	require.NoError(t, err)
	got := s.duly(t, "run", "audit")
	require.Equal(t, batch.ExitReview, got.code, got.out+got.err)
	golden.Equal(t, "audit.golden", steady(got.out))
	got = s.duly(t, "run", "audit")
	require.Equal(t, batch.ExitDone, got.code, "it is no news any more")
	require.Contains(t, got.out, "finding 1")
	require.Equal(t, batch.ExitDone, s.duly(t, "resolve", "finding", "1", "--as", "ignored", "--reason", "a test").code)
	require.NotContains(t, s.duly(t, "run", "audit").out, "finding 1")
}

// Each job of the night runs whatever the one before ended with, and the night ends with the worst of their codes.
func TestRunNightly(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "ok", 12900)
	s.enrol(t, "wrong_amount", 500)
	got := s.duly(t, "run", "nightly")
	require.Equal(t, batch.ExitReview, got.code, got.out+got.err)
	golden.Equal(t, "nightly.golden", steady(got.out))
	require.Equal(t, int64(6), s.number(t, "SELECT COUNT(DISTINCT job) FROM job_runs"))

	s.exec(t, "INSERT INTO pauses (subject, who, reason) VALUES ('billing', 'ada', 'holiday')")
	doc := document[nightlyDocument](t, s.duly(t, "run", "nightly", "--json"))
	require.Equal(t, batch.ExitNotRun, doc.Exit, "a night without billing is no green one")
	require.Empty(t, doc.NotBegun)
	require.Len(t, doc.Jobs, 6)
	require.Equal(t, batch.ExitNotRun, doc.Jobs[1].Exit)
	require.Contains(t, doc.Jobs[1].Error, "ada paused billing (\"holiday\")")
	require.Nil(t, doc.Jobs[1].Document)
	require.Equal(t, "reconcile", doc.Jobs[0].Document.Job)
}

// The audit of a night comes before billing if no whole one has followed what billing compared.
func TestANightAuditsFirstWhatNoAuditHasSeen(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	order := func() []string {
		var names []string
		for _, p := range document[nightlyDocument](t, s.duly(t, "run", "nightly", "--json")).Jobs {
			names = append(names, p.Job)
		}
		return names
	}
	plain := []string{"reconcile", "billing", "outbox", "report", "audit", "prune"}
	require.Equal(t, plain, order())
	s.exec(t, `INSERT INTO gateway_accounts (gateway, address, account, listed_to) VALUES ('main', 'old', '', UTC_TIMESTAMP(6) + INTERVAL 3 HOUR)`)
	require.Equal(t, []string{"reconcile", "audit", "billing", "outbox", "report", "prune"}, order())
	s.exec(t, `UPDATE gateway_accounts SET listed_to = UTC_TIMESTAMP(6) WHERE address = 'old'`)
	require.Equal(t, plain, order(), "the audit of the night before followed it closely enough")
}

// nightlyDocument is nightlyView as it is read back.
type nightlyDocument struct {
	Job  string `json:"job"`
	Exit int    `json:"exit_code"`
	Jobs []struct {
		Job      string        `json:"job"`
		Exit     int           `json:"exit_code"`
		Error    string        `json:"error"`
		Document *view.Summary `json:"document"`
	} `json:"jobs"`
	NotBegun []string `json:"not_begun"`
}

func TestTheWorstOfANight(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		codes []int
		want  int
	}{
		{[]int{0, 0, 0}, 0},
		{[]int{5, 5}, 5},
		{[]int{5, 0}, 5},
		{[]int{5, 3, 0}, 3},
		{[]int{0, 3, 0}, 3},
		{[]int{3, 4, 3}, 4},
		{[]int{4, 1, 3}, 1},
		{[]int{1, 2}, 2},
		{[]int{1, 143}, 143},
	} {
		v := view.Night{}
		for _, code := range c.codes {
			v.Jobs = append(v.Jobs, view.NightPart{Exit: code})
		}
		require.Equal(t, c.want, v.Worst(), c.codes)
	}
	require.Equal(t, batch.ExitUnfinished, view.Night{Jobs: []view.NightPart{{Exit: 3}}, NotBegun: []string{"prune"}}.Worst())
	require.Equal(t, batch.ExitFailed, view.Night{Jobs: []view.NightPart{{Exit: 1}}, NotBegun: []string{"prune"}}.Worst())
}
