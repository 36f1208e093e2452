package methods

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
)

// ReplacedMethods reads the fingerprints of the methods that gateways' answers gave to subscriptions.
const ReplacedMethods = `SELECT i.subscription_id, a.replaced_by FROM invoices i JOIN payment_attempts a ON a.invoice_id = i.id
WHERE i.subscription_id IN (?) AND a.replaced_by IS NOT NULL`

// ReplacedOf reads the fingerprints of [ReplacedMethods], by subscription.
func ReplacedOf(ctx context.Context, q sqlx.QueryerContext, subscriptions []uint64) (map[uint64][][32]byte, error) {
	var rows []struct {
		Subscription uint64 `db:"subscription_id"`
		By           []byte `db:"replaced_by"`
	}
	if err := mysql.SelectIn(ctx, q, &rows, ReplacedMethods, subscriptions); err != nil {
		return nil, err
	}
	out := map[uint64][][32]byte{}
	for _, r := range rows {
		if len(r.By) == 32 {
			out[r.Subscription] = append(out[r.Subscription], [32]byte(r.By))
		}
	}
	return out, nil
}
