package report

import "strconv"

// segment is a part of a bar; X and Width are percentages of the bar's width, so that a bar fits any screen without
// stretching its strokes.
type segment struct {
	Class    string // its CSS class
	X, Width string
	Text     string // of its tooltip
}

// slice is a part of a bar before it is drawn.
type slice struct {
	class string
	n     int64
	text  string
}

// segments divides a bar. A part that is not zero is wide enough to be seen.
func segments(slices []slice) []segment {
	const least = 0.6 // percent
	var total float64
	for _, s := range slices {
		total += float64(max(0, s.n))
	}
	if total == 0 {
		return nil
	}
	widths, sum := make([]float64, len(slices)), 0.0
	for i, s := range slices {
		if s.n > 0 {
			widths[i] = max(least, float64(s.n)/total*100)
			sum += widths[i]
		}
	}
	var out []segment
	x := 0.0
	for i, s := range slices {
		width := widths[i] / sum * 100
		if width > 0 {
			out = append(out, segment{s.class, percentage(x), percentage(width), s.text})
		}
		x += width
	}
	return out
}

// percentage writes a coordinate.
func percentage(p float64) string { return strconv.FormatFloat(p, 'f', 2, 64) + "%" }

// pixels writes a coordinate.
func pixels(p float64) string { return strconv.FormatFloat(p, 'f', 1, 64) }
