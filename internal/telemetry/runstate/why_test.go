package runstate

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/runs"
)

// begin is when the samples of these tests begin; they are five seconds apart.
func begin() time.Time { return time.Date(2026, 1, 31, 2, 30, 0, 0, time.UTC) }

const apart = 5 * time.Second

// told is a state in which everything that could be told of is so; cases take away from it what comes first.
func told() State {
	since := begin().Add(67 * time.Second)
	later := since.Add(time.Minute)
	order := runs.Instruction{Who: "ada", Reason: "the provider asked for it"}
	return State{
		At: begin(), Seconds: 5, Stopping: "stopped by kim: deploy", Waits: &Wait{Run: 7, Host: "vm-1"},
		Throttle: &runs.Throttle{Instruction: order, Parallelism: 5},
		Gateways: map[string]Gateway{
			"main":  {Open: 64, Bound: 64, Rate: 20, LatencyMS: 310, PerSecond: 200, OpenSince: &since, Time: Shares{Open: 0.4, Throttle: 0.3, Rate: 0.3}},
			"other": {Open: 9, Bound: 10, LatencyMS: 100, PerSecond: 90, OpenSince: &later, Time: Shares{Open: 1}},
			"gone":  {Bound: 1, Open: 1, LatencyMS: 9000, LeftAlone: "paused", OpenSince: &time.Time{}, Time: Shares{Rate: 1}},
		},
		Database: Database{Busy: map[string]float64{"claim": 0.3, "settle": 0.6, "heartbeat": 9}, Locked: 3, Lost: 0.25, Waiting: 2, Waited: 1.5},
	}
}

// All reasons are there at first; each case takes away the one that the case before it found.
func TestWhyByPrecedence(t *testing.T) {
	s := told()
	main := func(change func(*Gateway)) func() {
		return func() {
			g := s.Gateways["main"]
			change(&g)
			s.Gateways["main"] = g
		}
	}
	for _, c := range []struct {
		take func()
		want string
	}{
		{func() {}, "it is stopping: stopped by kim: deploy"},
		{func() { s.Stopping = "" }, "it waits for the lease of run 7 on vm-1"},
		{func() { s.Waits = nil }, "gateway main fails: its circuit is open since 02:31:07 UTC"},
		{main(func(g *Gateway) { g.OpenSince = nil }), "gateway other fails: its circuit is open since 02:32:07 UTC"},
		{func() { g := s.Gateways["other"]; g.OpenSince = nil; s.Gateways["other"] = g }, "throttled to 5 at once by ada: the provider asked for it"},
		{func() { s.Throttle.Parallelism, s.Throttle.Rate = 0, 20 }, "throttled to 20/s by ada: the provider asked for it"},
		{func() { s.Throttle.Parallelism, s.Throttle.Rate = 0, 30 }, "the rate limit of gateway main, 20/s"},
		{func() { s.Throttle = nil }, "the rate limit of gateway main, 20/s"},
		{main(func(g *Gateway) { g.Time.Rate = 0.24 }), "main answers in 310 ms, 64 of 64 requests busy"},
		{main(func(g *Gateway) { g.LatencyMS = 0 }), "main has answered nothing for 5 s, 64 of 64 requests busy"},
		{main(func(g *Gateway) { g.LatencyMS = 249 }), "limited by the gateway, as it should be"},
		{main(func(g *Gateway) { g.Open = 57 }), "limited by the gateway, as it should be"}, // the other is full
		{func() { g := s.Gateways["other"]; g.Open = 8; s.Gateways["other"] = g }, "it waits for row locks of other transactions: 2.0 waits at once, 3 given up"},
		{func() { s.Database.Lost = 0.24 }, "it waits for row locks of other transactions: 2.0 waits at once, 3 given up"},
		{func() { s.Database.Waiting = 0 }, "it waits for row locks of other transactions: 1.5 waits at once, 3 given up"},
		{func() { s.Database.Waited = 0.2 }, "the database: its transactions take most of the time (settle 60 %, claim 30 %)"},
		{func() { s.Database.Busy["settle"] = 0.19 }, "limited by the gateway, as it should be"},
		{func() { s.Gateways = map[string]Gateway{"gone": s.Gateways["gone"]} }, ""},
	} {
		c.take()
		require.Equal(t, c.want, s.Why())
		slows := c.want != "" && !strings.HasPrefix(c.want, "limited by the gateway")
		switch {
		case s.Waits != nil:
			require.Empty(t, s.Slow())
		case s.Stopping == "":
			require.Equal(t, slows, s.Slow() != "", c.want)
		}
	}
	require.Empty(t, State{}.Why())
}

// Waits of others for locks are no reason of a run that does nothing in the database.
func TestLocksOfOthers(t *testing.T) {
	s := State{Seconds: 5, Database: Database{Busy: map[string]float64{"claim": 0.1}, Waiting: 7, Waited: 3}}
	require.Empty(t, s.Why())
	s.Database.Busy["claim"] = 0.5
	require.Contains(t, s.Why(), "row locks")
}

func TestBetween(t *testing.T) {
	stats := func(paid int64, latency time.Duration) gateway.Stats {
		return gateway.Stats{Charges: map[payment.Kind]int64{payment.Paid: paid}, Latency: latency}
	}
	before := Sample{
		At: begin(), Locks: mysql.Locks{Waited: time.Second}, Work: map[string]mysql.Work{"claim": {Time: time.Second, Locked: 1, Lost: time.Second}},
		Gateways: map[string]GatewaySample{"main": {Stats: stats(100, 10*time.Second), Load: gateway.Load{Spent: gateway.Spent{Open: time.Minute, Rate: time.Hour}}}},
	}
	since := begin().Add(2*time.Second + time.Millisecond)
	now := Sample{
		At: begin().Add(apart), Locks: mysql.Locks{Waiting: 2, Waited: 6 * time.Second},
		Work: map[string]mysql.Work{"claim": {Time: 3 * time.Second, Locked: 4, Lost: 2 * time.Second}, "settle": {Time: time.Second}, "idle": {}},
		Gateways: map[string]GatewaySample{
			"main": {
				Stats: stats(150, 25*time.Second), Parallelism: 64,
				Load: gateway.Load{Open: 5, Waiting: 59, Bound: 5, Auto: 37, Rate: 20, OpenSince: since, Spent: gateway.Spent{Open: time.Minute + 15*time.Second, Rate: time.Hour + 30*time.Second, Throttle: 15 * time.Second}},
			},
			"idle": {Parallelism: 8, Load: gateway.Load{LeftAlone: "paused: " + strings.Repeat("audit ", 50)}},
		},
	}
	s := Between(before, now)
	require.InDelta(t, 5, s.Seconds, 0)
	second := since.Truncate(time.Second)
	require.Equal(t, Gateway{
		Requests: 150, PerSecond: 10, Open: 5, Waiting: 59, Bound: 5, Auto: 37, Rate: 20, LatencyMS: 300, OpenSince: &second,
		Time: Shares{Open: 0.25, Rate: 0.5, Throttle: 0.25},
	}, s.Gateways["main"])
	require.Equal(t, 8, s.Gateways["idle"].Bound)
	require.Len(t, s.Gateways["idle"].LeftAlone, mostText)
	require.Equal(t, Database{Busy: map[string]float64{"claim": 0.4, "settle": 0.2}, Locked: 3, Lost: 0.2, Waiting: 2, Waited: 1}, s.Database)

	// Two samples of one moment, and none before, are no reason to divide by nothing.
	for _, s := range []State{Between(now, now), Between(Sample{}, Sample{})} {
		b, err := json.Marshal(s)
		require.NoError(t, err)
		require.NotContains(t, string(b), "null")
	}
}

// However much there is to tell, it is small.
func TestAStateIsSmall(t *testing.T) {
	now := Sample{At: begin().Add(apart), Gateways: map[string]GatewaySample{}, Work: map[string]mysql.Work{}}
	long := strings.Repeat("x", 300)
	for i := range 40 {
		now.Gateways[fmt.Sprintf("%02d%s", i, strings.Repeat("y", 30))] = GatewaySample{
			Stats: gateway.Stats{LookUps: 123_456_789, Latency: 98_765_432 * time.Second}, Parallelism: 10_000,
			Load: gateway.Load{
				Open: i, Waiting: 10_000, Bound: 10_000, Rate: 1234.567, OpenSince: begin(), LeftAlone: long,
				Spent: gateway.Spent{Open: 1e12, Circuit: 2e12, Throttle: 3e12, Rate: 4e12, Slots: 5e12, Backoff: 6e12},
			},
		}
	}
	for i := range 20 {
		now.Work[fmt.Sprintf("transaction-%d", i)] = mysql.Work{Time: 123_456 * time.Millisecond}
	}
	s := Between(Sample{At: begin()}, now)
	require.Len(t, s.Gateways, mostGateways)
	require.Contains(t, s.Gateways, "39"+strings.Repeat("y", 30), "those that most is going on at")
	s.Step = &Step{Name: "recover-last", Done: 123_456_789, Due: new(int64), Rate: 12345.6, SecondsLeft: 123_456}
	s.Throttle = &runs.Throttle{Instruction: runs.Instruction{Who: long[:191], Host: long[:255], Reason: long[:255]}, Parallelism: 10_000, Rate: 123.456}
	s.Stopping = "stopped by " + long[:191] + ": " + long[:255]
	b, err := json.Marshal(s.Short())
	require.NoError(t, err)
	require.Less(t, len(b), 4096, string(b))
}
