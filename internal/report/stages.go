package report

// stageView is how much of a dunning stage was recovered.
type stageView struct {
	Name, Step               string
	Charged, Paid, Lost      string
	Share                    string
	Bar                      []segment // paid, and the rest
	Amounts                  []string
	Text                     string
	charged, succeeded, lost int64
}

// stagesOf lists the stages that something was charged in; none if there was no retry, which leaves nothing to compare.
func stagesOf(steps []Step) []stageView {
	var out []stageView
	retried := false
	for _, s := range steps {
		n, ok := stage(s.Name)
		settled := s.Succeeded + s.Declined + s.Released + s.InDoubt + s.Rejected + s.Review
		if !ok || settled == 0 {
			continue
		}
		v := stageView{
			Name: "Due date", Step: s.Name, charged: settled, succeeded: s.Succeeded, lost: settled - s.Succeeded,
			Charged: number(settled), Paid: number(s.Succeeded), Lost: number(settled - s.Succeeded),
			Share: percent(s.Succeeded, settled), Amounts: amounts(s.Amounts),
		}
		if n > 0 {
			v.Name, retried = title(ordinal(n)+" retry"), true
		}
		v.Text = v.Name + ": " + v.Paid + " of " + plural(settled, "charge") + " paid, " + v.Share
		v.Bar = segments([]slice{{"succeeded", v.succeeded, v.Paid + " paid"}, {"track", v.lost, v.Lost + " not paid"}})
		out = append(out, v)
	}
	if !retried {
		return nil
	}
	return out
}
