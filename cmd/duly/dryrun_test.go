package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/app"
	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/preview"
	"duly/internal/registry"
	"duly/internal/test/golden"
	"duly/internal/view"
	"duly/jobs"
)

// numbers is the number that each table's next row would get.
func (s *shop) numbers(t *testing.T) string {
	t.Helper()
	var rows []string
	require.NoError(t, s.db.SelectContext(t.Context(), &rows, `SELECT CONCAT_WS(' ', TABLE_NAME, AUTO_INCREMENT) FROM information_schema.TABLES
WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME`))
	return strings.Join(rows, "\n")
}

// filled fills a shop with something for every job to do, and has events go to the receiver.
func (s *shop) filled(t *testing.T, to *hook) {
	t.Helper()
	server := httptest.NewServer(to)
	t.Cleanup(server.Close)
	for range 3 {
		s.enrol(t, "ok", 12900)
	}
	s.enrol(t, "soft", 100)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	s.env = append(s.env, "DULY_OUTBOX_URL="+server.URL+"/hook", "DULY_OUTBOX_SECRET=whsec_"+strings.Repeat("QUJD", 8))
	s.enrol(t, "ok", 4900)

	s.order(t, "payment_in_progress", payment.Succeeded)
	s.order(t, "payment_in_progress", payment.Pending)
	s.order(t, "pending", "")
	for _, wait := range []string{"NULL", "NULL", "UTC_TIMESTAMP(6) + INTERVAL 1 HOUR"} {
		id := s.order(t, "failed", "")
		s.exec(t, "UPDATE payments SET status = 'refund_due' WHERE order_id = ?", id)
		s.exec(t, "INSERT INTO order_checks (order_id, refund_next_at) VALUES (?, "+wait+")", id)
	}
	s.exec(t, "UPDATE orders SET failed_at = UTC_TIMESTAMP(6) WHERE status = 'failed'") // today, also shortly after midnight
	doubt := s.order(t, "payment_in_progress", payment.Pending)
	s.exec(t, "INSERT INTO order_checks (order_id, next_check_at) VALUES (?, UTC_TIMESTAMP(6) + INTERVAL 1 HOUR)", doubt)
	sold := s.order(t, "completed", "")
	s.exec(t, "UPDATE orders SET completed_at = UTC_TIMESTAMP(6) - INTERVAL 1 DAY WHERE id = ?", sold)
	s.exec(t, "UPDATE payments SET status = 'succeeded' WHERE order_id = ?", sold)

	// Of a run a hundred days ago, of which the newest of its kind is kept.
	for id := range 3 {
		s.exec(t, `INSERT INTO job_runs (job, business_date, params, status, exit_code, lease, lease_ms, host, pid, version, started_at, finished_at, heartbeat_at)
VALUES ('prune', '2020-01-01', '{}', 'completed', 0, ?, 1000, 'elsewhere', 7, 'v1', '2020-01-01', '2020-01-01', '2020-01-01')`, fmt.Sprintf("%016d", id))
	}
	s.exec(t, "UPDATE job_runs SET id = id + 100 WHERE job = 'billing'") // the newest comes last
	s.exec(t, "UPDATE step_runs SET run_id = run_id + 100")

	first := s.number(t, "SELECT MIN(id) FROM events")
	for back, status := range []string{"delivered", "pending", "pending"} {
		s.exec(t, `INSERT INTO event_deliveries (event_id, sink, subject, status, tries, next_try_at)
VALUES (?, 'webhook', ?, ?, ?, UTC_TIMESTAMP(6) + INTERVAL ? HOUR)`, first+int64(back), fmt.Sprint(back), status, back, back-1)
	}
	s.exec(t, "UPDATE events SET type = IF(id = ?, 'payment.failed', 'invoice.paid')", first+3) // charges end in any order
	s.exec(t, "UPDATE events SET created_at = '2020-01-01' WHERE id <= ?", first+1)
	s.exec(t, "INSERT INTO outbox_marks (sink, event_id, seen_id, seen_at) VALUES ('webhook', ?, ?, UTC_TIMESTAMP(6))", first+2, first+2)
}

// A dry run of any job changes no row, gives out no number, and calls neither a gateway nor a receiver; what it says
// is of use.
func TestDryRunOfEveryJob(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	receiver := &hook{status: 204}
	s.filled(t, receiver)
	rows, numbers, requests := s.tables(t), s.numbers(t), s.sim.Stats().Requests
	require.Contains(t, numbers, "events ", "numbers are seen")
	var text strings.Builder
	for _, job := range registry.Names() {
		for _, more := range []string{"", "--json", "--no-progress"} {
			got := s.duly(t, strings.Fields("run "+job+" --dry-run "+more)...)
			require.Equal(t, batch.ExitDone, got.code, "%s: %s%s", job, got.out, got.err)
			switch more {
			case "":
				fmt.Fprintf(&text, "=== duly run %s --dry-run\n%s", job, got.out)
			case "--json":
				require.True(t, json.Valid([]byte(got.out)), got.out)
				require.NotContains(t, got.out, "null")
			}
		}
	}
	golden.Equal(t, "dryruns.golden", anyHour(steady(text.String())))
	require.Equal(t, rows, s.tables(t))
	require.Equal(t, numbers, s.numbers(t))
	require.Equal(t, requests, s.sim.Stats().Requests)
	require.Empty(t, receiver.bodies)
}

// What is foretold happens.
func TestForecastsHold(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	receiver := &hook{status: 204}
	s.filled(t, receiver)
	told := document[registry.ReconcileForecast](t, s.duly(t, "run", "reconcile", "--dry-run", "--json"))
	var checked int64
	for _, o := range told.Orders {
		checked += o.Count
	}
	require.Equal(t, int64(3), checked)
	require.Equal(t, []preview.RefundSum{{Gateway: "main", Currency: "KRW", Count: 2, Amount: 25800}}, told.Refunds)
	require.Equal(t, int64(1), told.Later)
	require.Equal(t, int64(1), told.InDoubt)
	limited := document[registry.ReconcileForecast](t, s.duly(t, "run", "reconcile", "--dry-run", "--json", "--limit", "4"))
	require.True(t, limited.Limited)
	require.Len(t, limited.FirstRefunds, 1)
	one := document[registry.ReconcileForecast](t, s.duly(t, "run", "reconcile", "--dry-run", "--json", "--step", "refund", "--chunk-size", "1"))
	require.Empty(t, one.Orders)
	require.Equal(t, told.Refunds, one.Refunds, "whatever the page")

	pruned := document[registry.PruneForecast](t, s.duly(t, "run", "prune", "--dry-run", "--json"))
	require.Equal(t, []int64{2, 1, 1, 1}, []int64{pruned.Runs, pruned.RunsKept, pruned.Events, pruned.EventsKept})
	pruned = document[registry.PruneForecast](t, s.duly(t, "run", "prune", "--dry-run", "--json", "--limit", "1"))
	require.Equal(t, []int64{1, 0}, []int64{pruned.Runs, pruned.Events})
	require.True(t, pruned.Limited)

	figures := document[registry.ReportForecast](t, s.duly(t, "run", "report", "--dry-run", "--json")).Daily
	require.Len(t, figures.Orders, 1)
	require.Equal(t, s.duly(t, "run", "report", "--csv", "--dry-run").out, s.duly(t, "run", "report", "--csv").out)
	require.Equal(t, figures, *document[view.Summary](t, s.duly(t, "run", "report", "--json")).Daily)

	audited := document[registry.AuditForecast](t, s.duly(t, "run", "audit", "--dry-run", "--json"))
	untilNow := document[registry.AuditForecast](t, s.duly(t, "run", "audit", "--dry-run", "--json", "--until-now"))
	require.WithinDuration(t, audited.To.Add(jobs.AuditLag), untilNow.To, jobs.AuditLag/2)
	require.Equal(t, []string{"main"}, audited.Listed)
	require.WithinDuration(t, audited.To.Add(-24*time.Hour), audited.From, 0)
	require.Len(t, audited.Payments, 1, "the attempts are too young to be audited")
	require.Equal(t, int64(8), audited.Payments[0].Count)

	events := document[registry.OutboxForecast](t, s.duly(t, "run", "outbox", "--dry-run", "--json"))
	var due int64
	for _, p := range events.Pending {
		due += p.New + p.Due
	}
	require.Equal(t, s.number(t, "SELECT COUNT(*) FROM events")-2, due, "one is delivered, one waits")
	require.True(t, document[registry.OutboxForecast](t, s.duly(t, "run", "outbox", "--dry-run", "--json", "--limit", "1")).Limited)

	s.duly(t, "run", "outbox")
	require.Len(t, receiver.bodies, int(due))
	run := s.duly(t, "run", "reconcile", "--json", "--step", "reconcile")
	require.Equal(t, checked, document[view.Summary](t, run).Steps[0].Read)
	s.duly(t, "run", "prune")
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM job_runs WHERE id <= 2 AND job = 'prune' AND finished_at < '2021-01-01' AND id < (SELECT * FROM (SELECT MAX(id) FROM job_runs WHERE finished_at < '2021-01-01') x)"))
}

// What a run would leave or send to review is named, with its first ids, and the run does the same.
func TestDryRunNamesProblems(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for range 7 {
		s.enrol(t, "ok", 100)
	}
	s.exec(t, "UPDATE subscriptions SET currency = 'EUX' WHERE id <= 7")
	for range 2 {
		s.exec(t, "UPDATE subscriptions SET gateway = 'maim' WHERE id = ?", s.enrol(t, "ok", 100))
	}
	s.enrol(t, "ok", 100)
	s.exec(t, `INSERT INTO invoices (id, subscription_id, due_date, amount, currency, status, issued_date, next_attempt_date) VALUES
(1, 99, '2026-01-01', 100, 'KRW', 'open', '2026-01-01', '2026-01-01')`)
	s.exec(t, `INSERT INTO payment_attempts (id, invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount, currency, gateway, payment_method,
body_version, status, run_id, next_check_at) VALUES (1, 9, 98, 1, 0, 'k', 'r', 'c', 100, 'KRW', 'old', 'pm', 1, 'in_doubt', 1, '2020-01-01')`)
	told := document[registry.BillingForecast](t, s.duly(t, "run", "billing", "--dry-run", "--json"))
	strange, absent := `currency "EUX" is not a known ISO 4217 code in upper case`, `gateway "maim" is not configured here`
	require.Equal(t, []preview.Problem{
		{What: "attempt", Result: preview.ProblemLeft, Why: `gateway "old" is not configured here`, Count: 1, IDs: []uint64{1}},
		{What: "subscription", Result: preview.ProblemReview, Why: strange, Count: 7, IDs: []uint64{1, 2, 3, 4, 5}},
		{What: "subscription", Result: preview.ProblemLeft, Why: absent, Count: 2, IDs: []uint64{8, 9}},
		{What: "invoice", Result: preview.ProblemReview, Why: "its subscription is gone", Count: 1, IDs: []uint64{1}},
	}, told.Problems)
	require.Empty(t, told.Unsettled, "nobody here can ask about it")
	require.Equal(t, int64(8), told.Review)
	require.Equal(t, int64(3), told.LeftAlone)
	people := s.duly(t, "run", "billing", "--dry-run").out
	require.Contains(t, people, "7 subscriptions will go to review: "+strange+" (1, 2, 3, 4, 5 and 2 more)\n")
	require.Contains(t, people, "2 subscriptions will be skipped: "+absent+" (8, 9)\n")

	run := document[view.Summary](t, s.duly(t, "run", "billing", "--json", "--step", "issue", "--step", "collect"))
	require.Equal(t, batch.ExitUnfinished, run.Exit)
	require.Equal(t, told.Review, s.number(t, "SELECT (SELECT COUNT(*) FROM subscriptions WHERE review_reason IS NOT NULL) + (SELECT COUNT(*) FROM invoices WHERE status = 'review')"))
	require.Equal(t, told.LeftAlone, s.number(t, "SELECT (SELECT COUNT(*) FROM subscriptions WHERE gateway = 'maim' AND review_reason IS NULL) + (SELECT COUNT(*) FROM payment_attempts WHERE status = 'in_doubt')"))

	elsewhere, odd, back := s.order(t, "payment_in_progress", ""), s.order(t, "payment_in_progress", ""), s.order(t, "failed", "")
	s.exec(t, "UPDATE payments SET gateway = 'maim' WHERE order_id IN (?, ?)", elsewhere, back)
	s.exec(t, "UPDATE payments SET status = 'refund_due' WHERE order_id = ?", back)
	s.exec(t, "UPDATE orders SET currency = 'EUX', updated_at = updated_at WHERE id = ?", odd)
	refund := uint64(s.number(t, "SELECT id FROM payments WHERE order_id = ?", back))
	s.exec(t, "UPDATE payments SET updated_at = created_at")
	reconcile := document[registry.ReconcileForecast](t, s.duly(t, "run", "reconcile", "--dry-run", "--json"))
	require.Equal(t, []preview.Problem{
		{What: "order", Result: preview.ProblemLeft, Why: absent, Count: 1, IDs: []uint64{elsewhere}},
		{What: "order", Result: preview.ProblemChecked, Why: strange, Count: 1, IDs: []uint64{odd}},
		{What: "payment", Result: preview.ProblemLeft, Why: absent, Count: 1, IDs: []uint64{refund}},
	}, reconcile.Problems)
	require.Equal(t, int64(2), reconcile.LeftAlone)
	require.Contains(t, s.duly(t, "run", "reconcile", "--dry-run").out, fmt.Sprintf("1 order will be checked, and go to review if paid: %s (%d)\n", strange, odd))
}

// What is paused is left alone, and said so.
func TestDryRunOfWhatIsPaused(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.filled(t, &hook{status: 204})
	s.exec(t, "INSERT INTO pauses (subject, who, reason) VALUES ('gateway:main', 'ada', 'maintenance'), ('reconcile', 'ada', 'holiday')")
	got := s.duly(t, "run", "reconcile", "--dry-run")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.out, "5 rows skipped: the gateway is paused")
	require.Contains(t, got.out, "! will not run: ada paused reconcile (\"holiday\"); duly resume reconcile")
	require.Contains(t, s.duly(t, "run", "audit", "--dry-run").out, "skipped, since these are paused: main")
}

// A job of one's own need not be able to preview anything. What it does in a dry run all the same has no effect.
func TestDryRunOfAJobWithoutAForecast(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "ok", 100)
	dry := func(w registry.Job) (*app.Execution, error) {
		a := newApp(s.env, &strings.Builder{}, &strings.Builder{})
		w.Name, w.Steps = "own", func(int) []string { return nil }
		e, err := a.Prepare(t.Context(), w, registry.Flags{DryRun: true}, func(string) bool { return false })
		require.NoError(t, err)
		t.Cleanup(e.Close)
		return e, e.DryRun(t.Context())
	}
	left := func(reasons ...string) func(*registry.Request) (batch.Job, error) {
		return func(*registry.Request) (batch.Job, error) {
			return batch.Job{Left: func(context.Context) ([]string, error) { return reasons, nil }}, nil
		}
	}
	for want, job := range map[string]func(*registry.Request) (batch.Job, error){
		"what own has to do is known when it runs": func(*registry.Request) (batch.Job, error) { return batch.Job{}, nil },
		"nothing to do":    left(),
		"to do: 3 parcels": left("3 parcels"),
	} {
		e, err := dry(registry.Job{Build: job})
		require.NoError(t, err)
		require.Contains(t, fmt.Sprint(cli.Behind(e.Screen.Out)), want)
	}

	before := s.tables(t)
	_, err := dry(registry.Job{Preview: func(ctx context.Context, e *registry.Request, _ registry.Head) (any, func(), error) {
		_, err := e.Deps.DB.ExecContext(ctx, "UPDATE subscriptions SET amount = 1")
		return nil, func() {}, err
	}})
	require.ErrorContains(t, err, "READ ONLY")
	_, err = dry(registry.Job{Gateways: true, Preview: func(ctx context.Context, e *registry.Request, _ registry.Head) (any, func(), error) {
		e.Deps.Gateways["main"].Refund(ctx, payment.Refund{Key: "k", ID: "p", Amount: 1})
		return nil, func() {}, nil
	}})
	require.ErrorContains(t, err, "a dry run calls no gateway")
	require.Equal(t, before, s.tables(t))
	require.Empty(t, s.sim.Stats().Requests)

	// The control: the same statement takes effect on the connection of a run.
	db, err := mysql.Open(s.db.DSN, mysql.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.ExecContext(t.Context(), "UPDATE subscriptions SET amount = 1")
	require.NoError(t, err)
}
