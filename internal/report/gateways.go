package report

import (
	"maps"
	"slices"
	"time"
)

// gatewayView is how a gateway was used.
type gatewayView struct {
	Name   string
	Paused string // why it was not used
	Facts  []fact
}

// gatewaysOf lists the gateways that were used, or should have been, in order.
func gatewaysOf(m Measured, latest time.Time, zone *time.Location) []gatewayView {
	var out []gatewayView
	for _, name := range slices.Sorted(maps.Keys(m.Gateways)) {
		g := m.Gateways[name]
		if g.Requests == 0 && g.LeftAlone == "" {
			continue
		}
		v := gatewayView{Name: name, Paused: localTimes(g.LeftAlone, latest, zone)}
		if g.Requests > 0 {
			v.Facts = append(g.latencyFacts(), g.kinds()...)
		}
		out = append(out, v)
	}
	return out
}

func (g Gateway) latencyFacts() []fact {
	facts := []fact{
		{"requests", number(g.Requests)},
		{"p50", millis(g.Latency.P50)},
		{"p95", millis(g.Latency.P95)},
		{"p99", millis(g.Latency.P99)},
		{"slowest", millis(g.Latency.Max)},
	}
	if g.Retries > 0 {
		facts = append(facts, fact{"retries", number(g.Retries) + " (" + percent(g.Retries, g.Requests) + ")"})
	}
	if g.Openings > 0 {
		facts = append(facts, fact{"circuit opened", count(g.Openings, "time", "times")})
	}
	return facts
}

// kinds counts the requests by what was asked and answered, without zeros.
func (g Gateway) kinds() []fact {
	var out []fact
	add := func(name string, n int64) {
		if n > 0 {
			out = append(out, fact{name, number(n) + " (" + percent(n, g.Requests) + ")"})
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(g.Charges)) {
		add("charges "+gatewayWords(kind), g.Charges[kind])
	}
	add("lookups", g.LookUps)
	add("pages of payments listed", g.Listings)
	add("cancellations", g.Cancels)
	add("refunds", g.Refunds)
	add("credentials refused", g.Misconfigured)
	return out
}
