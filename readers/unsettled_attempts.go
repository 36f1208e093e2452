package readers

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/amounts"
	"duly/internal/batch"
	"duly/internal/billable"
	"duly/internal/billing"
	"duly/internal/billing/guard"
	"duly/internal/changes"
	"duly/internal/claims"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

// UnsettledAttempts claims unsettled attempts: those in doubt, and those that runs which have ended left in flight. It
// never takes an attempt of a run that is alive, and none twice in a step.
type UnsettledAttempts struct {
	DB *mysql.DB
	// Server is the one that the run began on; zero: any.
	Server    mysql.Server
	Selection store.Selection
	// All: take attempts in doubt whatever their next check; else those whose check is due.
	All   bool
	Now   func() time.Time
	Clock func() time.Time
	// Guards are amounts that are not sent again: an operator may have set them since.
	Guards guard.Rules
	// Changes are planned ones, by which an attempt may not be sent again; a later claim applies them.
	Changes *changes.Source
	// Controls finds payments that prove what the gateway says it does not know; nil: none are looked for.
	Controls *store.Controls

	failures claims.Failures

	begun  bool
	orphan bool // the walk is at the attempts in flight
	at     time.Time
	id     uint64
	single claims.Single
	mine   claims.Leases
}

const (
	doubtCandidates = `SELECT id, next_check_at, lease FROM payment_attempts
WHERE status = 'in_doubt' AND next_check_at <= ? AND (next_check_at > ? OR (next_check_at = ? AND id > ?))%s
ORDER BY next_check_at, id LIMIT ?`

	orphanCandidates = `SELECT a.id, a.next_check_at, a.lease FROM payment_attempts a LEFT JOIN job_runs r ON r.id = a.run_id
WHERE a.status = 'in_flight' AND a.next_check_at IS NULL AND a.id > ? AND (r.id IS NULL OR r.status <> 'running' OR r.id = ?)%s
ORDER BY a.id LIMIT ?`

	// COALESCE: see stageLock.
	doubtLock = `SELECT id, invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference, customer_id, amount,
currency, gateway, payment_method, method_type, description, body_version, status, lookup_only, gateway_payment_id, run_id,
lease, checks, created_at, sent_by, COALESCE(account_id, 0) AS account_id, COALESCE(key_life_ms, 0) AS key_life_ms,
COALESCE(longest_request_ms, 0) AS longest_request_ms, COALESCE(patience, '') AS patience, COALESCE(gateway_customer, '') AS gateway_customer, COALESCE(all_answered, FALSE) AS all_answered
FROM payment_attempts WHERE id IN (?) AND COALESCE(status) IN ('in_flight', 'in_doubt') ORDER BY id FOR UPDATE SKIP LOCKED`

	doubtInvoices = `SELECT i.id, i.subscription_id, i.due_date, i.amount, i.currency, i.stage, i.attempts, i.first_declined_date,
COALESCE(i.retry_days, '') AS retry_days, COALESCE(i.dunning, '') AS dunning, i.try_later_since, i.stage_date, COALESCE(i.amount_check, '') AS amount_check, i.status IN ('open', 'charging') AS open, COALESCE(s.status, '') AS sub_status, COALESCE(s.gateway, '') AS sub_gateway,
COALESCE(s.payment_method, '') AS sub_method, gateway_customer, (SELECT COUNT(*) FROM payment_attempts a WHERE a.invoice_id = i.id
AND a.status IN ('in_flight', 'in_doubt', 'review', 'succeeded')) AS may_have_taken
FROM invoices i LEFT JOIN subscriptions s ON s.id = i.subscription_id WHERE i.id IN (?)`
)

type doubtInvoice struct {
	store.InvoiceRow

	Open       bool
	SubStatus  string `db:"sub_status"`
	SubGateway string `db:"sub_gateway"`
	SubMethod  string `db:"sub_method"`
	// SubCustomer is the subscription's.
	SubCustomer sql.NullString `db:"gateway_customer"`
	// MayHaveTaken counts the attempts that took money or may have, with the one that is claimed.
	MayHaveTaken int `db:"may_have_taken"`
}

// charges reports whether the invoice of r still waits for r alone, and its subscription may be charged by the same method under the same
// identifiers.
func (i doubtInvoice) charges(r store.AttemptRow) bool {
	same := i.SubGateway == r.Gateway && i.SubMethod == r.Method && i.SubCustomer.String == r.GatewayCustomer
	return i.Open && i.MayHaveTaken <= 1 && billable.Chargeable(billing.StatusOf(i.SubStatus)) && same
}

// Read implements batch.Reader.
func (d *UnsettledAttempts) Read(ctx context.Context, want batch.ClaimRequest) (batch.Claim[billing.Claimed], error) {
	if !d.begun {
		d.begun, d.orphan, d.at, d.id = true, false, time.Time{}, 0
	}
	for {
		limit := d.single.Limit(want.Limit)
		claim, err := d.claim(ctx, limit, want.Skip)
		if err != nil {
			if err := d.fail(ctx, claim, err, limit); err != nil {
				return batch.Claim[billing.Claimed]{}, store.Breached(ctx, err)
			}
			continue
		}
		d.failures.Succeeded()
		done := d.took(claim, limit)
		if len(claim.items) > 0 {
			batch.Execution(ctx).Acknowledged.Claimed(claim.mark)
		}
		if len(claim.items) > 0 || done {
			return batch.Claim[billing.Claimed]{Items: claim.items, Done: done}, nil
		}
	}
}

// attach finds out which items were sent to another account than today's, and what proves an absence of the others. It is
// part of the claim: an item without them would look like one that nothing controls.
func (d *UnsettledAttempts) attach(ctx context.Context, items []billing.Claimed) error {
	if d.Controls == nil {
		return nil
	}
	lanes := map[string][]int{}
	for i, item := range items {
		today, err := d.Controls.Today(ctx, item.Gateway, item.Terms.Account)
		if err != nil {
			return err
		}
		if items[i].Elsewhere = !today; today && item.Kept == nil {
			lanes[item.Gateway] = append(lanes[item.Gateway], i)
		}
	}
	for gateway, lane := range lanes {
		spans := make([]payment.Window, len(lane))
		for n, i := range lane {
			spans[n] = payment.Window{From: items[i].CreatedAt, To: items[i].SentBy}
		}
		found, err := d.Controls.For(ctx, gateway, spans)
		if err != nil {
			return err
		}
		for n, i := range lane {
			items[i].Controls = found[n]
		}
	}
	return nil
}

// took moves the walk behind what was claimed. It reports whether the walk is done.
func (d *UnsettledAttempts) took(c *attemptsClaim, limit int) bool {
	d.single.Took()
	switch {
	case c.seen == limit:
		d.at, d.id = c.at, c.id
	case !d.orphan:
		d.orphan, d.at, d.id = true, time.Time{}, 0
	default:
		d.begun = false
		return true
	}
	return false
}

// fail answers a claim that failed: the same rows are claimed one by one, and one that fails by itself is
// passed over.
func (d *UnsettledAttempts) fail(ctx context.Context, c *attemptsClaim, err error, limit int) error {
	kind, err := d.failures.KindOf(ctx, d.DB, err)
	switch {
	case d.single.Split(kind, limit):
		return nil
	case claims.Retried(kind), c.seen == 0:
		return err
	}
	d.took(c, limit)
	return d.failures.Pass(ctx, kind, nil, c.id, fmt.Sprintf("attempt %d cannot be taken over", c.id), err)
}

type attemptsClaim struct {
	seen  int
	at    time.Time
	id    uint64
	items []billing.Claimed
	mark  batch.Mark
}

func (d *UnsettledAttempts) claim(ctx context.Context, limit int, skip func(string) bool) (*attemptsClaim, error) {
	c := &attemptsClaim{}
	lease, err := d.mine.New()
	if err != nil {
		return c, err
	}
	return c, claims.Make(ctx, d.DB, "takeover", func(tx *sqlx.Tx) error {
		*c = attemptsClaim{}
		return d.transact(ctx, tx, c, lease, limit, skip)
	}, func() (bool, error) { return claims.AttemptsOf(ctx, d.DB, lease) })
}

func (d *UnsettledAttempts) candidates(ctx context.Context, tx *sqlx.Tx, limit int) ([]uint64, *attemptsClaim, error) {
	var rows []struct {
		ID    uint64
		At    sql.NullTime `db:"next_check_at"`
		Lease []byte
	}
	var query string
	var args []any
	if d.orphan {
		only, more := d.Selection.Only("a.subscription_id")
		query, args = fmt.Sprintf(orphanCandidates, only), append([]any{d.id, batch.Execution(ctx).Run.ID}, more...)
	} else {
		only, more := d.Selection.Only("subscription_id")
		until := d.Now()
		if d.All {
			until = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		from := d.at
		if from.IsZero() {
			from = time.Unix(0, 0)
		}
		query, args = fmt.Sprintf(doubtCandidates, only), append([]any{until.UTC(), from.UTC(), from.UTC(), d.id}, more...)
	}
	if err := tx.SelectContext(ctx, &rows, query, append(args, limit)...); err != nil {
		return nil, nil, err
	}
	c := &attemptsClaim{seen: len(rows)}
	var ids []uint64
	for _, r := range rows {
		c.at, c.id = r.At.Time, r.ID
		if !d.mine.Mine(r.Lease) {
			ids = append(ids, r.ID)
		}
	}
	return ids, c, nil
}

func (d *UnsettledAttempts) transact(ctx context.Context, tx *sqlx.Tx, c *attemptsClaim, lease [16]byte, limit int, skip func(string) bool) error {
	ids, seen, err := d.candidates(ctx, tx, limit)
	if err != nil {
		return err
	}
	if *c = *seen; len(ids) == 0 {
		return nil
	}
	var rows []store.AttemptRow
	if err := mysql.SelectIn(ctx, tx, &rows, doubtLock, ids); err != nil || len(rows) == 0 {
		return err
	}
	workers, err := claims.WorkersOf(ctx, tx, store.SortedIDs(rows, func(r store.AttemptRow) uint64 { return r.Run }))
	if err != nil {
		return err
	}
	if rows = free(ctx, rows, workers, skip); len(rows) == 0 {
		return nil
	}
	if c.items, err = d.items(ctx, tx, rows, workers, lease); err != nil || len(c.items) == 0 {
		return err
	}
	if err := d.attach(ctx, c.items); err != nil {
		return err
	}
	taken := make([][]any, len(c.items))
	for i, item := range c.items {
		taken[i] = []any{item.ID, batch.Execution(ctx).Run.ID, lease[:], item.SentBy}
	}
	if _, err = mysql.Update(ctx, tx, "payment_attempts", []string{"run_id", "lease", "sent_by"}, taken, "",
		"status = 'in_flight'", "doubted = TRUE", "next_check_at = NULL"); err != nil {
		return err
	}
	last := c.items[len(c.items)-1]
	c.mark = batch.Mark{ID: last.ID, Key: last.Charge.Key, Lease: lease, Again: true}
	for _, r := range rows {
		if r.ID == last.ID {
			copy(c.mark.Before[:], r.Lease)
		}
	}
	return store.FenceOf(ctx, d.Server).Stand(ctx, tx, last.ID, lease)
}

// free keeps the rows that may be taken: in doubt, or in flight of a run that has ended or is this one, which
// has nothing in flight while it recovers but what this step took.
func free(ctx context.Context, rows []store.AttemptRow, workers map[uint64]claims.Worker, skip func(string) bool) []store.AttemptRow {
	free := rows[:0]
	for _, r := range rows {
		alive := workers[r.Run].Running && r.Run != batch.Execution(ctx).Run.ID
		if r.Status == string(billing.AttemptInFlight) && alive || skip(r.Gateway) {
			continue
		}
		free = append(free, r)
	}
	return free
}

func (d *UnsettledAttempts) items(ctx context.Context, tx *sqlx.Tx, rows []store.AttemptRow, workers map[uint64]claims.Worker, lease [16]byte) ([]billing.Claimed, error) {
	var found []doubtInvoice
	ids := store.SortedIDs(rows, func(r store.AttemptRow) uint64 { return r.Invoice })
	err := store.ReadSubscriptions(doubtInvoices, func(query string) error { return mysql.SelectIn(ctx, tx, &found, query, ids) })
	if err != nil {
		return nil, err
	}
	if err := d.Changes.Anticipate(ctx, tx, len(found), func(i int) (uint64, *string, *string) {
		return found[i].SubscriptionID, &found[i].SubStatus, &found[i].SubMethod
	}); err != nil {
		return nil, err
	}
	invoices := make(map[uint64]doubtInvoice, len(found))
	for _, inv := range found {
		invoices[inv.ID] = inv
	}
	keys := make([]string, len(rows))
	for i, r := range rows {
		keys[i] = r.Key
	}
	kept, err := claims.Kept(ctx, tx, keys)
	if err != nil {
		return nil, err
	}
	beyond, err := amounts.Beyond(ctx, tx, d.Guards, found, func(i doubtInvoice) billing.Invoice { return i.Invoice() })
	if err != nil {
		return nil, err
	}
	at, now := d.Clock(), d.Now()
	items := make([]billing.Claimed, 0, len(rows))
	for _, r := range rows {
		inv, ok := invoices[r.Invoice]
		if !ok {
			batch.Execution(ctx).Log.ErrorContext(ctx, "the invoice of an unsettled attempt is gone", slog.String("idempotency_key", r.Key))
			continue
		}
		item := billing.Claimed{
			Attempt: billing.Attempt{
				ID: r.ID, No: r.No, Stage: r.Stage, Gateway: r.Gateway, Doubted: true, LookUp: r.LookUp, AllAnswered: r.AllAnswered, Checks: r.Checks,
				PaymentID: r.PaymentID.String, Patience: payment.ParsePatience(r.Patience), CreatedAt: r.Created, SentBy: r.SentBy.Time, Terms: r.Terms(), Invoice: inv.Invoice(),
				Charge: payment.Charge{
					Key: r.Key, Reference: r.Reference, CustomerID: r.Customer, Method: r.Method, GatewayCustomer: r.GatewayCustomer,
					MethodType: r.MethodType, Description: r.Description, Money: payment.Money{Amount: r.Amount, Currency: r.Currency},
					BodyVersion: r.BodyVersion, RequestID: claims.RequestID(batch.Execution(ctx).Run.ID, r.Key),
				},
			},
			Lease: lease, Age: now.Sub(r.Created), At: at, Chargeable: inv.charges(r) && !beyond[inv.ID],
		}
		if item.SentBy.IsZero() {
			if item.SentBy = workers[r.Run].SentBy(now); item.SentBy.Before(r.Created) {
				item.SentBy = r.Created
			}
		}
		item.Kept = billing.SavedOutcome(item.Attempt, kept[r.Key])
		items = append(items, item)
	}
	return items, nil
}
