package readers

import (
	"context"
	"slices"

	"github.com/jmoiron/sqlx"

	"duly/internal/mysql"
)

// fit leaves what one claim may take of the runs, by the bytes of their payloads. The walk goes on behind the last run that is
// taken.
func (d *Deliveries) fit(ctx context.Context, tx *sqlx.Tx, c *deliveryClaim, runs [][]deliveryRow) ([][]deliveryRow, error) {
	var ids []uint64
	for _, run := range runs {
		for _, r := range run {
			ids = append(ids, r.ID)
		}
	}
	fits, err := d.fitting(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	d.fits, c.cut = fits, fits < len(ids)
	kept := runs[:0]
	for _, run := range runs {
		if fits == 0 {
			break
		}
		n := min(fits, len(run))
		kept, fits = append(kept, run[:n]), fits-n
	}
	if c.cut {
		last := c.page[slices.IndexFunc(c.page, func(p deliveryCandidate) bool { return p.ID == kept[len(kept)-1][0].ID })]
		c.at, c.id = last.At, last.ID
	}
	return kept, nil
}

// fitting is how many of the events, from the first on, have no more bytes than a claim takes; the first one always fits. Of
// large ones not many more are measured than fit.
func (d *Deliveries) fitting(ctx context.Context, tx *sqlx.Tx, ids []uint64) (int, error) {
	sum := 0
	for n, page := 0, max(firstLengths, d.fits); n < len(ids); page *= 2 {
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
			if sum += bytes[id]; sum > ClaimBytes && n > 0 {
				return n, nil
			}
			n++
		}
	}
	return len(ids), nil
}
