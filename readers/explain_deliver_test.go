package readers

import (
	"fmt"
	"time"

	"duly/internal/eventrows"
	"duly/internal/test/queryplan"
)

// deliveryClaims are the statements of the outbox.
func deliveryClaims(rows int) []queryplan.Query {
	n := min(rows, 500)
	ids := make([]uint64, n)
	subjects := make([]string, n)
	for i := range ids {
		ids[i] = uint64(rows-n+i) + 1
		subjects[i] = fmt.Sprintf("subscription:%d", i)
	}
	now, epoch := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, 0)
	middle := time.Date(2026, 1, 1, 0, 0, rows/2, 0, time.UTC)
	skip := " FOR UPDATE SKIP LOCKED"
	return []queryplan.Query{
		queryplan.Claim("events without a delivery", fmt.Sprintf(fanCandidates, ""), "webhook", rows-n, n),
		queryplan.Claim("events without a delivery, of some types", fmt.Sprintf(fanCandidates, " AND e.type IN ('review.needed', 'stock.low')"), "slack", rows-n, n),
		queryplan.Claim("events whose transactions have ended", settledEvents, rows-n, rows, n),
		queryplan.Claim("delivery candidates, at the head", fmt.Sprintf(deliveryCandidates, ""), "webhook", now, epoch, epoch, 0, n),
		queryplan.Claim("delivery candidates, in the middle", fmt.Sprintf(deliveryCandidates, ""), "webhook", now, middle, middle, rows/2, n),
		queryplan.Claim("delivery lock", deliveryLock+skip, ids, "webhook", now),
		queryplan.Read("deliveries of subjects", subjectDeliveries, "webhook", subjects, n),
		queryplan.Claim("take deliveries", takeDeliveries, 1, make([]byte, 16), ids, "webhook"),
		queryplan.Read("events", eventrows.Delivered, ids),
	}
}
