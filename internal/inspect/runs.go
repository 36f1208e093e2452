package inspect

import (
	"context"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"duly/internal/exit"
	"duly/internal/runs"
	"duly/internal/session"
	"duly/internal/view"
)

// ListRuns writes the newest runs, at most limit.
func ListRuns(ctx context.Context, ses *session.Session, db *session.Database, limit int) error {
	return db.Snapshot(ctx, func(db *session.Database) error { return listRunsAt(ctx, ses, db, limit) })
}

func listRunsAt(ctx context.Context, ses *session.Session, db *session.Database, limit int) error {
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return err
	}
	past, err := runs.Runs(ctx, db.DB, limit)
	if err != nil {
		return exit.Failed(err)
	}
	now := business()
	list, err := view.Runs(ctx, db, past, now)
	if err != nil {
		return exit.Failed(err)
	}
	days, err := ses.Calendar(now)
	if err != nil {
		return err
	}
	if ses.Screen.JSON {
		return ses.Screen.Print(list)
	}
	var rows []table.Row
	for _, v := range list {
		took := ""
		if v.FinishedAt != nil {
			took = v.FinishedAt.Sub(v.StartedAt).Round(time.Millisecond).String()
		}
		collected, refunded := view.Moved(v.Steps)
		rows = append(rows, table.Row{
			v.ID, v.Job, v.Date(days), v.StateText(days), v.ExitText(), days.At(v.StartedAt), took, v.Host, view.StackedSums(collected), view.StackedSums(refunded),
		})
	}
	ses.Screen.Item("", 0, days.Header(now)...)
	ses.Screen.Table(table.Row{"run", "job", "date", "status", "exit", "started", "took", "host", "collected", "refunded"}, rows)
	return nil
}
