package readers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/claims"
	"duly/internal/eventrows"
	"duly/internal/mysql"
	"duly/internal/outbox"
	"duly/internal/store"
)

// Deliveries claims what is to be delivered to a sink: of each subject the oldest events that the sink has not
// got, as one item. It never takes an event of which an earlier one of the same subject is pending, whether that
// waits for its next try or another worker has it, and none of a run that is alive.
type Deliveries struct {
	DB        *mysql.DB
	Sink      string
	Selection store.Selection
	Now       func() time.Time // the business clock
	// Held counts the payloads that are claimed and not delivered.
	Held *outbox.Held
	// Together: the events of a claim are one item, since the sink takes several as one message.
	Together bool

	failures claims.Failures

	walk claims.Walk
	fits int // how many events were in the last claim
}

const (
	// Only the oldest pending event of each subject is a candidate. COALESCE: the walk is the only index to go by.
	deliveryCandidates = `SELECT d.event_id AS id, d.next_try_at AS at FROM event_deliveries d
WHERE d.sink = ? AND d.status = 'pending' AND d.next_try_at <= ? AND d.next_try_at >= ? AND (d.next_try_at > ? OR COALESCE(d.event_id) > ?)%s
AND NOT EXISTS (SELECT 1 FROM event_deliveries p WHERE p.sink = d.sink AND p.subject = d.subject AND p.status = 'pending' AND p.event_id < d.event_id)
ORDER BY d.next_try_at, d.event_id LIMIT ?`

	// COALESCE: see stageLock.
	deliveryLock = `SELECT event_id AS id, subject, run_id, tries FROM event_deliveries
WHERE event_id IN (?) AND COALESCE(sink) = ? AND COALESCE(status) = 'pending' AND COALESCE(next_try_at) <= ? ORDER BY event_id`

	subjectDeliveries = `SELECT event_id AS id, subject, run_id, tries FROM event_deliveries
WHERE sink = ? AND status = 'pending' AND subject IN (?) ORDER BY subject, event_id LIMIT ?`

	takeDeliveries = `UPDATE event_deliveries SET run_id = ?, lease = ? WHERE event_id IN (?) AND COALESCE(sink) = ? AND COALESCE(status) = 'pending'`

	takenDelivery = `SELECT COUNT(*) FROM event_deliveries WHERE event_id = ? AND sink = ? AND lease = ?`
)

// How many events of one subject make an item, and how many more than there are items one claim may take.
const (
	subjectRun = 100
	claimRoom  = 1000
)

const (
	// ClaimBytes are the bytes of payloads that one claim takes. One event that has more is claimed alone.
	ClaimBytes = 4 << 20
	// HeldBytes are those that are held at once for a sink, unless one event has more than a claim takes.
	HeldBytes = 2 * ClaimBytes
	// firstLengths is how many payloads are measured first; after that twice as many as before, as long as all fit.
	firstLengths = 8
)

type deliveryRow struct {
	ID      uint64
	Subject string
	Run     sql.NullInt64 `db:"run_id"`
	Tries   int
}

// deliveryCandidate is the oldest pending event of a subject.
type deliveryCandidate struct {
	ID uint64
	At time.Time
}

// deliveryClaim is what one claim transaction took.
type deliveryClaim struct {
	lease [16]byte
	page  []deliveryCandidate
	seen  int
	at    time.Time
	id    uint64
	cut   bool // candidates are left for the next claim, since no more bytes may be taken
	heads int  // candidates that items stand for
	bytes int  // of payloads
	items []outbox.Claimed
	taken int // events in items
}

// Read implements batch.Reader.
func (d *Deliveries) Read(ctx context.Context, want batch.ClaimRequest) (batch.Claim[outbox.Claimed], error) {
	for {
		if want.Skip(d.Sink) {
			d.walk.Restart(claims.Forward)
			return batch.Claim[outbox.Claimed]{Done: true}, nil
		}
		if !d.await(ctx) {
			return batch.Claim[outbox.Claimed]{}, nil
		}
		limit := d.walk.Limit(want.Limit)
		claim, err := d.claim(ctx, limit)
		if err != nil {
			if err := d.fail(ctx, claim, err, limit); err != nil {
				return batch.Claim[outbox.Claimed]{}, err
			}
			continue
		}
		d.failures.Succeeded()
		d.walk.Took()
		d.Held.Take(claim.bytes)
		// The engine counts items, people count events.
		batch.Execution(ctx).Count(batch.Tally{Read: int64(claim.taken - len(claim.items))})
		done := false
		if claim.seen < limit && !claim.cut {
			done = d.end(ctx)
		} else {
			d.walk.At, d.walk.ID = claim.at, claim.id
		}
		if len(claim.items) > 0 || done {
			return batch.Claim[outbox.Claimed]{Items: claim.items, Taken: claim.heads, Done: done}, nil
		}
	}
}

// await waits until the next claim may take its bytes, and where items are whole claims until the last one is delivered; false:
// the run stops.
func (d *Deliveries) await(ctx context.Context) bool {
	limit := HeldBytes - ClaimBytes
	if d.Together {
		limit = 0
	}
	return d.Held.Await(limit, ctx.Done(), batch.Execution(ctx).Stopping())
}

func (d *Deliveries) end(ctx context.Context) bool {
	locked := d.walk.Locked
	done := d.walk.End()
	if done && locked {
		batch.Execution(ctx).Leave("a row stayed locked by another transaction")
	}
	return done
}

// fail answers a claim that failed: the same rows are claimed one by one, and one that fails by itself is passed
// over.
func (d *Deliveries) fail(ctx context.Context, c *deliveryClaim, err error, limit int) error {
	kind, err := d.failures.KindOf(ctx, d.DB, err)
	if err = d.walk.Failed(kind, err, limit); err == nil || limit > 1 || c.seen != 1 || claims.Retried(kind) {
		return err
	}
	d.walk.Took()
	d.walk.At, d.walk.ID = c.at, c.id
	return d.failures.Pass(ctx, kind, nil, c.id, fmt.Sprintf("event %d cannot be claimed for %s", c.id, d.Sink), err)
}

func (d *Deliveries) claim(ctx context.Context, limit int) (*deliveryClaim, error) {
	c := &deliveryClaim{}
	lease, err := claims.LeaseName()
	if err != nil {
		return c, err
	}
	return c, claims.Make(ctx, d.DB, "outbox-claim", func(tx *sqlx.Tx) error {
		*c = deliveryClaim{lease: lease}
		return d.transact(ctx, tx, c, limit)
	}, func() (bool, error) { return d.tookEffect(ctx, c) })
}

// tookEffect reads a claim back. Without items nothing was written under the lease: the claim is made again.
func (d *Deliveries) tookEffect(ctx context.Context, c *deliveryClaim) (bool, error) {
	if len(c.items) == 0 {
		return false, nil
	}
	n, err := store.Count(ctx, d.DB, takenDelivery, c.items[0].Events[0].ID, d.Sink, c.lease[:])
	return n > 0, err
}

func (d *Deliveries) transact(ctx context.Context, tx *sqlx.Tx, c *deliveryClaim, limit int) error {
	now := d.Now().UTC()
	ids, err := d.candidates(ctx, tx, c, now, limit)
	if err != nil || len(ids) == 0 {
		return err
	}
	var heads []deliveryRow
	if err := mysql.SelectIn(ctx, tx, &heads, deliveryLock+d.walk.Lock(), ids, d.Sink, now); err != nil || len(heads) == 0 {
		return err
	}
	subjects := make([]string, len(heads))
	for i, h := range heads {
		subjects[i] = h.Subject
	}
	var rows []deliveryRow
	if err := mysql.SelectIn(ctx, tx, &rows, subjectDeliveries, d.Sink, subjects, len(heads)+claimRoom); err != nil {
		return err
	}
	alive, err := d.alive(ctx, tx, append(heads, rows...))
	if err != nil {
		return err
	}
	runs := runsOf(heads, rows, alive)
	slices.SortFunc(runs, func(a, b []deliveryRow) int { return slices.Index(ids, a[0].ID) - slices.Index(ids, b[0].ID) })
	if runs, err = d.fit(ctx, tx, c, runs); err != nil {
		return err
	}
	return d.take(ctx, tx, c, runs)
}

// candidates reads the next events of the walk, without a lock.
func (d *Deliveries) candidates(ctx context.Context, tx *sqlx.Tx, c *deliveryClaim, now time.Time, limit int) ([]uint64, error) {
	only, more := d.Selection.OnlySubjects("d.subject")
	from := d.walk.At
	if from.IsZero() {
		from = time.Unix(0, 0).UTC()
	}
	args := append([]any{d.Sink, now, from, from, d.walk.ID}, more...)
	if err := tx.SelectContext(ctx, &c.page, fmt.Sprintf(deliveryCandidates, only), append(args, limit)...); err != nil {
		return nil, err
	}
	c.seen = len(c.page)
	ids := make([]uint64, len(c.page))
	for i, p := range c.page {
		ids[i] = p.ID
		c.at, c.id = p.At, p.ID
	}
	return ids, nil
}

// alive are the runs that own some of the rows and are not known to have ended. What this run owns is in flight.
func (d *Deliveries) alive(ctx context.Context, tx *sqlx.Tx, rows []deliveryRow) (map[int64]bool, error) {
	alive := map[int64]bool{}
	var owners []int64
	for _, r := range rows {
		if r.Run.Valid && !alive[r.Run.Int64] {
			alive[r.Run.Int64] = true
			owners = append(owners, r.Run.Int64)
		}
	}
	if len(owners) == 0 {
		return alive, nil
	}
	var running []int64
	if err := mysql.SelectIn(ctx, tx, &running, store.RunningRuns, owners); err != nil {
		return nil, err
	}
	clear(alive)
	for _, id := range running {
		alive[id] = true
	}
	return alive, nil
}

// runsOf are the events to take of each locked head's subject: the head and what follows it without a gap, up to
// the first that is somebody's.
func runsOf(heads, rows []deliveryRow, alive map[int64]bool) [][]deliveryRow {
	taken := func(r deliveryRow) bool { return r.Run.Valid && alive[r.Run.Int64] }
	bySubject := make(map[string][]deliveryRow, len(heads))
	for _, r := range rows {
		bySubject[r.Subject] = append(bySubject[r.Subject], r)
	}
	runs := make([][]deliveryRow, 0, len(heads))
	for _, head := range heads {
		if taken(head) {
			continue
		}
		run := []deliveryRow{head}
		if pending := bySubject[head.Subject]; len(pending) > 0 {
			if pending[0].ID != head.ID { // an earlier one has come meanwhile
				continue
			}
			for _, r := range pending[1:] {
				if len(run) == subjectRun || taken(r) {
					break
				}
				run = append(run, r)
			}
		}
		runs = append(runs, run)
	}
	return runs
}

// take marks the events as this run's and reads them.
func (d *Deliveries) take(ctx context.Context, tx *sqlx.Tx, c *deliveryClaim, runs [][]deliveryRow) error {
	var ids []uint64
	for _, run := range runs {
		for _, r := range run {
			ids = append(ids, r.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	query, args, err := mysql.In(takeDeliveries, batch.Execution(ctx).Run.ID, c.lease[:], ids, d.Sink)
	if err != nil {
		return err
	}
	result, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != int64(len(ids)) {
		return errors.Join(fmt.Errorf("%d of %d deliveries were taken", n, len(ids)), err)
	}
	events, err := eventrows.Of(ctx, tx, ids)
	if err != nil {
		return err
	}
	c.taken, c.heads = len(ids), len(runs)
	for i, run := range runs {
		item := outbox.Claimed{Sink: d.Sink, Subject: run[0].Subject, Lease: c.lease}
		for _, r := range run {
			e, ok := events[r.ID]
			if !ok {
				e = outbox.Event{ID: r.ID, Subject: r.Subject, Gone: true}
			}
			e.Tries = r.Tries
			item.Events = append(item.Events, e)
			c.bytes += len(e.Payload)
		}
		if d.Together && i > 0 {
			c.items[0].Events = append(c.items[0].Events, item.Events...)
		} else {
			c.items = append(c.items, item)
		}
	}
	return nil
}

// fit leaves what one claim may take of the runs, by the bytes of their payloads. The walk goes on behind the last run that is
// taken.
func (d *Deliveries) fit(ctx context.Context, tx *sqlx.Tx, c *deliveryClaim, runs [][]deliveryRow) ([][]deliveryRow, error) {
	var ids []uint64
	for _, run := range runs {
		for _, r := range run {
			ids = append(ids, r.ID)
		}
	}
	fits, err := eventrows.Fitting(ctx, tx, ids, max(firstLengths, d.fits), ClaimBytes)
	if err != nil {
		return nil, err
	}
	d.fits, c.cut = fits, fits < len(ids)
	kept := runs[:0]
	for _, run := range runs {
		if fits == 0 {
			break
		}
		n := min(fits, len(run))
		kept, fits = append(kept, run[:n]), fits-n
	}
	if c.cut {
		last := c.page[slices.IndexFunc(c.page, func(p deliveryCandidate) bool { return p.ID == kept[len(kept)-1][0].ID })]
		c.at, c.id = last.At, last.ID
	}
	return kept, nil
}
