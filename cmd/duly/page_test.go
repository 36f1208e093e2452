package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/app"
	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/gateway/simulator"
	"duly/internal/inspect"
	"duly/internal/page"
	"duly/internal/report"
	"duly/internal/test/browsertest"
	"duly/internal/view"
)

// numbers reads the table of steps of a page, by step and outcome.
const numbers = `Object.fromEntries([...document.querySelectorAll("tr[data-step]")].map(tr => [tr.dataset.step + " " + tr.dataset.count,
Number(tr.lastElementChild.textContent.replaceAll(",", ""))]))`

// The page of a real run opens in a real browser, asks for nothing, and says what `show run` says, to the last number.
func TestPageOfARun(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sim.Update(func(c *simulator.Config) { c.Latency.Fixed = 5 * time.Millisecond })
	s.exec(t, `INSERT INTO job_runs (id, job, business_date, params, status, lease, lease_ms, host, pid, version) VALUES
(1233, 'prune', UTC_DATE(), '{}', 'completed', 'abcdefghijklmnop', 1000, 'elsewhere', 7, 'v1')`)
	for range 1100 {
		s.enrol(t, "ok", 12_900)
	}
	for range 30 {
		s.enrol(t, "soft", 500)
	}
	s.exec(t, "UPDATE subscriptions SET currency = 'USD' WHERE id % 7 = 0")
	s.exec(t, "UPDATE subscriptions SET gateway = '', customer_id = '<b>cus</b>' WHERE id = 5")
	file := filepath.Join(t.TempDir(), "run.html")
	got := s.duly(t, "run", "billing", "--report", file, "--parallelism", "50")
	require.Equal(t, batch.ExitReview, got.code, got.err)
	require.Contains(t, got.out, "report: "+file)

	run := document[inspect.ShownRun](t, s.duly(t, "show", "run", "1234", "--json"))
	page, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, secret := range []string{secretMethod, secretToken, "cus_1", "<b>"} {
		require.NotContains(t, string(page), secret)
	}
	tab := browsertest.Start(t).Show(t, string(page))
	want := map[string]int64{}
	for _, step := range run.Steps {
		for outcome, n := range map[string]int64{
			"read": step.Read, "succeeded": step.Succeeded, "declined": step.Declined, "released": step.Released,
			"in_doubt": step.InDoubt, "rejected": step.Rejected, "review": step.Review,
		} {
			if n != 0 {
				want[step.Step+" "+outcome] = n
			}
		}
	}
	require.EqualValues(t, 1099, want["collect succeeded"])
	require.EqualValues(t, 1, want["issue review"])
	require.Equal(t, want, browsertest.Evaluate[map[string]int64](t, tab, numbers))
	collected := browsertest.Evaluate[map[string]string](t, tab,
		`Object.fromEntries([...document.querySelectorAll(".figures div:first-child [data-sum]")].map(p => [p.dataset.sum, p.textContent.trim()]))`)
	require.Equal(t, cli.Amounts(run.Run.Collected()), strings.Join(slices.Collect(func(yield func(string) bool) {
		for _, currency := range slices.Sorted(maps.Keys(collected)) {
			if !yield(collected[currency]) {
				return
			}
		}
	}), ", "))
	require.Contains(t, string(page), "1 row needs a person; the rest is done")
	require.Contains(t, string(page), "duly show subscription 5")
	figures := browsertest.Evaluate[map[string]string](t, tab,
		`Object.fromEntries([...document.querySelectorAll(".figures div")].map(div => [div.children[0].textContent, div.children[1].innerText.trim().replace(/\s+/g, " ")]))`)
	require.Equal(t, "30 invoices", figures["Unpaid"][len(figures["Unpaid"])-len("30 invoices"):])
	require.Equal(t, "97.3% 1,099 of 1,129", figures["Success rate"])
	require.Equal(t, "1 row", figures["Needs a person"])
	headings := browsertest.Evaluate[[]string](t, tab, `[...document.querySelectorAll("h2")].map(h => h.textContent)`)
	require.Equal(t, []string{"Needs a person", "Why declined", "Next", "Steps", "Details"}, headings)
	require.Contains(t, string(page), ": 30 retries")
	require.Len(t, tab.Requests(), 1)
	require.Empty(t, tab.Messages())

	var kept []byte
	require.NoError(t, s.db.GetContext(t.Context(), &kept, "SELECT report FROM job_runs WHERE id = 1234"))
	require.Less(t, len(kept), 8192)
	var m report.Measured
	require.NoError(t, json.Unmarshal(kept, &m))
	main := m.Gateways["main"]
	require.EqualValues(t, 1130, main.Requests, "one of them lists")
	require.EqualValues(t, 1099, main.Charges["succeeded"])
	require.EqualValues(t, 30, main.Charges["declined"])
	require.GreaterOrEqual(t, main.Latency.P50, 5.0)
	require.LessOrEqual(t, main.Latency.P50, main.Latency.P99)
	var paced int64
	for i := range m.Pace.Succeeded {
		paced += m.Pace.Succeeded[i] + m.Pace.Declined[i] + m.Pace.Others[i]
	}
	require.EqualValues(t, 1129, paced, "every charge is in the pace, and issuing is not")

	again := s.duly(t, "report", "1234", "--html", "-")
	require.Equal(t, batch.ExitDone, again.code, again.err)
	require.Equal(t, unwritten(string(page)), unwritten(again.out))
}

// unwritten takes the instant out at which a page was written.
func unwritten(page string) string {
	return regexp.MustCompile(`Written [^<]*`).ReplaceAllString(page, "")
}

// A night is one page, with every job and a part for each run.
func TestPageOfANight(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enrol(t, "ok", 700)
	s.exec(t, `INSERT INTO pauses (subject, who, reason) VALUES ('outbox', 'ada', 'the <b>receiver</b> moves')`)
	file := filepath.Join(t.TempDir(), "night.html")
	got := s.duly(t, "run", "nightly", "--report", file, "--json")
	require.Equal(t, batch.ExitNotRun, got.code, got.err)
	require.Contains(t, got.err, "report: "+file)
	doc := document[view.Night](t, got)
	page, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NotContains(t, string(page), "<b>")
	tab := browsertest.Start(t).Show(t, string(page))
	jobs := browsertest.Evaluate[[]string](t, tab, `[...document.querySelectorAll(".jobs tbody tr")].map(tr => tr.innerText.replace(/\s+/g, " "))`)
	for _, want := range []string{"billing 1 subscription invoiced 1 charge paid", "outbox not run · exit 5", `ada paused outbox ("the <b>receiver</b> moves")`} {
		require.Contains(t, strings.Join(jobs, "\n"), want)
	}
	text := browsertest.Evaluate[string](t, tab, "document.body.innerText")
	for _, part := range doc.Jobs {
		require.Contains(t, text, part.Job)
	}
	require.Contains(t, text, "700 KRW")
	articles := browsertest.Evaluate[[]string](t, tab, `[...document.querySelectorAll("article > h3")].map(h => h.textContent.split(",")[0])`)
	require.Equal(t, []string{"Reconcile", "Billing", "Report", "Audit", "Prune"}, articles)
	require.Empty(t, tab.Messages())
	require.Len(t, tab.Requests(), 1)
}

// Runs that died, that are under way, and of which nothing is kept have a page too.
func TestPageOfARunThatHasNotEnded(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.exec(t, `INSERT INTO job_runs (id, job, business_date, params, status, lease, lease_ms, host, pid, version, heartbeat_at, finished_at, exit_code, report) VALUES
(1, 'billing', UTC_DATE(), '{"limit":5}', 'abandoned', 'abcdefghijklmnop', 1000, 'elsewhere', 7, 'v1', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), NULL, NULL),
(2, 'audit', UTC_DATE(), '{}', 'running', 'abcdefghijklmnop', 60000, 'elsewhere', 7, 'v1', UTC_TIMESTAMP(6), NULL, NULL, '{"pace":{"seconds":1,"bucket_seconds":0.25,"succeeded":[3]}}'),
(3, 'report', UTC_DATE(), '{"from":"2026-01-01"}', 'completed', 'abcdefghijklmnop', 60000, 'elsewhere', 7, 'v1', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), 0, '[1]')`)
	for run, want := range map[string][]string{
		"1": {"Died; the next run takes over what it left", "<dt>Parameter limit</dt><dd>5</dd>", "duly run billing <span>--rerun</span> 1"},
		"2": {"Running", "duly status <span>--watch</span>"},
		"3": {"<strong>Done</strong>", "No order was completed, failed or refunded."},
	} {
		got := s.duly(t, "report", run, "--html", "-")
		require.Equal(t, batch.ExitDone, got.code, got.err)
		for _, text := range want {
			require.Contains(t, got.out, text)
		}
	}
	file := filepath.Join(t.TempDir(), "run.html")
	require.NoError(t, os.WriteFile(file, []byte("an older page"), 0o600))
	got := s.duly(t, "report", "1", "--html", file, "--json")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Equal(t, page.View{Run: 1, File: file}, document[page.View](t, got))
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(written), "Died; the next run")
	left, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*"))
	require.NoError(t, err)
	require.Equal(t, []string{file}, left)
	require.Equal(t, batch.ExitDone, s.duly(t, "report", "1", "--html", os.DevNull).code)
	info, err := os.Stat(os.DevNull)
	require.NoError(t, err)
	require.False(t, info.Mode().IsRegular())
}

// What waits for an operator is listed with what to type, by the job that sends it there.
func TestPageListsWhatWaits(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.exec(t, `INSERT INTO job_runs (id, job, business_date, params, status, lease, lease_ms, host, pid, version, exit_code, finished_at)
SELECT n, job, UTC_DATE(), '{}', 'completed', 'abcdefghijklmnop', 1000, 'elsewhere', 7, 'v1', 3, UTC_TIMESTAMP(6) + INTERVAL 1 HOUR
FROM (SELECT 1 AS n, 'billing' AS job UNION SELECT 2, 'reconcile' UNION SELECT 3, 'outbox' UNION SELECT 4, 'audit') runs`)
	s.exec(t, `INSERT INTO invoices (id, subscription_id, due_date, amount, currency, status, issued_date, review_reason)
SELECT 100 + n, n, UTC_DATE(), 900, 'KRW', 'review', UTC_DATE(), 'odd' FROM (WITH RECURSIVE s AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 25) SELECT n FROM s) numbers`)
	s.exec(t, `INSERT INTO order_checks (order_id, reason, checked_at) VALUES (7, 'paid twice', UTC_TIMESTAMP(6) - INTERVAL 1 DAY)`)
	s.exec(t, `INSERT INTO event_deliveries (event_id, sink, status, last_error) VALUES (8, 'webhook', 'dead', '410 Gone')`)
	s.exec(t, `INSERT INTO audit_findings (id, kind, reference, detail, run_id) VALUES (9, 'missing_here', 'order-7', '{"text":"we know nothing of it"}', 4)`)
	for run, want := range map[string][]string{
		"1": {"25 invoices", "22,500 KRW", "125, 124, 123 and 22 more", "duly show invoice 125", "duly list review"},
		"2": {"order 7", "paid twice", "duly show order 7"},
		"3": {"<strong>event 8</strong>", "could not be delivered to webhook: 410 Gone", "duly requeue event 8"},
		"4": {"<strong>finding 9</strong>", "we know nothing of it", "duly resolve finding 9 <span>--as</span> ignored <span>--reason</span> …", "duly list findings"},
	} {
		got := s.duly(t, "report", run, "--html", "-")
		require.Equal(t, batch.ExitDone, got.code, got.err)
		for _, text := range want {
			require.Contains(t, got.out, text)
		}
		require.Equal(t, run == "1" || run == "4", strings.Contains(got.out, `class="new"`), run)
	}
}

// A page that cannot be written is a line on standard error, and exit code 1; the run has ended as it has.
func TestPageThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	folder := filepath.Join(t.TempDir(), "gone")
	require.NoError(t, os.Mkdir(folder, 0o755))
	s.each = func(a *app.Command) { a.Started = func() { _ = os.Remove(folder) } }
	for _, job := range []string{"prune", "nightly"} {
		require.NoError(t, os.MkdirAll(folder, 0o755))
		got := s.duly(t, "run", job, "--report", filepath.Join(folder, "run.html"))
		require.Equal(t, batch.ExitFailed, got.code, got.err)
		require.Contains(t, got.err, "duly: the report could not be written: ")
	}
	require.Equal(t, int64(batch.ExitDone), s.number(t, "SELECT MAX(exit_code) FROM job_runs"), "the runs have ended as they have")
}

func TestMistakesInReports(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	folder := t.TempDir()
	missing := filepath.Join(folder, "no", "run.html")
	for _, test := range []struct {
		args []string
		says []string
	}{
		{[]string{"report"}, []string{"say which run, by its id: duly report 17 --html run-17.html", "say where to write the page: --html run-17.html, or --html - for standard output"}},
		{[]string{"report", "x", "--html", "-"}, []string{`"x" is not an id such as 42`}},
		{[]string{"report", "7", "--html", "-"}, []string{"no run 7; see duly runs"}},
		{[]string{"report", "7", "--html", "-", "--json"}, []string{"--html: standard output holds the document of --json; give a file"}},
		{[]string{"report", "7", "--html", folder}, []string{"--html: " + folder + " is a folder: give a file"}},
		{[]string{"report", "7", "--html", missing}, []string{"--html: there is no folder " + filepath.Dir(missing)}},
		{[]string{"run", "prune", "--report", missing}, []string{"--report: there is no folder " + filepath.Dir(missing)}},
		{[]string{"run", "prune", "--report", "-"}, []string{"--report: standard output holds the summary; give a file"}},
		{[]string{"run", "nightly", "--report", missing}, []string{"--report: there is no folder " + filepath.Dir(missing)}},
		{[]string{"run", "billing", "--dry-run", "--report", filepath.Join(folder, "x.html")}, []string{"--report: a dry run makes no run to report of"}},
		{[]string{"run", "nightly", "--dry-run", "--report", filepath.Join(folder, "x.html")}, []string{"--report: a dry run makes no run to report of"}},
	} {
		got := s.duly(t, test.args...)
		require.Equal(t, batch.ExitUsage, got.code, test.args)
		require.Empty(t, got.out, test.args)
		require.Equal(t, "duly: "+strings.Join(test.says, "\nduly: ")+"\n", got.err, test.args)
	}
	require.Zero(t, s.number(t, "SELECT COUNT(*) FROM job_runs"))
}
