package operator

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/payment"
)

const (
	insertControl = `INSERT IGNORE INTO gateway_controls (account_id, gateway_payment_id, idempotency_key, reference, customer_id, amount, currency,
charged_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`

	updateSplitAccounts = `UPDATE gateway_accounts SET joined_to = NULL WHERE id IN (?)`

	updateJoinedAccounts = `UPDATE gateway_accounts SET joined_to = ? WHERE id <> ? AND (id IN (?) OR joined_to IN (?))`
)

// AddControl records a payment that an operator has shown to be of an account, by which absences there are checked.
func AddControl(ctx context.Context, db *mysql.DB, account uint32, c payment.Control, action Action) error {
	return mysql.Tx(ctx, db, "control", func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, insertControl, account, c.PaymentID, c.Key, c.Reference, c.CustomerID, c.Money.Amount, c.Money.Currency,
			c.At.UTC()); err != nil {
			return err
		}
		return action.Write(ctx, tx)
	})
}

// JoinAccounts makes accounts, and those that were joined to them, count as root.
func JoinAccounts(ctx context.Context, db *mysql.DB, root uint32, accounts []uint32, action Action) error {
	return mysql.Tx(ctx, db, "join", func(tx *sqlx.Tx) error {
		query, args, err := mysql.In(updateJoinedAccounts, root, root, accounts, accounts)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, query, args...); err != nil {
			return err
		}
		return action.Write(ctx, tx)
	})
}

// SplitAccounts undoes joins: the accounts that leave count as themselves again, and those that stay count as root.
func SplitAccounts(ctx context.Context, db *mysql.DB, root uint32, stay, leave []uint32, action Action) error {
	return mysql.Tx(ctx, db, "split", func(tx *sqlx.Tx) error {
		query, args, err := mysql.In(updateSplitAccounts, append([]uint32{root}, leave...))
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, query, args...); err != nil {
			return err
		}
		if query, args, err = mysql.In(updateJoinedAccounts, root, root, stay, stay); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, query, args...); err != nil {
			return err
		}
		return action.Write(ctx, tx)
	})
}
