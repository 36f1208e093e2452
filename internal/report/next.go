package report

import "slices"

// mostRetries is how many days with retries are listed.
const mostRetries = 5

// nextView is what comes next without a person, and what an operator may type.
type nextView struct {
	Lines     []string
	Left      []string
	Unsettled []causeView
	More      string
	Commands  []string
}

// causeView counts the rows that ended alike for one reason.
type causeView struct{ Count, What, Why string }

// nextOf is what comes after the runs; nil if that is nothing.
func nextOf(p Page) *nextView {
	v := &nextView{}
	more := 0
	for _, r := range p.Runs {
		if r.Unpaid != nil {
			v.Lines = append(v.Lines, retriesOf(*r.Unpaid)...)
		}
		if m := r.Measured; m != nil {
			for _, line := range m.Left {
				v.Left = append(v.Left, localTimes(line, r.latest(), p.Zone))
			}
		}
		for _, c := range r.Unsettled {
			row := causeView{number(c.Rows), c.What, localTimes(c.Why, r.latest(), p.Zone)}
			if row.Why == "" {
				row.Why = "no reason given"
			}
			v.Unsettled = append(v.Unsettled, row)
		}
		more += r.MoreUnsettled
		if !r.failed() {
			for _, command := range r.Next {
				if !slices.Contains(v.Commands, command) {
					v.Commands = append(v.Commands, command)
				}
			}
		}
	}
	if more > 0 {
		v.More = "and " + plural(int64(more), "other reason")
	}
	if len(v.Lines)+len(v.Left)+len(v.Unsettled)+len(v.Commands) == 0 {
		return nil
	}
	return v
}

func retriesOf(u Unpaid) []string {
	var lines []string
	var later int64
	for i, day := range u.Retries {
		if i < mostRetries {
			lines = append(lines, shortDate(day.Date)+": "+count(day.Invoices, "retry", "retries"))
			continue
		}
		later += day.Invoices
	}
	if later > 0 {
		lines = append(lines, "later: "+count(later, "retry", "retries"))
	}
	if u.NewCard > 0 {
		lines = append(lines, count(u.NewCard, "customer needs", "customers need")+" another payment method")
	}
	return lines
}
