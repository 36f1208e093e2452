package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"duly/internal/app"
	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/session"
	"duly/internal/view"
)

// textfile has the shop write its metrics, and returns what reads one of them; -1: it is not there.
func (s *shop) textfile(t *testing.T) func(metric string) float64 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "duly.prom")
	s.env = append(s.env, "DULY_METRICS_TEXTFILE="+path)
	return func(metric string) float64 {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		return valueOf(t, string(text), metric)
	}
}

// valueOf is the value of one metric in an exposition; -1: it is not there.
func valueOf(t *testing.T, text, metric string) float64 {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(metric) + ` (\S+)$`).FindStringSubmatch(text)
	if found == nil {
		return -1
	}
	value, err := strconv.ParseFloat(found[1], 64)
	require.NoError(t, err)
	return value
}

func TestLastSuccessMovesOnSuccessAlone(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	metric := s.textfile(t)
	const success, exit = `duly_last_success_timestamp_seconds{job_name="billing"}`, `duly_run_last_exit_code{job_name="billing"}`
	s.enrol(t, "ok", 12900)
	before := float64(time.Now().Add(-time.Second).Unix())
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	first := metric(success)
	require.Greater(t, first, before)
	require.Zero(t, metric(exit))
	require.InDelta(t, 12900, metric(`duly_collected_minor_units_total{currency="KRW"}`), 0)
	require.InDelta(t, 1, metric(`duly_step_items_total{job_name="billing",outcome="succeeded",step="collect"}`), 0)
	require.InDelta(t, 1, metric(`duly_gateway_requests_total{gateway="main",kind="charge",outcome="succeeded"}`), 0)
	require.Zero(t, metric(`duly_gateway_open_requests{gateway="main"}`))
	require.InDelta(t, -1, metric(`duly_lease_remaining_seconds{job_name="billing"}`), 0, "no run is under way")

	// Whatever is no whole success leaves it where it was, in another process too.
	unfinished := func() ended { return s.duly(t, "run", "billing", "--limit", "1") }
	for _, c := range []struct {
		name   string
		before func()
		run    func() ended
		code   int
	}{
		{"a part of the rows", func() {}, func() ended {
			return s.duly(t, "run", "billing", "--subscription", strconv.FormatUint(s.enrol(t, "ok", 1), 10))
		}, batch.ExitDone},
		{"another day", func() {}, func() ended { return s.duly(t, "run", "billing", "--date", "2026-01-31") }, batch.ExitDone},
		{"a part of the steps", func() {}, func() ended { return s.duly(t, "run", "billing", "--step", "issue") }, batch.ExitDone},
		{"unfinished", func() { s.enrol(t, "ok", 1); s.enrol(t, "ok", 1) }, unfinished, batch.ExitUnfinished},
		{"review", func() { s.enrol(t, "wrong_amount", 500) }, func() ended { return s.duly(t, "run", "billing") }, batch.ExitReview},
		{
			"failed", func() { s.enrol(t, "ok", 1); s.sim.Update(func(c *simulator.Config) { c.Token = "another" }) },
			func() ended { return s.duly(t, "run", "billing") }, batch.ExitFailed,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.before()
			got := c.run()
			require.Equal(t, c.code, got.code, got.err)
			require.InDelta(t, first, metric(success), 0)
			require.InDelta(t, c.code, metric(exit), 0)
		})
	}
	require.InDelta(t, 1, metric(`duly_gateway_left_alone{gateway="main"}`), 0)
	require.InDelta(t, 1, metric(`duly_in_review{kind="invoices"}`), 0)
	require.InDelta(t, 1, metric(`duly_due{kind="invoices"}`), 0)

	// Another job's run tells of it too, and a run that never began leaves the file as it is.
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "prune").code)
	require.InDelta(t, first, metric(success), 0)
	require.Greater(t, metric(`duly_last_success_timestamp_seconds{job_name="prune"}`), before)
	require.Equal(t, batch.ExitUsage, s.duly(t, "run", "billing", "--subscription", "999").code)
	require.InDelta(t, first, metric(success), 0)
	require.Equal(t, batch.ExitUsage, s.duly(t, "run", "billing", "--date", "never").code)
	require.InDelta(t, first, metric(success), 0)

	s.sim.Update(func(c *simulator.Config) { c.Token = secretToken })
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Greater(t, metric(success), first)
}

// Should the tables be lost on the way, the file still has what they said at the begin, and how the run ended.
func TestMetricsOfARunThatLosesTheTables(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	metric := s.textfile(t)
	const success = `duly_last_success_timestamp_seconds{job_name="billing"}`
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	first := metric(success)
	s.each = func(a *app.Command) {
		a.Started = func() { s.exec(t, "ALTER TABLE job_runs RENAME COLUMN exit_code TO lost") }
	}
	got := s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitUnfinished, got.code, got.err)
	require.Contains(t, got.err, `"msg":"the tables could not be read for the metrics"`)
	require.InDelta(t, first, metric(success), 0)
	require.InDelta(t, batch.ExitUnfinished, metric(`duly_run_last_exit_code{job_name="billing"}`), 0)
}

// The textfile of a night has what all of its jobs counted.
func TestMetricsOfANight(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	metric := s.textfile(t)
	s.enrol(t, "ok", 12900)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "nightly").code)
	require.InDelta(t, 12900, metric(`duly_collected_minor_units_total{currency="KRW"}`), 0)
	for _, job := range []string{"reconcile", "billing", "outbox", "report", "audit", "prune"} {
		require.Positive(t, metric(fmt.Sprintf(`duly_last_success_timestamp_seconds{job_name=%q}`, job)), job)
	}
	require.Positive(t, metric(`duly_gateway_requests_total{gateway="main",kind="list",outcome="listed"}`))
}

// While a run lasts its metrics are served, and no longer.
func TestMetricsAreServedWhileARunLasts(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	address := freeAddress(t)
	s.env = append(s.env, "DULY_METRICS_LISTEN="+address)
	s.enrol(t, "ok", 12900)
	var live string
	s.each = func(a *app.Command) {
		a.Started = func() { live = scrape(t, "http://"+address+"/metrics") }
	}
	got := s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Positive(t, valueOf(t, live, `duly_lease_remaining_seconds{job_name="billing"}`))
	require.InDelta(t, 1, valueOf(t, live, `duly_due{kind="subscriptions"}`), 0)
	require.Zero(t, valueOf(t, live, `duly_circuit_open{gateway="main"}`))
	_, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.Error(t, err)

	// An address that is taken is no reason not to run.
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	s.each = same
	got = s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.err, `"level":"WARN","msg":"metrics cannot be served"`)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

func scrape(t *testing.T, address string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	return string(text)
}

// watcher notes what it is asked for.
type watcher struct {
	url string

	mu     sync.Mutex
	asked  []string
	answer http.HandlerFunc // nil: 200
}

// secretPath is what of the addresses of those that watch nobody may see.
const secretPath = "path-of-nobody"

func watch(t *testing.T) *watcher {
	t.Helper()
	w := &watcher{}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	w.url = server.URL + "/" + secretPath
	return w
}

// ServeHTTP implements http.Handler.
func (w *watcher) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	w.asked = append(w.asked, r.Method+" "+strings.Replace(r.URL.Path, secretPath, "…", 1))
	answer := w.answer
	w.mu.Unlock()
	if answer != nil {
		answer(out, r)
	}
}

func (w *watcher) say(answer http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

// took returns what was asked for since it was last called.
func (w *watcher) took() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := w.asked
	w.asked = nil
	return asked
}

func TestDeadmanIsToldHowRunsGo(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	w := watch(t)
	s.env = append(s.env, "DULY_DEADMAN_URL="+w.url)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Equal(t, []string{"GET /…/start", "GET /…"}, w.took())
	s.enrol(t, "wrong_amount", 500)
	require.Equal(t, batch.ExitReview, s.duly(t, "run", "billing").code)
	require.Equal(t, []string{"GET /…/start", "GET /…/3"}, w.took())
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "nightly").code)
	require.Equal(t, []string{"GET /…/start", "GET /…"}, w.took(), "one run, however many jobs")

	// However long it takes to answer, it is told of the begin before the end.
	answered := make(chan string, 2)
	w.say(func(_ http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/start") {
			<-time.After(200 * time.Millisecond)
		}
		answered <- r.URL.Path
	})
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "prune").code)
	require.Equal(t, "/"+secretPath+"/start", <-answered)
	require.Equal(t, "/"+secretPath, <-answered)
	w.say(nil)
	w.took()

	// What never began has an end alone, what was not to run not even that.
	require.Equal(t, batch.ExitUsage, s.duly(t, "run", "billing", "--rerun", "999").code)
	require.Equal(t, []string{"GET /…/2"}, w.took())
	// Neither a part of the work nor another day says anything of tonight.
	for _, part := range []string{"--subscription 999", "--subscription 1", "--step issue", "--date 2026-01-31"} {
		s.duly(t, append([]string{"run", "billing"}, strings.Fields(part)...)...)
		require.Empty(t, w.took(), part)
	}
	require.Equal(t, batch.ExitDone, s.duly(t, "pause", "billing", "--reason", "test").code)
	require.Equal(t, batch.ExitNotRun, s.duly(t, "run", "billing").code)
	require.Empty(t, w.took())
	require.Equal(t, batch.ExitDone, s.duly(t, "resume", "billing").code)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing", "--dry-run").code)
	require.Empty(t, w.took())
	require.Equal(t, batch.ExitDone, s.duly(t, "status").code)
	require.Empty(t, w.took())

	s.env = append(s.env, "DULY_DATABASE_DSN=duly:x@tcp(127.0.0.1:1)/shop")
	for _, job := range []string{"billing", "nightly"} {
		require.Equal(t, batch.ExitUnfinished, s.duly(t, "run", job).code)
		require.Equal(t, []string{"GET /…/4"}, w.took(), "a database that is down")
	}
}

// Whatever those that watch do, a run ends as it would, in time, and without their addresses in its log.
func TestThoseThatWatchChangeNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	w := watch(t)
	s.env = append(s.env, "DULY_DEADMAN_URL="+w.url, "DULY_METRICS_PUSHGATEWAY="+w.url, "DULY_TRACES_ENDPOINT="+w.url+"/otlp",
		"DULY_METRICS_TEXTFILE="+filepath.Join(t.TempDir(), "none", "duly.prom"), "DULY_LOG_FILE="+filepath.Join(t.TempDir(), "duly.log"))
	s.each = func(a *app.Command) { a.WatchedWithin = 400 * time.Millisecond }
	for name, answer := range map[string]http.HandlerFunc{
		"down": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"slow": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // or the server would not see that the other side has left
			<-r.Context().Done()
		},
		"refuses": func(w http.ResponseWriter, r *http.Request) { http.Error(w, r.URL.String(), http.StatusForbidden) },
	} {
		t.Run(name, func(t *testing.T) {
			w.say(answer)
			s.enrol(t, "wrong_amount", 500)
			got := s.duly(t, "run", "billing", "--json") // it ends, though the answer that it would wait for does not come
			require.Equal(t, batch.ExitReview, got.code, got.err)
			require.Equal(t, batch.ExitReview, document[view.Summary](t, got).Exit)
			for _, said := range []string{
				"the dead-man's switch could not be told of the begin", "the dead-man's switch could not be told of the end",
				"metrics could not be pushed", "metrics could not be written", "traces could not be sent",
			} {
				require.Regexp(t, `"level":"WARN","msg":"`+said+`","error":".*","run_id":\d+\}`, got.err)
			}
			require.NotContains(t, got.err, secretPath)
		})
	}
	var out bytes.Buffer
	w.say(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			_, _ = out.ReadFrom(r.Body)
		}
	})
	w.took()
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	require.Contains(t, w.took(), "PUT /…/metrics/job/duly")
	require.NotEmpty(t, out.Bytes())
}

// collecting is a collector that notes spans as paths of their names from the root.
type collecting struct {
	mu    sync.Mutex
	names map[string]string // by span
	up    map[string]string
	raw   []byte
}

// ServeHTTP implements http.Handler.
func (c *collecting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var export collector.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(body, &export) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw = append(c.raw, body...)
	for _, resource := range export.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.names[string(span.GetSpanId())], c.up[string(span.GetSpanId())] = span.GetName(), string(span.GetParentSpanId())
			}
		}
	}
}

func (c *collecting) paths() []string {
	var paths []string
	for id, path := range c.names {
		for up := c.up[id]; up != ""; up = c.up[up] {
			path = c.names[up] + " / " + path
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

func TestTracesOfARun(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	c := &collecting{names: map[string]string{}, up: map[string]string{}}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	var headers []string
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers = append(headers, r.Header.Get("Traceparent"))
		s.sim.ServeHTTP(w, r)
	}))
	t.Cleanup(gateway.Close)
	s.env = append(s.env, "DULY_TRACES_ENDPOINT="+server.URL, "DULY_TRACES_SAMPLE=1", "DULY_GATEWAYS_MAIN_URL="+gateway.URL, "DULY_RUN_HEARTBEAT=10ms")
	s.enrol(t, "ok", 12900)
	got := s.duly(t, "run", "billing", "--step", "issue", "--step", "collect")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Equal(t, []string{
		"run billing", "run billing / step collect", "run billing / step collect / claim", "run billing / step collect / gateway charge",
		"run billing / step collect / settle", "run billing / step issue", "run billing / step issue / gateway list",
	}, c.paths())
	require.Len(t, headers, 2, "of the list and of the charge")
	require.Regexp(t, `^00-[0-9a-f]{32}-[0-9a-f]{16}-01$`, headers[0])
	for _, secret := range []string{secretMethod, secretToken, s.db.DSN} {
		require.NotContains(t, string(c.raw), secret)
	}

	// Without a sample gateways are told of no trace.
	s.env = append(s.env, "DULY_TRACES_SAMPLE=0")
	s.enrol(t, "ok", 12900)
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	for _, header := range headers[2:] {
		require.Empty(t, header)
	}
}

// Every line of a run names it, and every line about a request has the id that the gateway was sent.
func TestLinesNameRunAndRequest(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var (
		mu   sync.Mutex
		sent []string
		tick func()
	)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		sent = append(sent, r.Header.Get("X-Request-Id"))
		tick()
		mu.Unlock()
		s.sim.ServeHTTP(w, r)
	}))
	t.Cleanup(gateway.Close)
	file := filepath.Join(t.TempDir(), "duly.log")
	s.env = append(s.env, "DULY_LOG_LEVEL=debug", "DULY_LOG_FILE="+file, "DULY_GATEWAYS_MAIN_URL="+gateway.URL)
	s.enrol(t, "ok", 12900)
	s.enrol(t, "soft", 100)
	s.each = func(a *app.Command) { a.Every = once(&tick) }
	got := s.duly(t, "run", "billing")
	require.Equal(t, batch.ExitDone, got.code, got.err)
	require.Contains(t, got.err, `"msg":"progress"`)
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	run := s.number(t, "SELECT MAX(id) FROM job_runs")
	requests := map[string]bool{}
	for line := range strings.Lines(string(written)) {
		var fields struct {
			Msg     string  `json:"msg"`
			Run     int64   `json:"run_id"`
			Step    string  `json:"step"`
			Request string  `json:"request_id"`
			Outcome string  `json:"outcome"`
			Kind    string  `json:"kind"`
			MS      float64 `json:"ms"`
		}
		require.NoError(t, json.Unmarshal([]byte(line), &fields), line)
		require.Equal(t, run, fields.Run, line)
		require.Equal(t, 1, strings.Count(line, `"run_id"`), line)
		if fields.Msg == "gateway request" && fields.Kind != "list" {
			requests[fields.Request] = true
			require.Equal(t, "collect", fields.Step)
			require.Equal(t, "charge", fields.Kind)
			require.Positive(t, fields.MS)
		}
	}
	require.Len(t, requests, 2)
	for _, id := range sent {
		require.True(t, requests[id] || id == "duly-list", id)
	}
}

// The last line of defence: what a line was given by mistake. Without it, it shows.
func TestLogLinesHoldNoSecret(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var out bytes.Buffer
	a := newApp(append(s.env, "DULY_OUTBOX_URL=https://shop.example.com/"+secretPath, "DULY_OUTBOX_SECRET=whsec_"+strings.Repeat("A", 44)), io.Discard, &out)
	c, err := a.Load()
	require.NoError(t, err)
	l, err := a.Logger(c)
	require.NoError(t, err)
	defer l.Close()
	for name, log := range map[string]func(ctx context.Context){
		secretToken: func(ctx context.Context) { l.InfoContext(ctx, "the token is "+secretToken) },
		secretPath: func(ctx context.Context) {
			l.WarnContext(ctx, "m", session.Problem(fmt.Errorf("GET https://shop.example.com/%s", secretPath)))
		},
		"pm_1": func(ctx context.Context) { l.InfoContext(ctx, "m", slog.String("payment_method", "pm_1")) },
		"AAAAAAAAAAAAAAAAAAAA": func(ctx context.Context) {
			l.InfoContext(ctx, "m", slog.String("any", "whsec_"+strings.Repeat("A", 44)))
		},
		s.db.DSN: func(ctx context.Context) { l.InfoContext(ctx, "m", slog.String("at", s.db.DSN)) },
	} {
		out.Reset()
		log(t.Context())
		require.NotContains(t, out.String(), name)
		require.Contains(t, out.String(), "[redacted]")
	}
}
