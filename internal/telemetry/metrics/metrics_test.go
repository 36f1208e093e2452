package metrics_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duly/internal/batch"
	"duly/internal/gateway"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/telemetry/metrics"
	"duly/internal/test/worktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "go test ./internal/telemetry/metrics -update writes it anew")
}

var noon = time.Date(2026, 1, 31, 12, 0, 0, 250e6, time.UTC)

// idle is a gateway that answers at once.
type idle struct{ gateway.Gateway }

func (idle) Close() {}

func (idle) Capabilities() gateway.Capabilities { return gateway.Capabilities{} }

func (idle) Charge(context.Context, payment.Charge) payment.Outcome {
	return payment.Outcome{Kind: payment.Paid}
}

// pace makes a gateway whose limits are the defaults, of which one request at once was found to be best, and no more are allowed.
func pace(t *testing.T, name string) *gateway.Limited {
	t.Helper()
	l := gateway.Defaults()
	l.Auto = 1
	l.Now = func() time.Time { return noon }
	p := gateway.Limit(name, idle{}, l)
	t.Cleanup(p.Close)
	for range 30 {
		p.Charge(t.Context(), payment.Charge{}, false)
	}
	return p
}

// database is one that cannot be reached, with one transaction that failed for that.
func database(t *testing.T) *mysql.DB {
	t.Helper()
	db, err := mysql.Open("nobody@tcp(127.0.0.1:1)/none", mysql.Options{MaxOpen: 1, Acquire: time.Second, Now: func() time.Time { return noon }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.Error(t, mysql.Tx(t.Context(), db, "claim", func(*sqlx.Tx) error { return nil }))
	return db
}

// text is what a scrape brings.
func text(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	return w.Body.String()
}

// answered counts a request.
func answered(m *metrics.Metrics, gateway string, kind gateway.RequestKind, try int, a gateway.Answer) {
	m.Request(request(gateway, kind, try))(a)
}

func request(name string, kind gateway.RequestKind, try int) gateway.Request {
	return gateway.Request{Gateway: name, Kind: kind, ID: "run-1/k", Try: try}
}

func tally() batch.Tally {
	return batch.Tally{
		Read: 9, Succeeded: 4, Declined: 2, Released: 1, InDoubt: 1, Review: 1, Amounts: map[string]int64{"KRW": 39900, "USD": 1200},
	}
}

// filled has something of everything, as it stands while a run is under way.
func filled(t *testing.T, m *metrics.Metrics, look func()) {
	t.Helper()
	paused := pace(t, "spare")
	paused.LeaveAlone("paused")
	db := database(t)
	worktest.InMemory(t.Context(), t, func(_ context.Context, x *batch.StepExecution) error {
		m.Follow(metrics.Live{
			Job: "billing", Steps: []*batch.StepExecution{x}, Gateways: map[string]*gateway.Limited{"main": pace(t, "main"), "spare": paused}, DB: db,
		})
		x.Count(tally())
		answered(m, "main", gateway.RequestCharge, 1, gateway.Answer{Outcome: "in_doubt", Failure: true, Took: 30 * time.Second})
		answered(m, "main", gateway.RequestCharge, 2, gateway.Answer{Outcome: "succeeded", Took: 20 * time.Millisecond})
		answered(m, "main", gateway.RequestCharge, 1, gateway.Answer{Outcome: "not_executed", Unsent: true})
		m.Request(request("main", gateway.RequestLookUp, 1))
		m.Past([]metrics.LastRun{
			{ID: 6, Job: "billing", Status: "failed", Exit: 1, Took: 90 * time.Second, Ended: noon.Add(-time.Hour)},
			{ID: 5, Job: "outbox", Status: "abandoned", Exit: -1, Took: time.Second, Ended: noon},
		}, map[string]time.Time{"billing": noon.Add(-24 * time.Hour)})
		m.Waiting(metrics.Counts{
			Due: map[string]int64{"invoices": 3, "subscriptions": 2}, InReview: map[string]int64{"invoices": 1, "findings": 0}, InFlight: 4, InDoubt: 5,
		})
		look()
		return nil
	})
}

var leases = regexp.MustCompile(`(duly_lease_remaining_seconds\{.*\}) \d+\.\d+`)

func TestExposition(t *testing.T) {
	m := metrics.New("v1")
	filled(t, m, func() {
		golden(t, "testdata/live.golden", leases.ReplaceAllString(text(t, m), "$1 SECONDS"))
	})
	m.End(metrics.LastRun{ID: 7, Job: "billing", Status: "completed", Exit: 0, Took: time.Minute, Ended: noon})
	got := text(t, m)
	require.Contains(t, got, `duly_run_last_exit_code{job_name="billing"} 0`)
	require.Contains(t, got, `duly_lease_lost{job_name="billing"} 0`)
	require.NotContains(t, got, "duly_lease_remaining_seconds{")
	require.Contains(t, got, `duly_last_success_timestamp_seconds{job_name="billing"} 1.76977440025e+09`, "what the tables said")

	// What the tables say of an older run does not undo how this one ended.
	m.Past([]metrics.LastRun{{ID: 6, Job: "billing", Status: "failed", Exit: 1, Ended: noon.Add(time.Hour)}}, nil)
	require.Contains(t, text(t, m), `duly_run_last_exit_code{job_name="billing"} 0`)
	m.Past([]metrics.LastRun{{ID: 8, Job: "billing", Status: "stopped", Exit: 4, Ended: noon}}, nil)
	require.Contains(t, text(t, m), `duly_run_last_exit_code{job_name="billing"} 4`)
}

func TestWhatIsNotKnownIsNotSaid(t *testing.T) {
	got := text(t, metrics.New("v1"))
	for _, name := range []string{"duly_in_doubt", "duly_due", "duly_last_success", "duly_lease", "duly_run_last"} {
		require.NotContains(t, got, name)
	}
	require.Contains(t, got, "duly_db_deadlocks_total 0")
}

func TestCountsOfEarlierRunsAreKept(t *testing.T) {
	m := metrics.New("v1")
	db := database(t)
	for range 2 {
		worktest.InMemory(t.Context(), t, func(_ context.Context, x *batch.StepExecution) error {
			m.Follow(metrics.Live{
				Job: "billing", Steps: []*batch.StepExecution{x}, DB: db, Gateways: map[string]*gateway.Limited{"main": pace(t, "main")},
			})
			x.Count(tally())
			return nil
		})
	}
	require.Contains(t, text(t, m), `duly_step_items_total{job_name="billing",outcome="succeeded",step="work"} 8`)
	require.Contains(t, text(t, m), `duly_collected_minor_units_total{currency="USD"} 2400`)
	require.Contains(t, text(t, m), `duly_db_transactions_total{transaction="claim"} 1`, "of one database")
	worktest.InMemory(t.Context(), t, func(_ context.Context, x *batch.StepExecution) error {
		m.Follow(metrics.Live{Job: "reconcile", Steps: []*batch.StepExecution{x}, GivesBack: "work", DB: database(t)})
		x.Count(tally())
		return nil
	})
	got := text(t, m)
	require.Contains(t, got, `duly_refunded_minor_units_total{currency="USD"} 1200`)
	require.Contains(t, got, `duly_collected_minor_units_total{currency="USD"} 2400`)
	require.Contains(t, got, `duly_step_claimed_total{job_name="billing",step="work"} 18`)
	require.Contains(t, got, `duly_db_transactions_total{transaction="claim"} 2`, "of two databases")
	require.Contains(t, got, `duly_circuit_open{gateway="main"} 0`, "the last that was known of it")
}

func TestLostLease(t *testing.T) {
	m := metrics.New("v1")
	worktest.InMemory(t.Context(), t, func(_ context.Context, x *batch.StepExecution) error {
		m.Follow(metrics.Live{Job: "billing", Steps: []*batch.StepExecution{x}})
		x.Lease.Lose()
		require.Contains(t, text(t, m), `duly_lease_remaining_seconds{job_name="billing"} 0`)
		return nil
	})
	m.End(metrics.LastRun{ID: 1, Job: "billing", Status: "stopped", Exit: 4})
	require.Contains(t, text(t, m), `duly_lease_lost{job_name="billing"} 1`)
}

// Every metric is written, described, and documented as it is described.
func TestEveryMetricIsDocumented(t *testing.T) {
	m := metrics.New("v1")
	var live string
	filled(t, m, func() { live = text(t, m) })
	m.End(metrics.LastRun{ID: 7, Job: "billing", Status: "completed"})
	worktest.InMemory(t.Context(), t, func(_ context.Context, x *batch.StepExecution) error {
		m.Follow(metrics.Live{Job: "reconcile", Steps: []*batch.StepExecution{x}, GivesBack: "work"})
		x.Count(tally())
		live += text(t, m)
		return nil
	})
	var table strings.Builder
	table.WriteString("| metric | type | labels | what it tells |\n|---|---|---|---|\n")
	described := map[string]bool{}
	for _, d := range metrics.Descriptions() {
		described[d.Name] = true
		require.Contains(t, live, fmt.Sprintf("# TYPE %s %s\n", d.Name, d.Type))
		require.Contains(t, live, fmt.Sprintf("# HELP %s %s\n", d.Name, d.Help))
		labels := ""
		for _, l := range d.Labels() {
			require.Regexp(t, regexp.MustCompile(regexp.QuoteMeta(d.Name)+`[a-z_]*\{[^}]*\b`+l+`="`), live)
			labels += " `" + l + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s |%s | %s |\n", d.Name, d.Type, labels, d.Help)
	}
	for _, line := range regexp.MustCompile(`(?m)^# TYPE (\S+)`).FindAllStringSubmatch(live, -1) {
		require.True(t, described[line[1]], line[1])
	}
	const path, begin, end = "../../../docs/metrics.md", "<!-- metrics: written by go test ./internal/telemetry/metrics -update -->\n", "<!-- end of metrics -->"
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(page), begin)
	require.True(t, found)
	_, after, found := strings.Cut(rest, end)
	require.True(t, found)
	golden(t, path, before+begin+"\n"+table.String()+"\n"+end+after)
}

func TestTextfileIsWholeOrNotThere(t *testing.T) {
	m := metrics.New("v1")
	filled(t, m, func() {})
	m.End(metrics.LastRun{ID: 7, Job: "billing", Status: "completed"})
	dir := t.TempDir()
	path := filepath.Join(dir, "duly.prom")
	umask := syscall.Umask(0o077) // of the process: this test runs alone
	err := m.WriteFile(path)
	syscall.Umask(umask)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o644), info.Mode())
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, text(t, m), string(want))

	// A reader sees a whole file, also while it is written anew.
	written := make(chan error, 1)
	go func() {
		for range 100 {
			if err := m.WriteFile(path); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	for done := false; !done; {
		select {
		case err := <-written:
			require.NoError(t, err)
			done = true
		default:
		}
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "no temporary file is left")

	require.ErrorContains(t, m.WriteFile(filepath.Join(dir, "none", "duly.prom")), "write metrics: ")
}
