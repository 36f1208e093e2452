package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duly/internal/gateway/simulator"
	"duly/internal/gateway/simulator/pace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs the command until the test ends, and returns what it says first and how it ends.
func start(t *testing.T, args ...string) (firstLine string, stop func() error) {
	t.Helper()
	out, in := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := command()
	cmd.SetArgs(args)
	cmd.SetOut(in)
	ended := make(chan error, 1)
	go func() {
		ended <- cmd.ExecuteContext(ctx)
		_ = in.Close()
	}()
	t.Cleanup(cancel)
	lines := bufio.NewReader(out)
	firstLine, err := lines.ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(firstLine), func() error {
		cancel()
		return <-ended
	}
}

func TestServe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sim.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"shares":{"soft":0.5},"key_life":"1h","token":"a"}`), 0o600))
	line, stop := start(t, "--listen", "127.0.0.1:0", "--config", file, "--token", "b", "--latency", "1ms", "--demo")
	url, ok := strings.CutPrefix(line, "listening on ")
	require.True(t, ok, line)
	c := simulator.NewControl(url)
	require.NoError(t, c.Health(t.Context()))
	require.NoError(t, c.Advance(t.Context(), time.Hour))
	require.NoError(t, c.Patch(t.Context(), map[string]any{"seed": 1}))
	c.Close()
	require.NoError(t, stop())
	require.Error(t, c.Health(t.Context()), "it has stopped")
}

func TestDialects(t *testing.T) {
	for _, dialect := range simulator.Dialects() {
		require.NotEmpty(t, simulator.About(dialect))
		line, stop := start(t, "--listen", "127.0.0.1:0", "--dialect", dialect)
		url, ok := strings.CutPrefix(line, "listening on ")
		require.True(t, ok, line)
		c := simulator.NewControl(url)
		require.NoError(t, c.Health(t.Context()))
		id, err := c.Inject(t.Context(), simulator.Entry{Key: "ord_7-1", Reference: "ord_7", Method: "pm_ok", Amount: 1, Currency: "KRW"})
		require.NoError(t, err)
		require.Equal(t, dialect == "stripe", strings.HasPrefix(id, "pi_"), id)
		c.Close()
		require.NoError(t, stop())
	}
}

func TestASignalStopsIt(t *testing.T) {
	out, in := io.Pipe()
	code := make(chan int, 1)
	go func() { code <- run([]string{"--listen", "127.0.0.1:0"}, in, io.Discard) }()
	_, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
	require.Zero(t, <-code)
}

func TestFlagsWinOverTheFileAndTheFileOverTheDemo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sim.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"key_life":"1h","token":"a","latency":{"median":"9ms"}}`), 0o600))
	o := options{
		dialect: simulator.Default, configFile: file, demo: true, token: "b", seed: 3, latency: 1, median: 2, p99: 3, faults: 0.15, keyLife: 4, noKeys: true,
		noFind: true, rateLimit: 5, knee: 40, slow: pace.Slowdown{After: 6, Factor: 2.5, Knee: 20},
	}
	cfg, err := o.config(func(string) bool { return true })
	require.NoError(t, err)
	cfg.Now = nil
	want := simulator.Demo()
	want.Token, want.Seed, want.Latency = "b", 3, simulator.Latency{Fixed: 1, Median: 2, P99: 3}
	want.Faults, want.KeyLife, want.NoKeys, want.NoFind, want.RateLimit = simulator.DefaultFaults(0.15), 4, true, true, 5
	want.Knee, want.Slowdown = 40, pace.Slowdown{After: 6, Factor: 2.5, Knee: 20}
	require.Equal(t, want, cfg)

	toss := options{dialect: "toss", demo: true}
	cfg, err = toss.config(func(string) bool { return false })
	require.NoError(t, err)
	require.Zero(t, cfg.KeyLife, "the provider's own")

	cfg, err = o.config(func(string) bool { return false })
	require.NoError(t, err)
	cfg.Now = nil
	want = simulator.Demo()
	want.Token, want.KeyLife, want.Latency.Median = "a", time.Hour, 9*time.Millisecond
	require.Equal(t, want, cfg)
}

func TestOperatorsMistakes(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.json")
	require.NoError(t, os.WriteFile(bad, []byte(`{"laterncy":{}}`), 0o600))
	for name, args := range map[string][]string{
		"address":       {"--listen", taken.Addr().String()},
		"no such file":  {"--config", filepath.Join(dir, "none.json")},
		"unknown name":  {"--config", bad},
		"unknown flag":  {"--colour"},
		"no dialect":    {"--dialect", "esperanto"},
		"an argument":   {"serve"},
		"a share":       {"--faults", "7"},
		"a dialect":     {"--dialect", "klingon"},
		"no duration":   {"--median", "fast"},
		"negative rate": {"--rate-limit", "-1"},
	} {
		cmd := command()
		cmd.SetArgs(args)
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		require.Error(t, cmd.ExecuteContext(t.Context()), name)
		require.Empty(t, out.String(), name)
	}
	var out, complaint bytes.Buffer
	require.Equal(t, 2, run([]string{"--colour"}, &out, &complaint))
	require.Equal(t, "gatewaysim: unknown flag: --colour\n", complaint.String())
	require.Empty(t, out.String())
	require.Equal(t, 0, run([]string{"--help"}, &out, &complaint))
}

var update = flag.Bool("update", false, "write the golden files anew")

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	cmd := command()
	cmd.SetArgs([]string{"--help"})
	cmd.SetOut(&out)
	require.NoError(t, cmd.Execute())
	help := out.String()
	golden := filepath.Join("testdata", "help.golden")
	if *update {
		require.NoError(t, os.WriteFile(golden, out.Bytes(), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), help)
}
