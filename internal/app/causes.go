package app

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/query"
	"duly/internal/session"
	"duly/internal/view"
	"duly/jobs"
)

const (
	// causesShown is how many causes are shown of a run.
	causesShown = 5
)

// causesOf configures what is read of a run.
type causesOf struct {
	job      string
	run      uint64
	business string
	since    time.Time
	reviewed int64 // rows that it sent to review
}

// read reads the commonest causes of what the run did not settle, or settled as declined.
func (o causesOf) read(ctx context.Context, db *mysql.DB, c *config.Config) (query.Causes, error) {
	switch o.job {
	case jobs.BillingJob:
		return query.BillingReasons(ctx, db, o.run, o.since, o.business, causesShown)
	case jobs.ReconcileJob:
		return query.OrderReasons(ctx, db, o.since, causesShown)
	case jobs.OutboxJob:
		return query.DeliveryReasons(ctx, db, session.SinkNames(c), o.reviewed, causesShown)
	case jobs.AuditJob:
		return query.FindingReasons(ctx, db, o.run, causesShown)
	}
	return query.Causes{Reasons: []query.Reason{}}, nil
}

// causes adds the commonest causes to the summary of a run, and logs them in one line. A run that has none is not asked about; what an
// outbox run leaves may have failed in an earlier one.
func (e *Execution) causes(ctx context.Context, s *view.Summary, run *batch.Run, t batch.Tally) {
	s.Causes = []query.Reason{}
	if t.Declined+t.Released+t.InDoubt+t.Rejected+t.Review == 0 && (run.Job != jobs.OutboxJob || len(s.Left) == 0) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, min(causesWithin, e.AlertWithin/3))
	defer cancel()
	of := causesOf{job: run.Job, run: run.ID, business: s.BusinessDate, since: run.Started, reviewed: t.Review}
	found, err := of.read(ctx, e.Database.DB, e.Config)
	if err != nil {
		e.logs.WarnContext(ctx, "the causes of a run could not be read", session.Problem(err))
		return
	}
	s.AllCauses, s.Causes, s.MoreCauses = found, found.Reasons, found.More
	if lines := found.Lines(); len(lines) > 0 {
		e.logs.InfoContext(ctx, "commonest causes", slog.String("causes", strings.Join(lines, "; ")))
	}
}

// causesWithin bounds how long the tables are asked for them.
const causesWithin = 3 * time.Second
