package readers

import (
	"context"
	"slices"

	"github.com/jmoiron/sqlx"

	"duly/internal/eventrows"
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
	fits, err := eventrows.Fitting(ctx, tx, ids, max(firstLengths, d.fits), ClaimBytes)
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
