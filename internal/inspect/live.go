package inspect

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/telemetry/runstate"
	"duly/internal/view"
)

// showLive writes for people how a live run goes: how far it has come and, below, what slows it down or what an operator wants of it.
// A silent one has missed heartbeats, and holds its lease still.
func showLive(screen *cli.Screen, v view.Run, now time.Time, silent bool) {
	parts := []string{v.Job}
	if v.State != nil && v.State.Step != nil {
		parts = append(parts, pacing(*v.State.Step)...)
	}
	var declined, doubt int64
	for _, s := range v.Steps {
		declined, doubt = declined+s.Declined, doubt+s.InDoubt
	}
	if declined > 0 {
		parts = append(parts, cli.Number(declined)+" declined")
	}
	if doubt > 0 {
		parts = append(parts, cli.Number(doubt)+" in doubt")
	}
	if v.State == nil || v.State.Step == nil {
		parts = append(parts, "heartbeat "+cli.Lasting(now.Sub(v.HeartbeatAt))+" ago")
	}
	mark := cli.SignLive
	if silent {
		mark, parts = cli.SignLook, []string{v.Job, "no heartbeat for " + cli.Lasting(now.Sub(v.HeartbeatAt)), "lease ends in " + view.UpTo(v.Lease-now.Sub(v.HeartbeatAt))}
	}
	screen.Item(fmt.Sprintf("%s run %d", mark, v.ID), statusColumn, parts...)
	if silent {
		return
	}
	waits := v.State != nil && v.State.Waits != nil
	if waits {
		w := v.State.Waits
		screen.Item("", statusColumn, view.LeaseWait(batch.LeaseWait{Run: w.Run, Host: w.Host, Beat: w.Beat, Until: w.Until}, now))
	}
	if v.Why != "" && (!waits || v.State.Stopping != "") { // the line above says it
		screen.Item("", statusColumn, "slow: "+v.Why)
	}
	if auto := settled(v.State); auto != "" && !screen.Verbose {
		screen.Item("", statusColumn, auto)
	}
	if c := v.Control; c != nil {
		if t := c.Throttle; t != nil && (v.State == nil || v.State.Throttle == nil || v.State.Throttle.Pace() != t.Pace()) {
			screen.Item("", statusColumn, fmt.Sprintf("%s asked for %s, from its next heartbeat", t.Who, t.Pace()))
		}
		if c.Stop != nil && (v.State == nil || v.State.Stopping == "") {
			screen.Item("", statusColumn, fmt.Sprintf("%s asked it to stop, from its next heartbeat%s", c.Stop.Who, because(c.Stop.Reason)))
		}
	}
	if screen.Verbose {
		showLiveDetails(screen, v, now)
	}
}

// settled is what `parallelism: auto` has found so far; empty where the numbers are fixed.
func settled(s *runstate.State) string {
	var found []string
	if s != nil {
		for _, name := range slices.Sorted(maps.Keys(s.Gateways)) {
			if g := s.Gateways[name]; g.Auto > 0 {
				found = append(found, fmt.Sprintf("%s %d", name, g.Auto))
			}
		}
	}
	if len(found) == 0 {
		return ""
	}
	return "parallelism auto: " + strings.Join(found, ", ")
}

// because is a reason behind what it explains; nothing for none.
func because(reason string) string {
	if reason == "" {
		return ""
	}
	return fmt.Sprintf(" (%q)", reason)
}

// showLiveDetails adds the gateways and the steps of a live run.
func showLiveDetails(screen *cli.Screen, v view.Run, now time.Time) {
	if s := v.State; s != nil {
		for _, name := range slices.Sorted(maps.Keys(s.Gateways)) {
			screen.Item("", statusColumn, append([]string{"gateway " + name}, using(s.Gateways[name])...)...)
		}
	}
	screen.Item("", statusColumn, "on "+v.Host, "heartbeat "+cli.Lasting(now.Sub(v.HeartbeatAt))+" ago")
	view.StepTable(screen, v.Steps)
}

// pacing is how far a step has come.
func pacing(s runstate.Step) []string {
	done := s.Name + " " + cli.Number(s.Done)
	if s.Due != nil {
		done += " of " + cli.Number(*s.Due)
	}
	parts := []string{done}
	if s.Done > 0 {
		parts = append(parts, fmt.Sprintf("%.0f/s", s.Rate))
	}
	if s.SecondsLeft > 0 {
		parts = append(parts, (time.Duration(s.SecondsLeft)*time.Second).String()+" left")
	}
	return parts
}

// using is how a gateway is being used.
func using(g runstate.Gateway) []string {
	if g.LeftAlone != "" {
		return []string{"skipped: " + g.LeftAlone}
	}
	parts := []string{fmt.Sprintf("%d of %d requests busy", g.Open, g.Bound)}
	if g.Auto > 0 {
		parts = append(parts, fmt.Sprintf("parallelism auto: %d", g.Auto))
	}
	if g.Waiting > 0 {
		parts = append(parts, fmt.Sprintf("%d waiting", g.Waiting))
	}
	parts = append(parts, fmt.Sprintf("%.0f/s", g.PerSecond))
	if g.LatencyMS > 0 {
		parts = append(parts, fmt.Sprintf("%.0f ms", g.LatencyMS))
	}
	if g.Rate > 0 {
		parts = append(parts, "at most "+strings.TrimSuffix(strconv.FormatFloat(g.Rate, 'f', -1, 64), ".0")+"/s")
	}
	return parts
}
