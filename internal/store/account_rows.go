package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/payment"
)

const (
	insertAccount  = `INSERT IGNORE INTO gateway_accounts (gateway, address, account) VALUES `
	selectAccounts = `SELECT id, gateway, address, account FROM gateway_accounts WHERE gateway IN (?)`
)

// Accounts gives the row of gateway_accounts of each account, by the gateway's name, and adds those that are new.
func Accounts(ctx context.Context, db *mysql.DB, accounts []payment.Account) (map[string]uint32, error) {
	if len(accounts) == 0 {
		return map[string]uint32{}, nil
	}
	ids, err := accountIDs(ctx, db, accounts)
	if err != nil || len(ids) == len(accounts) {
		return ids, mysql.Classify(ctx, err)
	}
	var rows [][]any
	for _, a := range accounts {
		if _, ok := ids[a.Gateway]; !ok {
			rows = append(rows, []any{a.Gateway, a.Address, a.ID})
		}
	}
	if err := mysql.Repeat(ctx, db, "accounts", func(tx *sqlx.Tx) error {
		_, err := mysql.Insert(ctx, tx, insertAccount, rows, "")
		return err
	}); err != nil {
		return nil, err
	}
	ids, err = accountIDs(ctx, db, accounts)
	return ids, mysql.Classify(ctx, err)
}

func accountIDs(ctx context.Context, q sqlx.QueryerContext, accounts []payment.Account) (map[string]uint32, error) {
	names := make([]string, len(accounts))
	for i, a := range accounts {
		names[i] = a.Gateway
	}
	var rows []struct {
		ID      uint32
		Gateway string
		Address string
		Account string
	}
	if err := mysql.SelectIn(ctx, q, &rows, selectAccounts, names); err != nil {
		return nil, err
	}
	known := make(map[payment.Account]uint32, len(rows))
	for _, r := range rows {
		known[payment.Account{Gateway: r.Gateway, Address: r.Address, ID: r.Account}] = r.ID
	}
	ids := make(map[string]uint32, len(accounts))
	for _, a := range accounts {
		if id, ok := known[a]; ok {
			ids[a.Gateway] = id
		}
	}
	return ids, nil
}
