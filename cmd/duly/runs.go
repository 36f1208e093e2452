package main

import (
	"context"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/runs"
)

func listRuns(ctx context.Context, ses *Session, db *database, limit int) error {
	business, err := ses.clock(ctx, db.DB)
	if err != nil {
		return err
	}
	past, err := runs.Runs(ctx, db.DB, limit)
	if err != nil {
		return failed(err)
	}
	now := business()
	list, err := views(ctx, db, past, now)
	if err != nil {
		return failed(err)
	}
	days, err := ses.calendar(now)
	if err != nil {
		return err
	}
	if ses.Screen.json {
		return ses.Screen.print(list)
	}
	var rows []table.Row
	for _, v := range list {
		took := ""
		if v.FinishedAt != nil {
			took = v.FinishedAt.Sub(v.StartedAt).Round(time.Millisecond).String()
		}
		collected, refunded := moved(v.Steps)
		rows = append(rows, table.Row{
			v.ID, v.Job, v.date(days), v.state(days), v.exit(), days.at(v.StartedAt), took, v.Host, stackedSums(collected), stackedSums(refunded),
		})
	}
	ses.Screen.item("", 0, days.header(now)...)
	ses.Screen.table(table.Row{"run", "job", "date", "status", "exit", "started", "took", "host", "collected", "refunded"}, rows)
	return nil
}
