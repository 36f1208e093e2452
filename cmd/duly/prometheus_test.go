package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/app"
	"duly/internal/batch"
	"duly/internal/gateway/simulator"
	"duly/internal/test/testprom"
)

// prometheus is a server of its own, which scrapes every tenth of a second and knows the alerts.
type prometheus struct {
	address string
	said    *strings.Builder
}

func startPrometheus(t *testing.T, targets map[string]string) *prometheus {
	t.Helper()
	dir := t.TempDir()
	alerts, err := filepath.Abs("../../deploy/prometheus/alerts.yml")
	require.NoError(t, err)
	var config strings.Builder
	fmt.Fprintf(&config, "global: {scrape_interval: 100ms, scrape_timeout: 100ms, evaluation_interval: 100ms}\nrule_files: [%s]\nscrape_configs:\n", alerts)
	for job, address := range targets {
		fmt.Fprintf(&config, "- {job_name: %s, static_configs: [{targets: [%q]}]}\n", job, address)
	}
	file := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(file, []byte(config.String()), 0o600))
	p := &prometheus{address: freeAddress(t), said: &strings.Builder{}}
	cmd := exec.CommandContext(t.Context(), testprom.Program(t, "prometheus"), "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+p.address, "--log.level=warn")
	cmd.Stdout, cmd.Stderr = p.said, p.said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // it was told to end
	})
	return p
}

// value is the result of an expression that has one number, waited for; it fails the test if none comes.
func (p *prometheus) value(t *testing.T, expr string, right func(float64) bool) {
	t.Helper()
	var got string
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		if n, ok := p.ask(ctx, expr, &got); ok && right(n) {
			return
		}
		select {
		case <-ctx.Done():
			require.FailNow(t, expr, "%s\n%s", got, p.said)
		case <-ticker.C:
		}
	}
}

func (p *prometheus) ask(ctx context.Context, expr string, got *string) (float64, bool) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+"/api/v1/query?query="+url.QueryEscape(expr), http.NoBody)
	if err != nil {
		return 0, false
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, false
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
		Error string `json:"error"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return 0, false
	}
	*got = fmt.Sprint(answer)
	if len(answer.Data.Result) != 1 {
		return 0, false
	}
	text, _ := answer.Data.Result[0].Value[1].(string)
	var n float64
	_, err = fmt.Sscan(text, &n)
	return n, err == nil
}

func equals(want float64) func(float64) bool { return func(got float64) bool { return got == want } }

func above(least float64) func(float64) bool { return func(got float64) bool { return got > least } }

// A real Prometheus scrapes a run while it lasts, and what it wrote when it ended; and raises the alarm.
func TestPrometheusScrapesARunAndItsTextfile(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	file := filepath.Join(t.TempDir(), "duly.prom")
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // as the node exporter hands it on
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		http.ServeFile(w, r, file)
	}))
	t.Cleanup(node.Close)
	listen := freeAddress(t)
	s.env = append(s.env, "DULY_METRICS_TEXTFILE="+file, "DULY_METRICS_LISTEN="+listen)
	p := startPrometheus(t, map[string]string{"worker": listen, "node": node.Listener.Addr().String()})

	s.enrol(t, "ok", 12900)
	s.each = func(a *app.Command) {
		a.Started = func() {
			p.value(t, `duly_lease_remaining_seconds{job="worker", job_name="billing"}`, above(1))
			p.value(t, `duly_due{job="worker", kind="subscriptions"}`, equals(1))
		}
	}
	require.Equal(t, batch.ExitDone, s.duly(t, "run", "billing").code)
	s.each = same
	p.value(t, `duly_collected_minor_units_total{job="node", currency="KRW"}`, equals(12900))
	p.value(t, `duly_last_success_timestamp_seconds{job="node", job_name="billing"}`, above(float64(time.Now().Add(-time.Hour).Unix())))
	p.value(t, `histogram_quantile(0.5, sum by (le) (duly_gateway_request_seconds_bucket{job="node", kind="charge"}))`, above(0))
	p.value(t, `count(ALERTS{alertname="DulyFailed"}) or vector(0)`, equals(0))

	s.enrol(t, "ok", 1)
	s.sim.Update(func(c *simulator.Config) { c.Token = "another" })
	require.Equal(t, batch.ExitFailed, s.duly(t, "run", "billing").code)
	p.value(t, `ALERTS{alertname="DulyFailed", alertstate="firing", job_name="billing"}`, equals(1))
}
