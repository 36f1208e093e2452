package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"duly/internal/mysql"
	"duly/internal/payment"
)

// Account is a row of gateway_accounts.
type Account struct {
	ID      uint32
	Address string
	Root    uint32    // the account that it counts as: itself, or the one that it was joined to
	Since   time.Time `db:"created_at"` // when it was first called
}

const (
	accountsKnown = `SELECT id, address, COALESCE(joined_to, id) AS root, created_at FROM gateway_accounts WHERE gateway = ? ORDER BY id`

	// AccountGroup lists the accounts that are one with an account.
	AccountGroup = `SELECT b.id FROM gateway_accounts a JOIN gateway_accounts b ON COALESCE(b.joined_to, b.id) = COALESCE(a.joined_to, a.id)
WHERE a.id = ? ORDER BY b.id`

	tookAt = `SELECT idempotency_key, reference, customer_id, amount, currency, gateway_payment_id, created_at FROM payment_attempts
WHERE gateway = ? AND account_id IN (?) AND status = 'succeeded' AND gateway_payment_id <> '' AND proof IN ('answer', 'look_up') AND created_at >= ?
ORDER BY id DESC LIMIT ?`
)

// KnownAccounts lists every account that something was sent to under a gateway's name.
func KnownAccounts(ctx context.Context, db *mysql.DB, gateway string) ([]Account, error) {
	var list []Account
	if err := db.SelectContext(ctx, &list, accountsKnown, gateway); err != nil {
		return nil, fmt.Errorf("read the accounts of gateway %s: %w", gateway, mysql.Classify(ctx, err))
	}
	return list, nil
}

// Took lists the newest payments that a gateway took at those accounts, as duly's own answers and look-ups and what operators have
// shown say: three at most, and none that the gateway has purged by its own rules.
func (c *Controls) Took(ctx context.Context, gateway string, accounts []uint32) ([]payment.Control, error) {
	if len(accounts) == 0 {
		return nil, nil
	}
	known, err := c.group(ctx, gateway)
	if err != nil {
		return nil, err
	}
	side := controlSide{c, gateway, calledAt{today: accounts, all: known.all}, false}
	var rows []controlRow
	if err := mysql.SelectIn(ctx, c.DB, &rows, tookAt, gateway, accounts, side.oldest(), payment.MaxControls); err != nil {
		return nil, fmt.Errorf("read what gateway %s took: %w", gateway, mysql.Classify(ctx, err))
	}
	shown, err := side.shown(ctx, endOfTime)
	if err != nil {
		return nil, mysql.Classify(ctx, err)
	}
	shops, err := walkControls(func(limit int) ([]payment.Control, error) {
		found, err := side.shops(ctx, endOfTime, limit)
		return slices.DeleteFunc(found, func(control payment.Control) bool { return !control.Own }), err
	})
	if err != nil {
		return nil, mysql.Classify(ctx, err)
	}
	all := slices.Concat(controlsOf(rows, true), shown, shops)
	slices.SortStableFunc(all, func(a, b payment.Control) int { return b.At.Compare(a.At) })
	all = slices.CompactFunc(all, func(a, b payment.Control) bool { return a.PaymentID == b.PaymentID })
	return all[:min(len(all), payment.MaxControls)], nil
}
