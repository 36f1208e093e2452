package simulator_test

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway/simulator"
	"duly/internal/gateway/simulator/pace"
	"duly/internal/payment"
)

func newControl(t *testing.T, cfg simulator.Config) (*shop, *simulator.Control) {
	t.Helper()
	s := newShop(t, cfg)
	c := simulator.NewControl(s.url + "/")
	t.Cleanup(c.Close)
	return s, c
}

func TestControlAsksForTheLedger(t *testing.T) {
	s, c := newControl(t, simulator.Config{Token: "secret"})
	s.token = "secret"
	require.NoError(t, c.Health(t.Context()))
	all, err := c.Ledger(t.Context(), simulator.Filter{})
	require.NoError(t, err)
	require.Empty(t, all)
	s.charge("sub_1_20260131-1", "pm_soft")
	s.charge("sub_1_20260131-2", "pm_ok")
	s.charge("sub_1_20260131-3", "pm_ok")
	s.charge("sub_2_20260131-1", "pm_ok")
	s.charge("sub_2_20260131-1", "pm_ok:other")
	all, err = c.Ledger(t.Context(), simulator.Filter{})
	require.NoError(t, err)
	require.Equal(t, s.sim.Ledger(), all)
	require.Equal(t, []string{"sub_1_20260131"}, simulator.DoubleCharged(slices.Values(all)))
	require.Len(t, simulator.Successes(slices.Values(all)), 2)
	for want, f := range map[int]simulator.Filter{
		3: {Reference: "sub_1_20260131"},
		1: {Key: "sub_1_20260131-2"},
		2: {Reference: "sub_1_20260131", Status: payment.Succeeded},
		0: {Key: "sub_2_20260131-1", Status: payment.Declined},
	} {
		some, err := c.Ledger(t.Context(), f)
		require.NoError(t, err)
		require.Len(t, some, want)
	}
	stats, err := c.Stats(t.Context())
	require.NoError(t, err)
	require.Equal(t, s.sim.Stats(), stats)
	require.Equal(t, map[string]map[string]int{"createPayment": {"200": 3, "402": 1, "422": 1}}, stats.Answers)
	require.Equal(t, map[string]int{"createPayment": 5}, stats.Requests)
	require.Equal(t, 4, stats.Payments)
	require.Equal(t, 1, stats.MaxConcurrent)
	require.Equal(t, 1, stats.MaxOpen)
	require.Positive(t, stats.ServiceTime)
	requests, err := c.Requests(t.Context())
	require.NoError(t, err)
	require.Equal(t, s.sim.Requests(), requests)
	s.refund(all[1].ID, "rf_1", 900)
	s.refund(all[1].ID, "rf_1", 901)
	s.cancel(all[1].ID, "cx_1")
	changes, err := c.ChangeRequests(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]int{"rf_1": 2, "cx_1": 1}, changes)
	require.Equal(t, s.sim.ChangeRequests(), changes)
	violations, err := c.BodyViolations(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"sub_2_20260131-1", "rf_1"}, violations)
}

func TestControlPutsPaymentsIntoTheBooks(t *testing.T) {
	s, c := newControl(t, simulator.Config{Now: still})
	want := planted(1)
	want.Status, want.CreatedAt, want.Refunded, want.Refunds = payment.Succeeded, still().Add(-time.Hour), 900, 1
	id, err := c.Inject(t.Context(), want)
	require.NoError(t, err)
	want.ID = id
	require.Equal(t, []simulator.Entry{want}, s.sim.Ledger())

	require.NoError(t, c.Amend(t.Context(), id, map[string]any{"refunded": 0, "status": "canceled"}))
	want.Refunded, want.Refunds, want.Status = 0, 2, payment.Canceled
	require.Equal(t, []simulator.Entry{want}, s.sim.Ledger())

	_, err = c.Inject(t.Context(), simulator.Entry{})
	require.ErrorContains(t, err, "amount")
	for name, change := range map[string]map[string]any{
		"nonsense":    {"nonsense": 1},
		"cannot":      {"status": 1},
		"only status": {"key": "other"},
		"refunded":    {"status": "succeeded", "refunded": 12901},
	} {
		require.ErrorContains(t, c.Amend(t.Context(), id, change), name)
	}
	require.ErrorContains(t, c.Amend(t.Context(), "pay_0000000002", nil), "not known")
	require.Equal(t, []simulator.Entry{want}, s.sim.Ledger(), "nothing is changed by half")
}

func TestControlMovesTheClock(t *testing.T) {
	s, c := newControl(t, simulator.Config{KeyLife: 24 * time.Hour})
	s.charge("sub_1_20260131-1", "pm_ok")
	require.NoError(t, c.Advance(t.Context(), 25*time.Hour))
	require.False(t, s.charge("sub_1_20260131-1", "pm_ok").replayed())
	require.ErrorContains(t, c.Advance(t.Context(), -time.Hour), "forward")
	s.sim.Advance(-time.Hour)
	require.WithinDuration(t, time.Now().Add(25*time.Hour), s.sim.Now(), time.Minute)
}

func TestControlConfigures(t *testing.T) {
	now := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	s, c := newControl(t, simulator.Config{Now: func() time.Time { return now }, KeyLife: time.Hour})
	require.NoError(t, c.Patch(t.Context(), map[string]any{"faults": map[string]any{"429": 1, "first": 1}, "methods": map[string]any{"m": "soft"}}))
	require.Equal(t, 429, s.charge("a-1", "m").code)
	require.NoError(t, c.Patch(t.Context(), map[string]any{"methods": map[string]any{"n": "reject"}}))
	require.Equal(t, 402, s.charge("a-1", "m").code, "a patch leaves the rest as it was")
	require.Equal(t, 429, s.charge("b-1", "n").code)
	require.Equal(t, 400, s.charge("b-1", "n").code)
	require.ErrorContains(t, c.Patch(t.Context(), map[string]any{"faults": map[string]any{"drop_after": 2}}), "[0,1]")
	require.ErrorContains(t, c.Patch(t.Context(), map[string]any{"fautls": 1}), "fautls")
	require.NoError(t, c.Configure(t.Context(), simulator.Config{Shares: simulator.Shares{Hard: 1}}))
	require.Equal(t, 402, s.charge("c-1", "n").code, "the whole configuration was replaced")
	require.Equal(t, now, s.sim.Now(), "but for its clock")
}

func TestConfigInJSON(t *testing.T) {
	full := simulator.Demo()
	full.Seed = math.MaxUint64
	full.Methods = map[string]string{"a": "soft", "b": "drop_after_always"}
	full.Outages = []simulator.Window{{After: time.Hour, For: time.Minute}, {After: 2 * time.Hour, For: time.Second}}
	full.Rise = simulator.Rise{To: 0.75, Over: time.Hour, OverRequests: 100}
	full.ChangeFaults.RetryAfter = -1
	full.ClockSkew = -10 * time.Minute
	full.Knee, full.Slowdown = 40, pace.Slowdown{After: time.Minute, AfterCharges: 7, Factor: 2.5, Knee: 20}
	text, err := json.Marshal(full)
	require.NoError(t, err)
	require.Contains(t, string(text), `"median":"40ms"`)
	require.Contains(t, string(text), `"after":"1h0m0s"`)
	var back simulator.Config
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, full, back)

	require.NoError(t, json.Unmarshal([]byte(`{"outages":[{"after":"3h","for":"1s"}],"latency":{"fixed":"1ms"}}`), &back))
	require.Equal(t, []simulator.Window{{After: 3 * time.Hour, For: time.Second}}, back.Outages, "a list is replaced")
	require.Equal(t, full.Latency.Median, back.Latency.Median)
	require.Error(t, json.Unmarshal([]byte(`{"methods":{"a":"hard"},"seed":-1}`), &back))
	require.Equal(t, "soft", back.Methods["a"])
	for _, wrong := range []string{
		`{"keylife":"1h"}`, `{"faults":{"nope":1}}`, `{"key_life":"1 day"}`, `{"seed":-1}`, `[]`, `{`, `{"no_keys":"perhaps"}`, `{"Now":1}`,
	} {
		before := back
		require.Error(t, json.Unmarshal([]byte(wrong), &back), wrong)
		require.Equal(t, before, back, "nothing is changed by half")
	}
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	for name, c := range map[string]simulator.Config{
		"shares":           {Shares: simulator.Shares{Soft: 0.6, Hard: 0.6}},
		"every share":      {Shares: simulator.Shares{Soft: -0.1}},
		"faults":           {Faults: simulator.Faults{Late: 1.1}},
		"lookup_faults":    {LookupFaults: simulator.Faults{First: -1}},
		"change_faults":    {ChangeFaults: simulator.Faults{Late: 0.9, Slow: 0.9}},
		"rise":             {Rise: simulator.Rise{To: 1.5}},
		"not an outcome":   {Pending: simulator.Pending{Then: "drop_after"}},
		"neither":          {Methods: map[string]string{"m": "x"}},
		"outage_answer":    {OutageAnswer: "500"},
		"must not be nega": {KeyLife: -1},
		"rate_limit":       {RateLimit: -1},
		"knee":             {Knee: -1},
		"slowdown":         {Slowdown: pace.Slowdown{Factor: -1}},
	} {
		require.ErrorContains(t, c.Validate(), name)
	}
	demo := simulator.Demo()
	require.NoError(t, demo.Validate())
	require.NoError(t, (&simulator.Config{}).Validate())
	require.NoError(t, (&simulator.Config{Faults: simulator.DefaultFaults(1)}).Validate())
}

func TestPagesThatDoNotExist(t *testing.T) {
	s := newShop(t, simulator.Config{})
	for _, path := range []string{"/", "/v1", "/_sim", "/v1/payments/a/b"} {
		resp, err := s.client.Get(s.url + path)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, resp.Body)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 404, resp.StatusCode, path)
	}
	resp, err := s.client.Post(s.url+"/v1/payments/by-key/x", "application/json", strings.NewReader("{}"))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
}
