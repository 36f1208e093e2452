package refundrows

import (
	"context"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
	"duly/internal/refunds"
)

const keyHolders = `SELECT id, COALESCE(invoice_id, 0) AS invoice_id, COALESCE(payment_id, 0) AS payment_id, COALESCE(number, 0) AS number, idempotency_key,
COALESCE(gateway, '') AS gateway FROM refunds WHERE idempotency_key IN (?)`

// keyed is a refund that is to have a key.
type keyed struct {
	ID        uint64 // of the row; 0: it is not there yet
	InvoiceID uint64 `db:"invoice_id"`
	PaymentID uint64 `db:"payment_id"`
	Number    int
	Key       string `db:"idempotency_key"` // empty if another row has the charge
	Gateway   string

	charge string // key of the charge
	// twin names the row that refunds the same charge as this one; empty: none does.
	twin string
}

// name names the refund, and what it is of.
func (k keyed) name() string {
	of := fmt.Sprintf("payment %d", k.PaymentID)
	if k.InvoiceID != 0 {
		of = fmt.Sprintf("invoice %d", k.InvoiceID)
	}
	if k.ID == 0 {
		return "a refund of " + of
	}
	return fmt.Sprintf("refund %d of %s", k.ID, of)
}

// giveKeys gives each refund its key by its number. A key that another row has is left to it: the refund has the next number whose key is free,
// unless that row is of the same charge and its payment still claims it: it is named then.
func giveKeys(ctx context.Context, tx *sqlx.Tx, list []*keyed) error {
	held := map[string]keyed{}
	for pending := list; len(pending) > 0; {
		keys := make([]string, len(pending))
		for i, k := range pending {
			keys[i] = refunds.Key(k.charge, k.PaymentID, k.Number)
		}
		var rows []keyed
		if err := mysql.SelectIn(ctx, tx, &rows, keyHolders, keys); err != nil {
			return err
		}
		for _, row := range rows {
			held[folded(row.Key)] = row
		}
		var again []*keyed
		for i, k := range pending {
			other, taken := held[folded(keys[i])]
			same := taken && other.Number == k.Number && (other.Gateway == k.Gateway || other.Gateway == "")
			if same {
				var err error
				if same, err = countsAsOther(ctx, tx, other, k); err != nil {
					return err
				}
			}
			switch {
			case !taken:
				k.Key = keys[i]
				held[folded(k.Key)] = *k
			case same:
				k.twin = other.name()
			default:
				k.Number++
				again = append(again, k)
			}
		}
		pending = again
	}
	return nil
}

// folded is a key as the table compares it.
func folded(key string) string { return strings.TrimRight(key, " ") }
