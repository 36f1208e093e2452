package report

import "strings"

// outcomeView is a bar of what the items of some steps ended as, with its key.
type outcomeView struct {
	Title string
	Text  string    // the key in one sentence
	Key   []segment // in the order of the bar
	Bar   []segment
}

// outcomeOf adds up the steps of a kind; nil if everything ended alike, so that there is nothing to compare.
func outcomeOf(runs []Run, kind Kind) *outcomeView {
	var all Step
	for _, r := range runs {
		for _, s := range r.Steps {
			if s.Words.Kind == kind {
				all.Words = s.Words
				all.add(s)
			}
		}
	}
	slices := slicesOf(all)
	if len(slices) < 2 {
		return nil
	}
	v := &outcomeView{Title: title(all.Words.Unit), Bar: segments(slices)}
	var texts []string
	for _, part := range slices {
		texts = append(texts, part.text)
		v.Key = append(v.Key, segment{Class: part.class, Text: part.text})
	}
	v.Text = strings.Join(texts, ", ")
	return v
}

// add adds the numbers of another step.
func (s *Step) add(other Step) {
	s.Read += other.Read
	s.Succeeded += other.Succeeded
	s.Declined += other.Declined
	s.Released += other.Released
	s.InDoubt += other.InDoubt
	s.Rejected += other.Rejected
	s.Review += other.Review
}

// slicesOf are the outcomes of a step that are not zero.
func slicesOf(s Step) []slice {
	review := s.Review
	if s.Words.Kind == Audits {
		review = 0
	}
	total := s.Succeeded + s.Declined + s.Released + s.InDoubt + s.Rejected + review
	var out []slice
	for _, o := range []slice{
		{"succeeded", s.Succeeded, s.Words.Succeeded},
		{"declined", s.Declined, s.Words.Declined},
		{"released", s.Released, s.Words.Released},
		{"doubt", s.InDoubt, s.Words.InDoubt},
		{"rejected", s.Rejected, s.Words.Rejected},
		{"review", review, s.Words.Review},
	} {
		if o.n > 0 {
			o.text = number(o.n) + " " + o.text + " (" + percent(o.n, total) + ")"
			out = append(out, o)
		}
	}
	return out
}

// sentence is what a step did: "2,000 charges: 1,833 paid, 165 declined".
func sentence(s Step) string {
	var parts []string
	for _, o := range []struct {
		n    int64
		text string
	}{
		{s.Succeeded, s.Words.Succeeded},
		{s.Declined, s.Words.Declined},
		{s.Released, s.Words.Released},
		{s.InDoubt, s.Words.InDoubt},
		{s.Rejected, s.Words.Rejected},
		{s.Review, s.Words.Review},
	} {
		if o.n > 0 {
			parts = append(parts, number(o.n)+" "+o.text)
		}
	}
	read := number(s.Read) + " " + s.Words.Unit
	if s.Read == 1 {
		read = "1 " + singular(s.Words.Unit)
	}
	if len(parts) == 0 {
		return read
	}
	if len(parts) == 1 && s.Succeeded == s.Read {
		return read + " " + s.Words.Succeeded
	}
	return read + ": " + strings.Join(parts, ", ")
}

func singular(things string) string {
	if stem, ok := strings.CutSuffix(things, "ies"); ok {
		return stem + "y"
	}
	return strings.TrimSuffix(things, "s")
}
