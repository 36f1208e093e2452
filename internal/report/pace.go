package report

import (
	"math"
)

const (
	mostColumns  = 60
	leastSeconds = 60    // a shorter run has no chart
	plotHeight   = 168.0 // pixels
)

// columnsView is a chart of columns over time.
type columnsView struct {
	Height  string
	Columns []column
	Bands   []segment // behind the columns
	Y       []tick
	X       []tick
	Rows    []bucketRow
	Circuit bool // Rows have an open one
	Key     []segment
	Text    string // the chart in a sentence
	Lead    string
}

// column is one of them, from the bottom up.
type column struct {
	X, Width string
	Parts    []box
	Text     string
}

// box is a part of a column; Y and Height are pixels.
type box struct{ Class, Y, Height string }

// tick is a mark of an axis.
type tick struct{ At, Text, Anchor string }

// bucketRow is a row of the chart's table.
type bucketRow struct {
	When, Done, Rate string
	Held             bool
}

// paceBucket is a part of the run.
type paceBucket struct {
	Totals

	from, to float64 // seconds
	held     bool
}

func (b paceBucket) all() int64 { return b.Succeeded + b.Declined + b.Others }

func (b paceBucket) rate() float64 {
	if b.to <= b.from {
		return 0
	}
	return float64(b.all()) / (b.to - b.from)
}

// paceOf draws the throughput of a run; done is how its items that succeeded are called. It is nil for a run that did nothing,
// or that was so short that its average says as much.
func paceOf(p Pace, done string) *columnsView {
	if p.Seconds < leastSeconds {
		return nil
	}
	buckets := bucketsOf(p)
	var sum Totals
	top := 0.0
	peak := paceBucket{}
	for _, b := range buckets {
		sum = sum.plus(b.Totals)
		if b.rate() > top {
			top, peak = b.rate(), b
		}
	}
	all := sum.Succeeded + sum.Declined + sum.Others
	if all == 0 {
		return nil
	}
	end := buckets[len(buckets)-1].to
	step, most := nice(top)
	mean := perSecond(float64(all) / p.Seconds)
	v := &columnsView{Height: pixels(plotHeight), Lead: mean + " on average, " + perSecond(top) + " at most."}
	for at := 0.0; at <= most+step/2; at += step {
		v.Y = append(v.Y, tick{At: pixels(plotHeight - at/most*plotHeight), Text: short(at)})
	}
	for _, b := range buckets {
		x, width := b.from/end*100, (b.to-b.from)/end*100
		if b.held {
			v.Bands = append(v.Bands, segment{"held", percentage(x), percentage(width), "circuit open"})
		}
		row := bucketRow{When: length(b.from) + " – " + length(b.to), Done: some(b.all()), Rate: perSecond(b.rate()), Held: b.held}
		v.Rows, v.Circuit = append(v.Rows, row), v.Circuit || b.held
		c := column{X: percentage(x + width*0.08), Width: percentage(width * 0.84), Text: row.When + ": " + row.Rate}
		y := plotHeight
		for _, part := range []struct {
			class string
			n     int64
		}{{"succeeded", b.Succeeded}, {"declined", b.Declined}, {"doubt", b.Others}} {
			if part.n > 0 {
				height := float64(part.n) / (b.to - b.from) / most * plotHeight
				y -= height
				c.Parts = append(c.Parts, box{part.class, pixels(y), pixels(height)})
			}
		}
		v.Columns = append(v.Columns, c)
	}
	v.X = []tick{{"0%", "0s", "start"}, {"50%", length(end / 2), "middle"}, {"100%", length(end), "end"}}
	for _, k := range []struct {
		class, text string
		there       bool
	}{
		{"succeeded", done, sum.Succeeded > 0},
		{"declined", "declined", sum.Declined > 0},
		{"doubt", "anything else", sum.Others > 0},
		{"held", "circuit open", len(v.Bands) > 0},
	} {
		if k.there {
			v.Key = append(v.Key, segment{Class: k.class, Text: k.text})
		}
	}
	v.Text = plural(all, "item") + " in " + length(p.Seconds) + ": " + mean + " on average, " + perSecond(top) + " at most, " + length(peak.from) + " after the start"
	return v
}

// bucketsOf merges the buckets of a run into at most mostColumns. A last one that is much shorter is merged into the one before.
func bucketsOf(p Pace) []paceBucket {
	n := len(p.Succeeded)
	held := map[int]bool{}
	for _, i := range p.Held {
		held[i] = true
	}
	merge := (n + mostColumns - 1) / mostColumns
	var out []paceBucket
	for i := range n {
		b := paceBucket{from: float64(i) * p.Width, to: min(p.Seconds, float64(i+1)*p.Width), held: held[i]}
		b.Totals = Totals{p.Succeeded[i], at(p.Declined, i), at(p.Others, i)}
		if i%merge == 0 && (i == 0 || b.to-b.from >= p.Width/2 || merge > 1) {
			out = append(out, b)
			continue
		}
		last := &out[len(out)-1]
		last.Totals, last.to, last.held = last.plus(b.Totals), b.to, last.held || b.held
	}
	if n := len(out); n > 1 && merge > 1 && out[n-1].to-out[n-1].from < (out[0].to-out[0].from)/2 {
		last := out[n-1]
		out = out[:n-1]
		end := &out[n-2]
		end.Totals, end.to, end.held = end.plus(last.Totals), last.to, end.held || last.held
	}
	return out
}

func at(list []int64, i int) int64 {
	if i < len(list) {
		return list[i]
	}
	return 0
}

// nice chooses the step between the ticks of an axis that reaches at least to most, and where it ends: three to five ticks.
func nice(most float64) (step, top float64) {
	if most <= 0 {
		return 1, 1
	}
	rough := most / 3
	magnitude := math.Pow(10, math.Floor(math.Log10(rough)))
	step = 10 * magnitude
	for _, m := range []float64{1, 2, 2.5, 5} {
		if m*magnitude >= rough {
			step = m * magnitude
			break
		}
	}
	return step, math.Ceil(most/step-1e-9) * step
}

// short writes the number of a tick: 0.5, 250, 1.5k, 2M.
func short(n float64) string {
	switch {
	case n >= 1e6:
		return trim(n/1e6) + "M"
	case n >= 1000:
		return trim(n/1000) + "k"
	}
	return trim(n)
}

func perSecond(rate float64) string {
	if rate >= 99.5 {
		return number(int64(math.Round(rate))) + "/s"
	}
	return trim(rate) + "/s"
}
