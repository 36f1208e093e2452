package eventrows

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
)

// The payloads of what is not claimed are not sent over the connection.
const payloadLengths = `SELECT id, COALESCE(OCTET_LENGTH(payload), 0) AS bytes FROM events WHERE id IN (?)`

// Fitting returns how many events, from the first on, fit into most bytes; the first event always fits. It measures page events at a time, so that of
// large events few more are measured than fit.
func Fitting(ctx context.Context, tx *sqlx.Tx, ids []uint64, page, most int) (int, error) {
	sum := 0
	for n := 0; n < len(ids); page *= 2 {
		some := ids[n:min(n+page, len(ids))]
		var rows []struct {
			ID    uint64
			Bytes int
		}
		if err := mysql.SelectIn(ctx, tx, &rows, payloadLengths, some); err != nil {
			return 0, err
		}
		bytes := make(map[uint64]int, len(rows))
		for _, r := range rows {
			bytes[r.ID] = r.Bytes
		}
		for _, id := range some {
			if sum += bytes[id]; sum > most && n > 0 {
				return n, nil
			}
			n++
		}
	}
	return len(ids), nil
}
