package runs

import (
	"context"
	"fmt"
	"math"
	"time"

	"duly/internal/mysql"
)

// Expired is a page of ids, from the head of a table, of rows that were finished before an instant.
type Expired struct {
	IDs []uint64
	// Last is the id to go on behind.
	Last uint64
	// Done: what follows is younger. Ids are given out in the order of time, so nothing old is behind a whole
	// page of young rows, and a table is not read to its end to find that out.
	Done bool
}

// First is the page of the first n ids of o.
func (o Expired) First(n int) Expired {
	if len(o.IDs) <= n {
		return o
	}
	return Expired{IDs: o.IDs[:n], Last: o.IDs[n-1]}
}

const (
	runPage = `SELECT id, finished_at AS ended FROM job_runs WHERE id > ? AND id <= ? ORDER BY id LIMIT ?`

	firingPage = `SELECT id, finished_at AS ended FROM schedule_firings WHERE id > ? AND id <= ? ORDER BY id LIMIT ?`

	newestOfJobs = `SELECT f.id FROM schedule_firings f
JOIN (SELECT job, MAX(fires_at) AS fires_at FROM schedule_firings GROUP BY job) n ON n.job = f.job AND n.fires_at = f.fires_at`

	eventPage = `SELECT id, created_at AS ended FROM events WHERE id > ? AND id <= ? ORDER BY id LIMIT ?`

	// The newest run of each job for every way to end: audits go on from the last that finished.
	newestRuns = `SELECT MAX(id) FROM job_runs WHERE status <> 'running' GROUP BY job, status, exit_code`

	attemptRuns = `SELECT DISTINCT run_id FROM payment_attempts WHERE status IN ('in_flight', 'in_doubt')`

	orderRuns = `SELECT DISTINCT run_id FROM order_checks WHERE lease IS NOT NULL AND run_id IS NOT NULL`

	deliveryRuns = `SELECT DISTINCT d.run_id FROM outbox_marks m JOIN event_deliveries d ON d.sink = m.sink
WHERE d.status = 'pending' AND d.lease IS NOT NULL AND d.run_id IS NOT NULL`

	sinkMarks = `SELECT sink, event_id FROM outbox_marks WHERE sink IN (?)`
)

// OldRuns reads the next page of runs that ended before an instant.
func OldRuns(ctx context.Context, db *mysql.DB, after uint64, before time.Time, limit int) (Expired, error) {
	return old(ctx, db, runPage, after, math.MaxInt64, before, limit)
}

// OldFirings reads the next page of firings that ended before an instant.
func OldFirings(ctx context.Context, db *mysql.DB, after uint64, before time.Time, limit int) (Expired, error) {
	return old(ctx, db, firingPage, after, math.MaxInt64, before, limit)
}

// NewestFirings are the newest firings of each job.
func NewestFirings(ctx context.Context, db *mysql.DB) ([]uint64, error) {
	var ids []uint64
	if err := db.SelectContext(ctx, &ids, newestOfJobs); err != nil {
		return nil, fmt.Errorf("read the newest firings: %w", mysql.Classify(ctx, err))
	}
	return ids, nil
}

// OldEvents reads the next page of events that were written before an instant, up to the id upTo.
func OldEvents(ctx context.Context, db *mysql.DB, after, upTo uint64, before time.Time, limit int) (Expired, error) {
	return old(ctx, db, eventPage, after, upTo, before, limit)
}

func old(ctx context.Context, db *mysql.DB, query string, after, upTo uint64, before time.Time, limit int) (Expired, error) {
	var rows []struct {
		ID    uint64
		Ended *time.Time
	}
	if err := db.SelectContext(ctx, &rows, query, after, upTo, limit); err != nil {
		return Expired{}, fmt.Errorf("read old rows: %w", mysql.Classify(ctx, err))
	}
	page, young := Expired{Last: after}, 0
	for _, r := range rows {
		page.Last = r.ID
		switch {
		case r.Ended == nil: // a run that goes on, or whose end is yet to be marked
		case r.Ended.Before(before):
			page.IDs = append(page.IDs, r.ID)
		default:
			young++
		}
	}
	page.Done = len(rows) < limit || young == len(rows)
	return page, nil
}

// NeededRuns are the runs that are kept however old they are: the newest of each job for every way to end, and
// those that some claim still names.
func NeededRuns(ctx context.Context, db *mysql.DB) (map[uint64]bool, error) {
	needed := map[uint64]bool{}
	for _, query := range []string{newestRuns, attemptRuns, orderRuns, deliveryRuns} {
		var ids []uint64
		if err := db.SelectContext(ctx, &ids, query); err != nil {
			return nil, fmt.Errorf("read which runs are needed: %w", mysql.Classify(ctx, err))
		}
		for _, id := range ids {
			needed[id] = true
		}
	}
	return needed, nil
}

// FannedOut is the id up to which every event was given to all of the sinks; with no sinks it has no bound.
func FannedOut(ctx context.Context, db *mysql.DB, sinks []string) (uint64, error) {
	if len(sinks) == 0 {
		return math.MaxInt64, nil
	}
	var marks []struct {
		Sink  string
		Event uint64 `db:"event_id"`
	}
	if err := mysql.SelectIn(ctx, db, &marks, sinkMarks, sinks); err != nil {
		return 0, fmt.Errorf("read how far the sinks are: %w", mysql.Classify(ctx, err))
	}
	if len(marks) < len(sinks) {
		return 0, nil
	}
	upTo := uint64(math.MaxInt64)
	for _, m := range marks {
		upTo = min(upTo, m.Event)
	}
	return upTo, nil
}
