package report

import "duly/internal/payment"

// declinesView are the reasons why charges were declined.
type declinesView struct{ Rows []declineRow }

// declineRow is a reason of declines.
type declineRow struct {
	Code, Remedy, Count, Share string
	Bar                        []segment // nil: it is the only reason
}

// declinesOf adds up the declines of the runs; nil if there are none.
func declinesOf(runs []Run) *declinesView {
	var list []Decline
	for _, r := range runs {
		list = append(list, r.Declines...)
	}
	if len(list) == 0 {
		return nil
	}
	var total, most int64
	for _, d := range list {
		total, most = total+d.Count, max(most, d.Count)
	}
	v := &declinesView{}
	for _, d := range list {
		row := declineRow{Code: d.Code, Remedy: remedy(d.Class), Count: number(d.Count), Share: percent(d.Count, total)}
		if row.Code == "" {
			row.Code = "no code"
		}
		if len(list) > 1 {
			row.Bar = segments([]slice{{classOf(d.Class), d.Count, row.Code + ": " + row.Count}, {"track", most - d.Count, ""}})
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

// classOf is the CSS class of declines: those that can be retried differ by their pattern from those that cannot.
func classOf(class payment.Class) string {
	if class == payment.Soft {
		return "declined"
	}
	return "rejected"
}
