package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"duly/internal/audit"
	"duly/internal/mysql"
	"duly/internal/payment"
)

// Matches reads the payments of ours that a page of a gateway's can belong to: by key, those of orders by
// the gateway's id where no row has the key, and what is booked for a row though it was made under another key, as by hand.
func Matches(ctx context.Context, db *mysql.DB, page []payment.Payment) ([]audit.Ours, error) {
	keys, plain := make([]string, 0, len(page)), make([]string, 0, len(page))
	for _, p := range page {
		if p.Key == "" {
			continue
		}
		keys = append(keys, p.Key)
		if isASCII(p.Key) { // any other key would take the index of the ASCII column away from all of them
			plain = append(plain, p.Key)
		}
	}
	rows, err := auditSelect(ctx, db, audit.Attempts, attemptsByKey, plain)
	if err != nil {
		return nil, err
	}
	byKey, err := auditSelect(ctx, db, audit.Payments, paymentsByKey, keys)
	if err != nil {
		return nil, err
	}
	rows = append(rows, byKey...)
	known := make(map[string]bool, len(rows))
	for _, o := range rows {
		known[o.Key] = true
	}
	var ids []string
	for _, p := range page {
		if p.ID != "" && !known[p.Key] {
			ids = append(ids, p.ID)
		}
	}
	byID, err := auditSelect(ctx, db, audit.Payments, paymentsByTheirs, ids)
	if err != nil {
		return nil, err
	}
	rows = append(rows, byID...)
	booked, err := bookedMatches(ctx, db, page, rows)
	return append(rows, booked...), err
}

// bookedMatches reads the rows, beside those that were found, that a page's payments are booked for.
func bookedMatches(ctx context.Context, db *mysql.DB, page []payment.Payment, rows []audit.Ours) ([]audit.Ours, error) {
	named, nameless := make(map[string]bool, len(rows)), map[string]bool{}
	for _, o := range rows {
		if named[o.GatewayID] = true; o.GatewayID == "" {
			nameless[o.Key] = true
		}
	}
	var ids []string
	for _, p := range page {
		if p.ID != "" && !named[p.ID] && !nameless[p.Key] {
			ids = append(ids, p.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	holders, err := BookedRows(ctx, db, ids)
	if err != nil {
		return nil, fmt.Errorf("read what a gateway lists: %w", mysql.Classify(ctx, err))
	}
	var booked []audit.Ours
	for _, h := range holders {
		if o, there, err := ReadOurs(ctx, db, h.Row); err != nil {
			return nil, err
		} else if there && o.Gateway == h.Gateway {
			booked = append(booked, o)
		}
	}
	return booked, nil
}

// Of an order that was resolved by its own id, the action names the payment.
const bookedByHand = `SELECT COUNT(*) > 0 FROM operator_actions WHERE subject IN (?) AND action = 'resolve'
AND JSON_UNQUOTE(JSON_EXTRACT(detail, '$.as')) = 'paid' AND COALESCE(JSON_UNQUOTE(JSON_EXTRACT(detail, '$.payment')), ?) = ?`

// isByHand reports whether an operator named the payment that o has.
func isByHand(ctx context.Context, db *mysql.DB, o audit.Ours) (bool, error) {
	if o.Standing != audit.Paid || o.GatewayID == "" {
		return false, nil
	}
	subjects := []string{o.Row.String()}
	if o.Row.Table == audit.Payments {
		subjects = append(subjects, fmt.Sprintf("order:%d", o.Group))
	}
	query, args, err := mysql.In(bookedByHand, subjects, o.GatewayID, o.GatewayID)
	if err != nil {
		return false, err
	}
	var named bool
	if err := db.GetContext(ctx, &named, query, args...); err != nil {
		return false, fmt.Errorf("read what an operator said: %w", mysql.Classify(ctx, err))
	}
	return named, nil
}

// ReadOurs reads a payment of ours again; false: its row is gone.
func ReadOurs(ctx context.Context, db *mysql.DB, row audit.Row) (audit.Ours, bool, error) {
	query := attemptsByID
	if row.Table == audit.Payments {
		query = paymentsByID
	}
	rows, err := auditSelect(ctx, db, row.Table, query, []uint64{row.ID})
	if err != nil || len(rows) == 0 {
		return audit.Ours{}, false, err
	}
	o := rows[0]
	o.ByHand, err = isByHand(ctx, db, o)
	return o, err == nil, err
}

// PaidUnder reads the payments of ours that took and kept money under a reference, oldest first.
func PaidUnder(ctx context.Context, db *mysql.DB, reference string) ([]audit.Ours, error) {
	subject, ok := audit.SubjectOf(reference)
	if !ok {
		return nil, nil
	}
	group, table, query := subject.Order, audit.Payments, PaymentsPaid
	if group == 0 {
		table, query = audit.Attempts, AttemptsPaid
		err := db.GetContext(ctx, &group, invoiceOf, subject.Subscription, subject.Due)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		} else if err != nil {
			return nil, fmt.Errorf("look for an invoice: %w", mysql.Classify(ctx, err))
		}
	}
	rows, err := auditSelect(ctx, db, table, query, []uint64{group})
	return slices.DeleteFunc(rows, func(o audit.Ours) bool { return !o.Kept() }), err
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
