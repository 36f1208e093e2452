package query

import (
	"context"
	"fmt"
	"strings"
	"time"

	"duly/internal/mysql"
	"duly/internal/store"
)

const (
	earliestCheck = `SELECT next_check_at FROM payment_attempts WHERE status = 'in_doubt' AND next_check_at IS NOT NULL%s
ORDER BY next_check_at, id LIMIT 1`

	othersInFlight = `SELECT r.id, r.host, r.heartbeat_at, r.lease_ms FROM job_runs r WHERE r.status = 'running' AND r.id <> ?
AND EXISTS (SELECT 1 FROM payment_attempts a FORCE INDEX (doubt_walk) WHERE a.status = 'in_flight' AND a.run_id = r.id%s)`
)

// NextCheck is when the next selected attempt in doubt is to be asked about, but for those of gateways that are
// left alone; zero for none.
func NextCheck(ctx context.Context, db *mysql.DB, selection store.Selection, alone []string) (time.Time, error) {
	only, args := selection.Only("subscription_id")
	if len(alone) > 0 {
		only += " AND gateway NOT IN (?" + strings.Repeat(",?", len(alone)-1) + ")"
		for _, name := range alone {
			args = append(args, name)
		}
	}
	var at []time.Time
	if err := db.SelectContext(ctx, &at, fmt.Sprintf(earliestCheck, only), args...); err != nil || len(at) == 0 {
		return time.Time{}, err
	}
	return at[0], nil
}

// Owner is another run, not marked as ended, that owns selected attempts in flight.
type Owner struct {
	ID      uint64
	Host    string
	Beat    time.Time `db:"heartbeat_at"`
	LeaseMS int64     `db:"lease_ms"`
	Claimed int64     `db:"claimed"` // how many attempts it owns, where they are counted
}

// FreeAt is when the attempts of o can be taken over, unless its heartbeat goes on.
func (o Owner) FreeAt() time.Time { return o.Beat.Add(time.Duration(o.LeaseMS) * time.Millisecond) }

// Owners lists the other runs that own selected attempts in flight.
func Owners(ctx context.Context, db *mysql.DB, selection store.Selection, except uint64) ([]Owner, error) {
	only, args := selection.Only("a.subscription_id")
	var owners []Owner
	err := db.SelectContext(ctx, &owners, fmt.Sprintf(othersInFlight, only), append([]any{except}, args...)...)
	return owners, err
}

// LEFT JOIN: claims without such a run are free, and counted in the same moment as the others.
const claimsByRun = `SELECT COALESCE(r.id, 0) AS id, COALESCE(r.host, '') AS host, COALESCE(r.heartbeat_at, UTC_TIMESTAMP(6)) AS heartbeat_at,
COALESCE(r.lease_ms, 0) AS lease_ms, SUM(a.claimed) AS claimed FROM (SELECT run_id, COUNT(*) AS claimed FROM payment_attempts FORCE INDEX (doubt_walk)
WHERE status = 'in_flight'%s GROUP BY run_id) a LEFT JOIN job_runs r ON r.id = a.run_id AND r.status = 'running' AND r.id <> ? GROUP BY r.id, r.host, r.heartbeat_at, r.lease_ms ORDER BY r.id`

// Claims lists the other runs, not marked as ended, that own selected attempts in flight at gateways, with their number, and counts those
// that none of them owns.
func Claims(ctx context.Context, db *mysql.DB, selection store.Selection, at store.Gateways, except uint64) (owners []Owner, free int64, err error) {
	only, args := selection.Only("subscription_id")
	which, names := at.Clause("gateway")
	var rows []Owner
	err = db.SelectContext(ctx, &rows, fmt.Sprintf(claimsByRun, only+which), append(append(args, names...), except)...)
	for _, o := range rows {
		if o.ID == 0 {
			free += o.Claimed
		} else {
			owners = append(owners, o)
		}
	}
	return owners, free, mysql.Classify(ctx, err)
}
