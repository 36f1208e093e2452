package main

import (
	"context"
	"fmt"
)

const (
	mostStatements = 0.04
	mostRead       = 9
	mostServer     = 1.2
)

// databaseLoad is B9: what a charge costs the database, as the run of B2 metered it.
func databaseLoad(ctx context.Context, l *lab) ([]row, error) {
	c, err := l.measureCosts(ctx)
	if err != nil {
		return nil, err
	}
	of := func(x *side, figure func(load) float64) []float64 {
		out := make([]float64, len(x.loads))
		for i, spent := range x.loads {
			out[i] = figure(spent)
		}
		return out
	}
	statements, read := func(c load) float64 { return c.statements }, func(c load) float64 { return c.rows }
	server := func(c load) float64 { return c.server }
	ours, theirs := of(c.ours, server), of(c.best, server)
	counted := func(what, format string, figure func(load) float64, limit float64, note string) row {
		ours := of(c.ours, figure)
		return row{
			what: what, figure: fmt.Sprintf(format, median(ours)), baseline: fmt.Sprintf(format, median(of(c.best, figure))) + " by bulk SQL",
			ratio: median(ours), rounds: ours, target: target{atMost: true, limit: limit}, absolute: true, notes: []string{note},
		}
	}
	return []row{
		counted("statements for a charge", "%.3f", statements, mostStatements, "Questions of the server, heartbeats and the run's own rows included, in the run of B2."),
		counted("rows read for a charge", "%.1f", read, mostRead, "Rows_read of the server, in the run of B2."),
		{
			what: "processor time of the server for a charge", figure: fmt.Sprintf("%.0f µs", median(ours)),
			baseline: fmt.Sprintf("%.0f µs by bulk SQL", median(theirs)), ratio: median(ours) / median(theirs), rounds: ratios(ours, theirs),
			target: target{atMost: true, limit: mostServer},
			notes:  []string{"Of the server's process, all threads, against that of the faster bulk SQL of B2."},
		},
	}, nil
}
