package migrations

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
)

// bookingsName is what the third migration is called, beside the SQL files.
const bookingsName = "00003_bookings.go"

// backfill books the payments that succeeded before bookings were made. It walks both tables by id in small transactions that
// lock no row of theirs, so that the shop goes on meanwhile, and begins anew after it was killed. A payment that an earlier row
// has becomes a finding, and never an error.
func backfill() *goose.Migration {
	m := goose.NewGoMigration(3, &goose.GoFunc{RunDB: bookAll}, &goose.GoFunc{RunDB: unbookAll})
	m.Source = bookingsName
	return m
}

// backfillBatch is how many rows one transaction looks at.
const backfillBatch = 1000

const (
	succeededAttempts = `SELECT id, invoice_id, COALESCE(account_id, 0), gateway, reference, idempotency_key, COALESCE(gateway_payment_id, ''), status,
amount, currency, 0, created_at
FROM payment_attempts WHERE id > ? ORDER BY id LIMIT ?`

	// It may be a view of the shop's: it is read by its id alone, with no hint.
	succeededPayments = `SELECT id, COALESCE(order_id, 0), 0, COALESCE(gateway, ''), CONCAT('ord_', COALESCE(order_id, 0)), COALESCE(idempotency_key, ''),
COALESCE(transaction_key, ''), COALESCE(status, ''), COALESCE(amount, 0), COALESCE(currency, ''), COALESCE(refunded_amount, 0), created_at
FROM payments WHERE id > ? ORDER BY id LIMIT ?`

	addAccount    = `INSERT IGNORE INTO gateway_accounts (gateway, address, account) VALUES (?, '', '')`
	everyAccount  = `SELECT id, gateway, address, COALESCE(joined_to, 0) FROM gateway_accounts`
	addBookings   = `INSERT IGNORE INTO bookings (account_id, gateway_payment_id, kind, row_id) VALUES `
	namedBookings = `SELECT account_id, gateway_payment_id, kind, row_id FROM bookings WHERE account_id IN (?) AND gateway_payment_id IN (?)`
	addFinding    = `INSERT INTO audit_findings (kind, reference, gateway_payment_id, detail) VALUES ('booked_twice', ?, ?, ?)
ON DUPLICATE KEY UPDATE last_seen_at = last_seen_at`

	dropBookings = `DELETE FROM bookings ORDER BY account_id, gateway_payment_id LIMIT ?`
	// What only the bookings needed; attempts name no account without an address.
	dropAccounts = `DELETE FROM gateway_accounts WHERE address = ''`
)

// pastPayment is a row that a payment can belong to.
type pastPayment struct {
	kind                           string
	id, group                      uint64
	account                        uint32
	gateway, reference, key, there string
	status, currency               string
	amount, refunded               int64
	created                        sql.NullTime
}

func bookAll(ctx context.Context, db *sql.DB) error {
	accounts, err := readPastAccounts(ctx, db)
	if err != nil {
		return err
	}
	for _, table := range []struct{ kind, query string }{{"attempt", succeededAttempts}, {"payment", succeededPayments}} {
		for after := uint64(0); ; {
			rows, err := pastPayments(ctx, db, table.kind, table.query, after)
			if err != nil {
				return fmt.Errorf("book the payments of the past: read %ss: %w", table.kind, err)
			}
			if len(rows) == 0 {
				break
			}
			after = rows[len(rows)-1].id
			if err := accounts.book(ctx, db, rows); err != nil {
				return fmt.Errorf("book the payments of the past, up to %s %d: %w", table.kind, after, err)
			}
		}
	}
	return nil
}

func pastPayments(ctx context.Context, db *sql.DB, kind, query string, after uint64) ([]pastPayment, error) {
	rows, err := db.QueryContext(ctx, query, after, backfillBatch)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var list []pastPayment
	for rows.Next() {
		p := pastPayment{kind: kind}
		if err := rows.Scan(&p.id, &p.group, &p.account, &p.gateway, &p.reference, &p.key, &p.there, &p.status, &p.amount, &p.currency, &p.refunded, &p.created); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, rows.Err()
}

// pastAccounts are the accounts that there are by now. Rows that name none are booked under one of their gateway's without an
// address, which counts as the account that the gateway is called at: nobody knows here what that is.
type pastAccounts struct {
	root   map[uint32]uint32
	before map[string]uint32
	of     map[string][]uint32 // all of a gateway
}

func readPastAccounts(ctx context.Context, db *sql.DB) (*pastAccounts, error) {
	a := &pastAccounts{root: map[uint32]uint32{}, before: map[string]uint32{}, of: map[string][]uint32{}}
	rows, err := db.QueryContext(ctx, everyAccount)
	if err != nil {
		return nil, fmt.Errorf("read the accounts: %w", err)
	}
	defer func() { _ = rows.Close() }()
	joined := map[uint32]uint32{}
	for rows.Next() {
		var id, to uint32
		var gateway, address string
		if err := rows.Scan(&id, &gateway, &address, &to); err != nil {
			return nil, fmt.Errorf("read the accounts: %w", err)
		}
		joined[id], a.of[gateway] = to, append(a.of[gateway], id)
		if address == "" {
			a.before[gateway] = id
		}
	}
	for id := range joined {
		root := id
		for range joined { // a circle ends too
			if joined[root] == 0 {
				break
			}
			root = joined[root]
		}
		a.root[id] = root
	}
	return a, rows.Err()
}

// under are the accounts that p's payment can be booked under: first the one that it is, then those that count as the same.
func (a *pastAccounts) under(ctx context.Context, db *sql.DB, p pastPayment) ([]uint32, error) {
	before := a.before[p.gateway]
	if before == 0 {
		if _, err := db.ExecContext(ctx, addAccount, p.gateway); err != nil {
			return nil, err
		}
		err := db.QueryRowContext(ctx, `SELECT id FROM gateway_accounts WHERE gateway = ? AND address = '' AND account = ''`, p.gateway).Scan(&before)
		if err != nil {
			return nil, err
		}
		a.before[p.gateway], a.of[p.gateway] = before, append(a.of[p.gateway], before)
	}
	if p.account == 0 {
		return append([]uint32{before}, a.of[p.gateway]...), nil
	}
	if root := a.root[p.account]; root != 0 {
		return []uint32{root, before}, nil
	}
	return []uint32{p.account, before}, nil
}

// pastName is what makes a payment one; its owner is the row that has it.
type (
	pastName struct {
		account uint32
		id      string
	}
	pastOwner struct {
		kind string
		id   uint64
	}
)

// book books one batch, in a transaction that may be repeated at will.
func (a *pastAccounts) book(ctx context.Context, db *sql.DB, rows []pastPayment) error {
	type wanted struct {
		pastPayment

		under []uint32
	}
	var list []wanted
	accounts, ids := map[any]bool{}, map[any]bool{}
	for _, p := range rows {
		if p.status != "succeeded" || p.there == "" {
			continue
		}
		under, err := a.under(ctx, db, p)
		if err != nil {
			return err
		}
		for _, account := range under {
			accounts[account] = true
		}
		ids[p.there] = true
		list = append(list, wanted{p, under})
	}
	if len(list) == 0 {
		return nil
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	booked, err := pastBookings(ctx, tx, accounts, ids)
	if err != nil {
		return err
	}
	var values []any
	for _, p := range list {
		if _, is := booked.owner(p.under, p.there); !is {
			booked[pastName{p.under[0], p.there}] = pastOwner{p.kind, p.id}
			values = append(values, p.under[0], p.there, p.kind, p.id)
		}
	}
	if len(values) > 0 {
		marks := strings.TrimSuffix(strings.Repeat("(?,?,?,?),", len(values)/4), ",")
		if _, err := tx.ExecContext(ctx, addBookings+marks, values...); err != nil {
			return err
		}
	}
	if booked, err = pastBookings(ctx, tx, accounts, ids); err != nil {
		return err
	}
	for _, p := range list {
		if owner, is := booked.owner(p.under, p.there); is && owner != (pastOwner{p.kind, p.id}) {
			if err := p.duplicate(ctx, tx, owner); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}

// pastBooked are bookings by name.
type pastBooked map[pastName]pastOwner

func (b pastBooked) owner(under []uint32, id string) (pastOwner, bool) {
	for _, account := range under {
		if owner, ok := b[pastName{account, id}]; ok {
			return owner, true
		}
	}
	return pastOwner{}, false
}

func pastBookings(ctx context.Context, tx *sql.Tx, accounts, ids map[any]bool) (pastBooked, error) {
	query, args, err := sqlx.In(namedBookings, slices.Collect(maps.Keys(accounts)), slices.Collect(maps.Keys(ids)))
	if err != nil {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	booked := pastBooked{}
	for rows.Next() {
		var name pastName
		var owner pastOwner
		if err := rows.Scan(&name.account, &name.id, &owner.kind, &owner.id); err != nil {
			return nil, err
		}
		booked[name] = owner
	}
	return booked, rows.Err()
}

// pastDetail is the detail of a finding, in the form that audits write.
type pastDetail struct {
	Text      string `json:"text"`
	Gateway   string `json:"gateway,omitempty"`
	Row       string `json:"row,omitempty"`
	Key       string `json:"idempotency_key,omitempty"`
	Here      string `json:"here,omitempty"`
	Amount    int64  `json:"amount_here,omitempty"`
	Currency  string `json:"currency_here,omitempty"`
	Refunded  int64  `json:"refunded_here,omitempty"`
	CreatedAt string `json:"created_at,omitempty"`
}

// duplicate writes down that p's payment is another row's. One that was found before, in an audit too, is left as it is.
func (p pastPayment) duplicate(ctx context.Context, tx *sql.Tx, owner pastOwner) error {
	created := ""
	if p.created.Valid {
		created = p.created.Time.UTC().Format("2006-01-02T15:04:05.000000Z")
	}
	detail, err := json.Marshal(pastDetail{
		Text:    fmt.Sprintf("%s is booked for %s %d too", p.there, owner.kind, owner.id),
		Gateway: p.gateway, Row: fmt.Sprintf("%s:%d", p.kind, p.id), Key: p.key, Here: p.status,
		Amount: p.amount, Currency: p.currency, Refunded: p.refunded, CreatedAt: created,
	})
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, addFinding, p.reference, p.there, string(detail))
	return err
}

// unbookAll removes the bookings, which are made anew from the rows by the next way up. Findings stay: they are for people.
func unbookAll(ctx context.Context, db *sql.DB) error {
	for {
		result, err := db.ExecContext(ctx, dropBookings, backfillBatch)
		if err != nil {
			return fmt.Errorf("remove the bookings: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			if err == nil {
				_, err = db.ExecContext(ctx, dropAccounts)
			}
			return err
		}
	}
}
