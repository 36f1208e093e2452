package app

import (
	"context"
	"fmt"

	"duly/internal/batch"
	"duly/internal/page"
	"duly/internal/payment"
	"duly/internal/registry"
	"duly/internal/report"
	"duly/internal/session"
	"duly/internal/text"
	"duly/internal/view"
)

// pageOfRun writes the page of a run that has ended to the file of --report. A page that cannot be written does not change the run,
// but the program's exit code is 1 instead of 0.
func (e *Execution) pageOfRun(ctx context.Context, run uint64) {
	if e.Flags.Report == "" {
		return
	}
	endWithPage(ctx, e.Session, e.Flags.Report, func(ctx context.Context) (report.Page, error) {
		return page.Of(ctx, e.Session, e.Database, e.Config.Business.Location(), run)
	})
}

// nightOf starts the page of a night, before its jobs run. It reads nothing without --report.
func nightOf(ctx context.Context, ses *session.Session, f registry.Flags, db *session.Database) (report.Night, error) {
	if f.Report == "" {
		return report.Night{}, nil
	}
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return report.Night{}, err
	}
	n := report.Night{Date: f.Date, Started: business()}
	if n.Date == "" {
		n.Date = payment.DateOf(n.Started.In(ses.Loaded.Business.Location())).String()
	}
	return n, nil
}

// pageOfNight writes the page of a night; see pageOfRun.
func pageOfNight(ctx context.Context, ses *session.Session, file string, db *session.Database, v view.Night, night report.Night) {
	if file == "" {
		return
	}
	endWithPage(ctx, ses, file, func(ctx context.Context) (report.Page, error) {
		var ids []uint64
		for _, part := range v.Jobs {
			if part.Run != 0 {
				ids = append(ids, part.Run)
			}
			night.Parts = append(night.Parts, report.Part{Job: part.Job, Run: part.Run, Exit: part.Exit, Why: part.Error})
		}
		p, err := page.Of(ctx, ses, db, ses.Loaded.Business.Location(), ids...)
		night.Exit, night.Finished, night.NotReached = v.Exit, p.Written, v.NotBegun
		if len(p.Runs) > 0 {
			night.Host = p.Runs[0].Host
		}
		p.Night = &night
		return p, err
	})
}

// endWithPage reads a page, writes it to the file, and says where it is; see pageOfRun.
func endWithPage(ctx context.Context, ses *session.Session, file string, read func(context.Context) (report.Page, error)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), page.Within)
	defer cancel()
	p, err := read(ctx)
	if err == nil {
		err = page.Write(file, p)
	}
	if err != nil {
		ses.Screen.Complain(fmt.Errorf("the report could not be written: %w", err))
		if ses.Code == batch.ExitDone {
			ses.Code = batch.ExitFailed
		}
		return
	}
	ses.Screen.Say(ses.Screen.People(), text.Sprintf("report: %s", file))
}
