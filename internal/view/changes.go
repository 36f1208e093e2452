package view

import (
	"strings"

	"duly/internal/billing/planned"
	"duly/internal/cli"
)

// changesRows say how many planned changes were applied, by their kind: cancellations first.
func changesRows(s Summary) []cli.BlockRow {
	var parts []string
	all := int64(0)
	for _, kind := range []planned.Kind{planned.Cancel, planned.Pause, planned.Resume, planned.Amount, planned.OneOff, planned.Interval, planned.Method} {
		if n := s.ChangesApplied[string(kind)]; n > 0 {
			all += n
			parts = append(parts, strings.ReplaceAll(string(kind), "_", "-")+" "+cli.Number(n))
		}
	}
	if all == 0 {
		return nil
	}
	return []cli.BlockRow{cli.Fact("Changes", cli.Number(all)+" applied: "+strings.Join(parts, ", "), "")}
}
