package report

import "strings"

// outcomesView is what became of the items of each step.
type outcomesView struct {
	Steps []outcomeView
	Idle  string // steps that had nothing to do
	Table []stepRow
	Money bool // the table has a column for it
}

// outcomeView is one step.
type outcomeView struct {
	Name, About, Status string
	Items, Took         string
	Text                string    // the outcomes in words
	Parts               []segment // the same, one by one, with what they are drawn in
	Bar                 []segment
}

// stepRow is a row of the table: the numbers as they were kept.
type stepRow struct {
	Name, Status string
	Cells        []cell
	Amounts      []string
	Took         string
}

// cell is a number of a table.
type cell struct{ Name, Text string }

// outcomesOf draws the steps that did something, or ended otherwise than completed.
func outcomesOf(steps []Step) outcomesView {
	var v outcomesView
	var idle []string
	for _, s := range steps {
		v.Table = append(v.Table, rowOf(s))
		v.Money = v.Money || len(s.Amounts) > 0
		slices := slicesOf(s)
		if len(slices) == 0 && s.Read == 0 && s.Status == "completed" {
			idle = append(idle, s.Name)
			continue
		}
		o := outcomeView{Name: s.Name, About: about(s.Name), Status: s.Status, Took: length(s.Seconds), Bar: segments(slices)}
		if s.Status == "completed" {
			o.Status = ""
		}
		words := countedBy(s.Name)
		o.Items = number(s.Read) + " " + words.Read
		if s.Read == 1 {
			o.Items = "1 " + singular(words.Read)
		}
		var texts []string
		for _, part := range slices {
			texts = append(texts, part.text)
			o.Parts = append(o.Parts, segment{Class: part.class, Text: part.text})
		}
		o.Text = strings.Join(texts, ", ")
		if audits(s.Name) && s.Review > 0 {
			o.Parts = append(o.Parts, segment{Text: plural(s.Review, "new finding")})
		}
		v.Steps = append(v.Steps, o)
	}
	v.Idle = strings.Join(idle, ", ")
	return v
}

// slicesOf is the bar of a step. The findings of an audit are among what differs already.
func slicesOf(s Step) []slice {
	words := countedBy(s.Name)
	review := s.Review
	if audits(s.Name) {
		review = 0
	}
	total := s.Succeeded + s.Declined + s.Released + s.InDoubt + s.Rejected + review
	var out []slice
	for _, o := range []slice{
		{"succeeded", s.Succeeded, words.Succeeded},
		{"declined", s.Declined, words.Declined},
		{"released", s.Released, words.Released},
		{"doubt", s.InDoubt, words.InDoubt},
		{"rejected", s.Rejected, words.Rejected},
		{"review", review, words.Review},
	} {
		if o.n > 0 {
			o.text = number(o.n) + " " + o.text + " (" + percent(o.n, total) + ")"
			out = append(out, o)
		}
	}
	return out
}

func audits(step string) bool { return step == "match" || step == "look-up" }

func rowOf(s Step) stepRow {
	row := stepRow{Name: s.Name, Status: s.Status, Took: length(s.Seconds), Amounts: amounts(s.Amounts)}
	for _, n := range []struct {
		name  string
		count int64
	}{
		{"read", s.Read},
		{"succeeded", s.Succeeded},
		{"declined", s.Declined},
		{"released", s.Released},
		{"in_doubt", s.InDoubt},
		{"rejected", s.Rejected},
		{"review", s.Review},
	} {
		row.Cells = append(row.Cells, cell{n.name, number(n.count)})
	}
	return row
}

func singular(things string) string {
	if stem, ok := strings.CutSuffix(things, "ies"); ok {
		return stem + "y"
	}
	return strings.TrimSuffix(things, "s")
}
