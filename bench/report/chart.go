package report

import (
	"fmt"
	"html"
	"strings"
)

// The measures of the chart, in pixels.
const (
	chartWidth = 880
	barsLeft   = 20
	barsWide   = 600
	textLeft   = barsLeft + barsWide + 20
	lineHigh   = 58
	headHigh   = 64
)

// The chart follows the reader's colour scheme, where the viewer knows it; the colours can be told apart in both.
const chartStyle = `<style>
text{font:13px system-ui,sans-serif;fill:#1f2328}.small{font-size:11px;fill:#59636e}.ours{fill:#0969da}.theirs{fill:#afb8c1}.target{stroke:#bc4c00;stroke-width:2}.ground{fill:#ffffff}
@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.small{fill:#9198a1}.ours{fill:#4493f8}.theirs{fill:#656c76}.target{stroke:#f0883e}.ground{fill:#0d1117}}
</style>
`

// Chart is the run as an SVG: of each case the ratio as a bar beside that of its baseline, which is 1, and its target as
// a line. Each case has a scale of its own.
func (r Run) Chart() string {
	var b strings.Builder
	high := headHigh + lineHigh*len(r.Cases)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="title">`+"\n",
		chartWidth, high, chartWidth, high)
	b.WriteString(`<title id="title">duly against its baselines</title>` + "\n" + chartStyle)
	fmt.Fprintf(&b, `<rect class="ground" width="%d" height="%d"/>`+"\n", chartWidth, high)
	fmt.Fprintf(&b, `<rect class="ours" x="%d" y="16" width="12" height="12"/><text x="%d" y="27">duly</text>`+"\n", barsLeft, barsLeft+18)
	fmt.Fprintf(&b, `<rect class="theirs" x="%d" y="16" width="12" height="12"/><text x="%d" y="27">baseline</text>`+"\n", barsLeft+70, barsLeft+88)
	fmt.Fprintf(&b, `<line class="target" x1="%d" y1="14" x2="%d" y2="30"/><text x="%d" y="27">target</text>`+"\n", barsLeft+166, barsLeft+166, barsLeft+176)
	fmt.Fprintf(&b, `<text class="small" x="%d" y="48">%s</text>`+"\n", barsLeft, html.EscapeString(r.machine()))
	for i, c := range r.Cases {
		c.bars(&b, headHigh+lineHigh*i)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (r Run) machine() string {
	text := fmt.Sprintf("%d cores (%s), %s, %s, median of %d", r.Cores, r.Platform, r.Go, r.Database, r.Rounds)
	if r.Scale != 1 {
		text += fmt.Sprintf(", at %g of the full sizes", r.Scale)
	}
	return text
}

// bars draws one case below top.
func (c Case) bars(b *strings.Builder, top int) {
	largest := max(c.Ratio, c.Target.Limit)
	if !c.Absolute {
		largest = max(largest, 1)
	}
	long := func(value float64) float64 { return value / largest * (barsWide - 2) }
	fmt.Fprintf(b, `<text x="%d" y="%d">%s</text>`+"\n", barsLeft, top+14, html.EscapeString(c.Name+" "+c.What))
	fmt.Fprintf(b, `<rect class="ours" x="%d" y="%d" width="%.1f" height="12"/>`+"\n", barsLeft, top+22, max(1, long(c.Ratio)))
	if !c.Absolute {
		fmt.Fprintf(b, `<rect class="theirs" x="%d" y="%d" width="%.1f" height="8"/>`+"\n", barsLeft, top+36, max(1, long(1)))
	}
	at := barsLeft + long(c.Target.Limit)
	fmt.Fprintf(b, `<line class="target" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n", at, top+19, at, top+47)
	fmt.Fprintf(b, `<text x="%d" y="%d">%.3f, %s</text>`+"\n", textLeft, top+32, c.Ratio, html.EscapeString(c.Verdict))
	fmt.Fprintf(b, `<text class="small" x="%d" y="%d">target %s</text>`+"\n", textLeft, top+46, html.EscapeString(c.Target.String()))
}
