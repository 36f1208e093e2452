package query

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"duly/internal/mysql"
	"duly/internal/payment"
)

const selectAccountRow = `SELECT id FROM gateway_accounts WHERE gateway = ? AND address = ? AND account = ?`

// AccountRow gives the row of gateway_accounts of an account; 0 if nothing was sent to it yet.
func AccountRow(ctx context.Context, db *mysql.DB, a payment.Account) (uint32, error) {
	var id uint32
	err := db.GetContext(ctx, &id, selectAccountRow, a.Gateway, a.Address, a.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the account of gateway %s: %w", a.Gateway, mysql.Classify(ctx, err))
	}
	return id, nil
}
