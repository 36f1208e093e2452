package report

import (
	"strconv"
)

// trim writes n with at most three digits that mean something, and no zeros behind the point.
func trim(n float64) string {
	digits := 0
	switch {
	case n < 10:
		digits = 2
	case n < 100:
		digits = 1
	}
	s := strconv.FormatFloat(n, 'f', digits, 64)
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// gatewayView is how a gateway was used.
type gatewayView struct {
	Name      string
	Facts     []fact
	LeftAlone string
	Chart     *columnsView
	Kinds     []fact // requests by what was asked and answered
}

// fact is something with its name.
type fact struct{ Name, Value, Note string }

// gatewaysOf draws the gateways that were used, in order.
func gatewaysOf(m *Measured) []gatewayView {
	if m == nil {
		return nil
	}
	var out []gatewayView
	for _, name := range sortedKeys(m.Gateways) {
		g := m.Gateways[name]
		if g.Requests == 0 && g.LeftAlone == "" {
			continue
		}
		v := gatewayView{Name: name, LeftAlone: g.LeftAlone, Chart: latencyOf(name, g.Latency)}
		if g.Requests > 0 {
			v.Facts = []fact{
				{"Requests", number(g.Requests), ""},
				{"Median", millis(g.Latency.P50), ""},
				{"95 in 100 within", millis(g.Latency.P95), ""},
				{"99 in 100 within", millis(g.Latency.P99), ""},
				{"Slowest", millis(g.Latency.Max), ""},
				{"Retries", number(g.Retries), "(" + percent(g.Retries, g.Requests) + ")"},
				{"Circuit opened", times(g.Openings), ""},
			}
		}
		v.Kinds = kindsOf(g)
		out = append(out, v)
	}
	return out
}

func times(n int64) string {
	if n == 0 {
		return "never"
	}
	return plural(n, "time")
}

// kindsOf lists what was asked of a gateway, leaving out what was not.
func kindsOf(g Gateway) []fact {
	var out []fact
	add := func(name string, n int64) {
		if n > 0 {
			out = append(out, fact{name, number(n), percent(n, g.Requests)})
		}
	}
	for _, kind := range sortedKeys(g.Charges) {
		add("charges: "+wordOf(kind), g.Charges[kind])
	}
	add("look-ups", g.LookUps)
	add("pages of payments listed", g.Listings)
	add("cancellations", g.Cancels)
	add("refunds", g.Refunds)
	add("of these, refused our credentials", g.Misconfigured)
	return out
}

// wordOf writes the kind of an outcome.
func wordOf(kind string) string {
	switch kind {
	case "in_doubt":
		return "in doubt"
	case "not_executed":
		return "not executed"
	case "try_later":
		return "to be tried later"
	case "differs":
		return "differed from ours"
	case "misconfigured":
		return "credentials refused"
	}
	return kind
}

// latencyOf draws how long answers took, on an axis that doubles; nil where there is nothing to compare.
func latencyOf(name string, l Latency) *columnsView {
	if len(l.Buckets) < 2 {
		return nil
	}
	var most, total int64
	for _, b := range l.Buckets {
		most, total = max(most, b.Count), total+b.Count
	}
	scale := axisOf(l.Buckets)
	step, top := nice(float64(most))
	v := &columnsView{Height: pixels(plotHeight)}
	for at := 0.0; at <= top+step/2; at += max(1, step) {
		v.Y = append(v.Y, tick{At: pixels(plotHeight - at/top*plotHeight), Text: short(at)})
	}
	for _, b := range l.Buckets {
		x, end := scale.at(b.From), scale.at(b.To)
		if b.From == 0 {
			x = scale.at(b.To / fourth)
		}
		width := end - x
		height := float64(b.Count) / top * plotHeight
		v.Columns = append(v.Columns, column{
			X: percentage(x + width*0.06), Width: percentage(width * 0.88), Text: "up to " + millis(b.To) + ": " + plural(b.Count, "request"),
			Parts: []box{{"succeeded", pixels(plotHeight - height), pixels(height)}},
		})
		v.Rows = append(v.Rows, bucketRow{When: millis(b.From) + " – " + millis(b.To), Succeeded: number(b.Count), Rate: percent(b.Count, total)})
	}
	v.X = scale.ticks()
	for i, q := range []struct {
		text string
		ms   float64
	}{{"median", l.P50}, {"95%", l.P95}} {
		mark := line{X: percentage(scale.at(q.ms)), Text: q.text + " " + millis(q.ms), Anchor: "start", Dx: "5", Y: pixels(float64(i-2)*15 + 9)}
		if scale.at(q.ms) > 60 {
			mark.Anchor, mark.Dx = "end", "-5"
		}
		v.Lines = append(v.Lines, mark)
	}
	v.Text = "Latency of " + name + ": " + plural(total, "request") + ", half of them within " + millis(l.P50) + ", 95 in 100 within " + millis(l.P95) +
		", the slowest " + millis(l.Max)
	return v
}
