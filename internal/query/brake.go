package query

import (
	"context"
	"fmt"
	"time"

	"duly/internal/billing"
	"duly/internal/billing/brake"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

const (
	// What an operator said became of an attempt is no answer of the gateway, and what was taken back is none any more.
	brakeRows = ` FROM payment_attempts FORCE INDEX (by_gateway) WHERE gateway = ? AND created_at >= ? AND created_at < ?
AND status IN ('succeeded', 'declined', 'rejected', 'review') AND settled_at IS NOT NULL AND reopened_at IS NULL
AND (proof IS NULL OR proof <> 'operator')`

	selectBrakeAnswers = `SELECT id, customer_id, payment_method, stage, status, COALESCE(decline_class, '') AS decline_class, doubted, created_at, settled_at` +
		brakeRows + ` AND settled_at > COALESCE((SELECT MAX(o.created_at) FROM operator_actions o WHERE o.subject = ? AND o.action = 'resume'), '1970-01-02')
ORDER BY created_at DESC, id DESC LIMIT ?`

	paidMethods = `SELECT payment_method, MIN(id) AS id FROM payment_attempts
WHERE payment_method IN (?) AND gateway = ? AND status = 'succeeded' GROUP BY payment_method`

	countAnswers = `SELECT COUNT(*) FROM payment_attempts FORCE INDEX (by_gateway) WHERE gateway = ? AND created_at >= ? AND created_at < ?`
	brakeShare   = `SELECT COUNT(*) AS answers, COALESCE(SUM(status = 'rejected' OR status = 'review' AND doubted = FALSE
OR status = 'declined' AND decline_class IN ('hard', 'action')), 0) AS bad` + brakeRows + ` AND CRC32(id) % ? = 0`

	// shareOf is how many attempts a share is taken of, about.
	shareOf = 10_000
)

// BrakeAnswers are a gateway's newest answers since it was resumed.
type BrakeAnswers struct {
	List []brake.Answer

	ids     []uint64
	gateway string
	now     time.Time
	oldest  time.Time // when the oldest of them was claimed
}

type brakeRow struct {
	ID       uint64
	Customer string `db:"customer_id"`
	Method   string `db:"payment_method"`
	Stage    int
	Status   string
	Class    string `db:"decline_class"`
	Doubted  bool
	Created  time.Time `db:"created_at"`
	Settled  time.Time `db:"settled_at"`
}

// ReadBrake reads the answers by which a gateway is judged. subject is that of its pauses.
func ReadBrake(ctx context.Context, db *mysql.DB, gateway, subject string, now time.Time) (*BrakeAnswers, error) {
	b := &BrakeAnswers{gateway: gateway, now: now, oldest: now}
	var rows []brakeRow
	// Attempts of this very moment count, whatever the two clocks say.
	err := db.SelectContext(ctx, &rows, selectBrakeAnswers, gateway, now.Add(-brake.History).UTC(), now.AddDate(0, 0, 1).UTC(), subject, brake.Pool)
	if err != nil {
		return nil, fmt.Errorf("read the answers of gateway %s: %w", gateway, mysql.Classify(ctx, err))
	}
	for _, r := range rows {
		b.ids, b.oldest = append(b.ids, r.ID), r.Created
		b.List = append(b.List, brake.Answer{
			Customer: r.Customer, Method: r.Method, Stage: r.Stage, Status: billing.AttemptStatus(r.Status), Class: payment.Class(r.Class),
			Doubted: r.Doubted, At: r.Settled,
		})
	}
	return b, nil
}

// Weigh finds out which of the answers are of methods that had paid before.
func (b *BrakeAnswers) Weigh(ctx context.Context, db *mysql.DB) error {
	methods := make([]string, 0, len(b.List))
	for _, a := range b.List {
		methods = append(methods, a.Method)
	}
	var rows []struct {
		Method string `db:"payment_method"`
		ID     uint64
	}
	if len(methods) == 0 {
		return nil
	}
	if err := mysql.SelectIn(ctx, db, &rows, paidMethods, methods, b.gateway); err != nil {
		return fmt.Errorf("look for methods that have paid at gateway %s: %w", b.gateway, mysql.Classify(ctx, err))
	}
	first := make(map[string]uint64, len(rows))
	for _, r := range rows {
		first[r.Method] = r.ID
	}
	for i := range b.List {
		id, paid := first[b.List[i].Method]
		b.List[i].PaidBefore = paid && id < b.ids[i]
	}
	return nil
}

// Usual is the gateway's share of bad answers in the time before the oldest of these, of a sample where they are many.
func (b *BrakeAnswers) Usual(ctx context.Context, db *mysql.DB) (brake.Share, error) {
	from, to := b.now.Add(-brake.History).UTC(), b.oldest.UTC()
	all, err := store.Count(ctx, db, countAnswers, b.gateway, from, to)
	if err != nil {
		return brake.Share{}, fmt.Errorf("count the answers of gateway %s: %w", b.gateway, mysql.Classify(ctx, err))
	}
	var row struct{ Answers, Bad int64 }
	if err := db.GetContext(ctx, &row, brakeShare, b.gateway, from, to, max(all/shareOf, 1)); err != nil {
		return brake.Share{}, fmt.Errorf("sum up the answers of gateway %s: %w", b.gateway, mysql.Classify(ctx, err))
	}
	return brake.Share{Bad: row.Bad, All: row.Answers}, nil
}
