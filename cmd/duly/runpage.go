package main

import (
	"context"
	"fmt"

	"duly/internal/batch"
	"duly/internal/payment"
	"duly/internal/report"
	"duly/internal/text"
)

// pageOfRun writes the page of a run that has ended to the file of --report. A page that cannot be written does not change the run,
// but the program's exit code is 1 instead of 0.
func (e *execution) pageOfRun(ctx context.Context, run uint64) {
	if e.flags.report == "" {
		return
	}
	endWithPage(ctx, e.Session, e.flags.report, func(ctx context.Context) (report.Page, error) {
		return writePageOf(ctx, e.Session, e.db, e.config.Business.Location(), run)
	})
}

// nightOf starts the page of a night, before its jobs run. It reads nothing without --report.
func nightOf(ctx context.Context, ses *Session, f runFlags, db *database) (report.Night, error) {
	if f.report == "" {
		return report.Night{}, nil
	}
	business, err := ses.clock(ctx, db.DB)
	if err != nil {
		return report.Night{}, err
	}
	n := report.Night{Date: f.Date, Started: business()}
	if n.Date == "" {
		n.Date = payment.DateOf(n.Started.In(ses.config.Business.Location())).String()
	}
	return n, nil
}

// pageOfNight writes the page of a night; see pageOfRun.
func pageOfNight(ctx context.Context, ses *Session, file string, db *database, v nightlyView, night report.Night) {
	if file == "" {
		return
	}
	endWithPage(ctx, ses, file, func(ctx context.Context) (report.Page, error) {
		var ids []uint64
		for _, part := range v.Jobs {
			if part.run != 0 {
				ids = append(ids, part.run)
			}
			night.Parts = append(night.Parts, report.Part{Job: part.Job, Run: part.run, Exit: part.Exit, Why: part.Error})
		}
		p, err := writePageOf(ctx, ses, db, ses.config.Business.Location(), ids...)
		night.Exit, night.Finished, night.NotReached = v.Exit, p.Written, v.NotBegun
		if len(p.Runs) > 0 {
			night.Host = p.Runs[0].Host
		}
		p.Night = &night
		return p, err
	})
}

// endWithPage reads a page, writes it to the file, and says where it is; see pageOfRun.
func endWithPage(ctx context.Context, ses *Session, file string, read func(context.Context) (report.Page, error)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pageFor)
	defer cancel()
	p, err := read(ctx)
	if err == nil {
		err = writePage(file, p)
	}
	if err != nil {
		ses.Screen.complain(fmt.Errorf("the report could not be written: %w", err))
		if ses.code == batch.ExitDone {
			ses.code = batch.ExitFailed
		}
		return
	}
	ses.Screen.say(ses.Screen.people(), text.Sprintf("report: %s", file))
}
