package writers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/record"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/runs"
)

const (
	insertUnknown = `INSERT INTO unknown_charges (account_id, gateway, idempotency_key, reference, gateway_payment_id, record, run_id) VALUES `
	// A charge that waits is brought up to date; one that was adopted stays as it was, unless its gateway did not know it then.
	// The columns are set from left to right.
	unknownAgain = ` ON DUPLICATE KEY UPDATE record = IF(adopted_at IS NULL OR adopted_as = 'not_shown', VALUES(record), record),
adopted_at = IF(adopted_as = 'not_shown', NULL, adopted_at), adopted_as = IF(adopted_as = 'not_shown', NULL, adopted_as)`
)

// UnknownCharges writes charges under keys of ours that no attempt accounts for. Until they are adopted their periods are
// charged nowhere. It may be repeated.
func UnknownCharges(ctx context.Context, db *mysql.DB, gateway string, account uint32, prefix string, found []payment.Payment) error {
	if len(found) == 0 {
		return nil
	}
	rows := make([][]any, 0, len(found))
	for _, p := range found {
		id, ok := billing.ParseKey(prefix, p.Key)
		if !ok {
			return fmt.Errorf("the key %q is none of ours", p.Key)
		}
		record, err := record.Encode(p)
		if err != nil {
			return err
		}
		// The period is that of the key, whatever the gateway says that was paid for.
		rows = append(rows, []any{account, gateway, p.Key, billing.Reference(id.Subscription, id.Due), mysql.Cut(p.ID, 255), string(record), batch.Execution(ctx).Run.ID})
	}
	return mysql.Tx(ctx, db, "unknown", func(tx *sqlx.Tx) error {
		_, err := mysql.Insert(ctx, tx, insertUnknown, rows, unknownAgain)
		return err
	})
}

// errTablesWentBack says that the tables do not have what they had a moment ago.
var errTablesWentBack = errors.New("the database does not have an attempt any more that it had when the gateway's list was compared: was it restored, or did another server take over?")

const (
	updateListMark = `UPDATE gateway_accounts SET listed_from = COALESCE(listed_from, ?), listed_to = GREATEST(COALESCE(listed_to, ?), ?), listed_at = ? WHERE id = ?`
	metOnce        = `SELECT COUNT(*) FROM payment_attempts WHERE id = ? AND idempotency_key = ?`
)

// MoveListMark moves the mark of an account's row on: the tables account for everything that its gateway lists up to the end of listed,
// where the comparison began at its beginning. newest is the newest attempt that was met; the zero mark: none was. It returns
// errTablesWentBack, and leaves the mark, if the tables are not those any more that were compared.
func MoveListMark(ctx context.Context, db *mysql.DB, account uint32, listed payment.Window, newest batch.Mark, now time.Time) error {
	return mysql.Tx(ctx, db, "mark", func(tx *sqlx.Tx) error {
		if err := runs.Hold(ctx, tx, batch.Execution(ctx).Run); err != nil {
			return err
		}
		if newest.ID != 0 {
			var n int
			if err := tx.GetContext(ctx, &n, metOnce, newest.ID, newest.Key); err != nil {
				return err
			}
			if n == 0 {
				return errTablesWentBack
			}
		}
		to := mysql.Stored(listed.To)
		_, err := tx.ExecContext(ctx, updateListMark, mysql.Stored(listed.From), to, to, mysql.Stored(now), account)
		return err
	})
}
