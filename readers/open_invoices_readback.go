package readers

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/answers"
	"duly/internal/claims"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

const (
	// What a claim wrote, beside what is kept and listed of the same charges, and the rows of the fence.
	readBack = `SELECT FALSE AS fence, a.id, a.idempotency_key, '' AS status, NULL AS lease, NULL AS server, g.answer, u.gateway AS listed_by
FROM payment_attempts a LEFT JOIN gateway_answers g ON g.idempotency_key = a.idempotency_key
LEFT JOIN unknown_charges u ON u.reference = a.reference AND u.adopted_at IS NULL WHERE a.lease = ?`
	// Whether anything may be known of charges whose attempts the server returned as it wrote them. Unknown charges are few, and none is open on most days.
	readKnown = `SELECT FALSE AS fence, g.id, '' AS idempotency_key, '' AS status, NULL AS lease, NULL AS server, g.answer, NULL AS listed_by
FROM gateway_answers g WHERE g.idempotency_key BETWEEN ? AND ?
UNION ALL (SELECT FALSE, u.id, '', '', NULL, NULL, NULL, u.gateway FROM unknown_charges u WHERE u.adopted_at IS NULL LIMIT 1)`
	readFence = ` UNION ALL SELECT TRUE, id, idempotency_key, status, lease, NULL, NULL, NULL FROM payment_attempts WHERE id IN (?)`
	// What a claim wrote, as it stands.
	claimWritten = `SELECT id, invoice_id, idempotency_key, status FROM payment_attempts WHERE lease = ?`
	readServer   = ` UNION ALL SELECT TRUE, 0, '', '', NULL, %s, NULL, NULL`
)

// readRow is a row of the read-back.
type readRow struct {
	store.FenceRow

	Fence    bool
	Answer   []byte
	ListedBy sql.NullString `db:"listed_by"`
}

// readAgain reads what the claim has written, as the database now has it, and checks the fence in the same statement.
// It shows rows that only this transaction can see, so that no replica can have answered it. Of attempts that the server returned as it wrote
// them, by their keys, it shows one, and reads all only if something may be known of the charges. It returns the ids of the attempts, and the rows
// that were read, by their keys.
func (s *OpenInvoices) readAgain(ctx context.Context, tx *sqlx.Tx, c *openInvoicesClaim, charges []charge, returned map[string]uint64) (ids map[string]uint64, all map[string][]readRow, _ error) {
	if len(returned) > 0 {
		keys := make([]string, len(charges))
		for i, ch := range charges {
			keys[i] = ch.key
		}
		shown := keys[len(keys)-1]
		known, fenced, err := s.readFenced(ctx, tx, 0, []uint64{returned[shown]}, readKnown, slices.Min(keys), slices.Max(keys))
		if err != nil {
			return nil, nil, err
		}
		if !slices.ContainsFunc(fenced, func(r store.FenceRow) bool { return r.Key == shown && bytes.Equal(r.Lease, c.lease[:]) }) {
			return nil, nil, fmt.Errorf("attempt %s does not show the lease that was just written: reads and writes of a transaction go to different servers", shown)
		}
		if len(known) == 0 {
			return returned, nil, nil
		}
	}
	rows, _, err := s.readFenced(ctx, tx, len(charges), nil, readBack, c.lease[:])
	ids, all = make(map[string]uint64, len(rows)), make(map[string][]readRow, len(rows))
	for _, r := range rows {
		ids[r.Key], all[r.Key] = r.ID, append(all[r.Key], r)
	}
	return ids, all, err
}

// readFenced reads rows, about as many as expected, and in the same statement the attempts of these ids and those of the fence, which it checks.
func (s *OpenInvoices) readFenced(ctx context.Context, tx *sqlx.Tx, expected int, ids []uint64, query string, args ...any) (rows []readRow, fenced []store.FenceRow, _ error) {
	fence := store.FenceOf(ctx, s.Server)
	if ids = append(ids, fence.IDs()...); len(ids) > 0 {
		query, args = query+readFence, append(args, ids)
	}
	if s.Server.Known() {
		query += fmt.Sprintf(readServer, s.Server.Column())
	}
	all := make([]readRow, 0, expected+4) // with the fence
	if err := mysql.SelectIn(ctx, tx, &all, query, args...); err != nil {
		return nil, nil, err
	}
	rows = all[:0]
	for _, r := range all {
		if r.Fence {
			fenced = append(fenced, r.FenceRow)
		} else {
			rows = append(rows, r)
		}
	}
	return rows, fenced, fence.Check(fenced)
}

// items are what the claim has made: attempts that the server returned as it wrote them, by their keys, or that are read again.
func (s *OpenInvoices) items(ctx context.Context, tx *sqlx.Tx, c *openInvoicesClaim, charges []charge, returned map[string]uint64, now, at time.Time) error {
	ids, rows, err := s.readAgain(ctx, tx, c, charges, returned)
	if err != nil {
		return err
	}
	c.items, c.made = make([]billing.Claimed, 0, len(charges)), charges
	for _, ch := range charges {
		id, ok := ids[ch.key]
		if !ok {
			return fmt.Errorf("attempt %s was not written", ch.key)
		}
		item := billing.Claimed{
			Attempt: billing.Attempt{
				ID: id, No: ch.no, Stage: ch.inv.Stage, Gateway: ch.sub.Gateway, CreatedAt: now, Terms: ch.terms, Invoice: *ch.inv,
				Charge: payment.Charge{
					Key: ch.key, Reference: ch.reference, CustomerID: ch.sub.CustomerID,
					Method: ch.sub.Method, GatewayCustomer: ch.sub.GatewayCustomer, MethodType: ch.sub.MethodType, Description: ch.sub.Description, Money: ch.inv.Money,
					BodyVersion: payment.BodyVersion(ch.sub.GatewayCustomer), RequestID: claims.RequestID(batch.Execution(ctx).Run.ID, ch.key),
				},
			},
			Lease: c.lease, At: at, Chargeable: true,
		}
		c.known(&item, rows[ch.key])
		c.items = append(c.items, item)
	}
	c.marked()
	return nil
}

// marked notes the last one of the items.
func (c *openInvoicesClaim) marked() {
	if n := len(c.items); n > 0 {
		ch := c.made[n-1]
		c.mark = batch.Mark{ID: c.items[n-1].ID, Key: ch.key, Lease: c.lease, Again: ch.reuse != 0, Before: ch.before}
	}
}

// tookEffect reports whether a claim whose COMMIT was not answered took effect. Each item is compared, since what was written may have
// changed hands meanwhile: one that the database does not show as it was written, under the claim's lease, is dropped and never sent.
func (c *openInvoicesClaim) tookEffect(ctx context.Context, db *mysql.DB) (bool, error) {
	type row struct {
		ID      uint64
		Invoice uint64 `db:"invoice_id"`
		Key     string `db:"idempotency_key"`
		Status  string
	}
	var rows []row
	if err := db.SelectContext(ctx, &rows, claimWritten, c.lease[:]); err != nil {
		return false, err
	}
	written := make(map[uint64]row, len(rows))
	for _, r := range rows {
		written[r.ID] = r
	}
	items, made := make([]billing.Claimed, 0, len(c.items)), make([]charge, 0, len(c.items))
	for i, item := range c.items {
		want := row{item.ID, item.Invoice.ID, item.Charge.Key, string(billing.AttemptInFlight)}
		if written[item.ID] != want {
			continue
		}
		items, made = append(items, item), append(made, c.made[i])
	}
	if len(items) < len(c.items) && len(items) > 0 {
		x := batch.Execution(ctx)
		x.Log.WarnContext(ctx, "some charges of a claim whose COMMIT was not answered are not this run's any more", slog.Int("charges", len(c.items)-len(items)))
	}
	c.items, c.made = items, made
	c.marked()
	return len(items) > 0, nil
}

// known adds to an item what is known of its charge already. Answers that are kept under its key and cannot settle it
// make it doubtful: something was sent under that key, and the gateway is asked before anything is sent again.
func (c *openInvoicesClaim) known(item *billing.Claimed, rows []readRow) {
	var kept []answers.Kept
	for _, r := range rows {
		if r.ListedBy.Valid {
			item.Held = listed(r.ListedBy.String)
			if !slices.Contains(c.held, r.ListedBy.String) {
				c.held = append(c.held, r.ListedBy.String)
			}
		}
		if r.Answer == nil {
			continue
		}
		var answer answers.Kept // one that cannot be read is the zero answer, which settles nothing
		_ = json.Unmarshal(r.Answer, &answer)
		kept = append(kept, answer)
	}
	if item.Kept = billing.SavedOutcome(item.Attempt, kept); item.Kept == nil && len(kept) > 0 {
		item.Doubted = true
	}
}

// listed says why the periods of a gateway's unknown charges are not charged.
func listed(gateway string) string {
	return fmt.Sprintf("gateway %s lists charges that nothing here accounts for, and their periods are charged nowhere: duly adopt %s", gateway, gateway)
}
