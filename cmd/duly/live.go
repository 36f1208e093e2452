package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"duly/internal/runstate"
)

// showLive writes for people how a live run goes.
func (a *app) showLive(v runView, now time.Time) {
	a.line("")
	a.line("run %d of %s for %s on %s, since %s", v.ID, v.Job, v.BusinessDate, v.Host, instant(v.StartedAt))
	if s := v.State; s != nil {
		if s.Step != nil {
			a.line("  %s", pacing(*s.Step))
		}
		if v.Why != "" {
			a.line("  pace: %s", v.Why)
		}
		for _, name := range slices.Sorted(maps.Keys(s.Gateways)) {
			a.line("  gateway %s: %s", name, using(s.Gateways[name]))
		}
	}
	if c := v.Control; c != nil {
		if t := c.Throttle; t != nil && (v.State == nil || v.State.Throttle == nil || v.State.Throttle.Pace() != t.Pace()) {
			a.line("  told by %s to go at %s; its next heartbeat takes it in", t.Order, t.Pace())
		}
		if c.Stop != nil && (v.State == nil || v.State.Stopping == "") {
			a.line("  told to stop by %s; its next heartbeat takes it in", c.Stop)
		}
	}
	a.line("  last heartbeat %s ago", max(0, now.Sub(v.HeartbeatAt)).Round(time.Second))
	a.steps(v.Steps)
}

// pacing is how far a step has come, in a line.
func pacing(s runstate.Step) string {
	parts := []string{fmt.Sprintf("%s: %d", s.Name, s.Done)}
	if s.Due != nil {
		parts[0] += fmt.Sprintf(" of %d", *s.Due)
	}
	if s.Done > 0 {
		parts = append(parts, fmt.Sprintf("%.0f/s", s.Rate))
	}
	if s.SecondsLeft > 0 {
		parts = append(parts, (time.Duration(s.SecondsLeft)*time.Second).String()+" left")
	}
	return strings.Join(parts, " · ")
}

// using is how a gateway is being used, in a line.
func using(g runstate.Gateway) string {
	if g.LeftAlone != "" {
		return "left alone: " + g.LeftAlone
	}
	parts := []string{fmt.Sprintf("%d of %d open", g.Open, g.Bound)}
	if g.Waiting > 0 {
		parts = append(parts, fmt.Sprintf("%d waiting", g.Waiting))
	}
	parts = append(parts, fmt.Sprintf("%.0f/s", g.PerSecond))
	if g.LatencyMS > 0 {
		parts = append(parts, fmt.Sprintf("%.0f ms", g.LatencyMS))
	}
	if g.Rate > 0 {
		parts = append(parts, "rate "+strconv.FormatFloat(g.Rate, 'f', -1, 64)+"/s at most")
	}
	return strings.Join(parts, " · ")
}
