package query

import (
	"context"

	"duly/internal/mysql"
	"duly/internal/outbox"
)

// notDelivered begins the What of reasons about a receiver.
const notDelivered = "not delivered to "

const selectDeliveryReasons = `(SELECT CONCAT('` + notDelivered + `', sink) AS what, COALESCE(last_error, '') AS why FROM event_deliveries
WHERE status = 'dead' AND sink IN (?) ORDER BY event_id DESC LIMIT ?)
UNION ALL SELECT CONCAT('` + notDelivered + `', sink), COALESCE(last_error, '') FROM event_deliveries
WHERE sink IN (?) AND status = 'pending' AND tries > 0`

// DeliveryReasons are the commonest reasons why events did not reach one of the sinks: of the newest ones, so many, that were given
// up, and of those that failed and are tried again.
func DeliveryReasons(ctx context.Context, db *mysql.DB, sinks []string, newest int64, limit int) (Causes, error) {
	if len(sinks) == 0 {
		return Causes{Reasons: []Reason{}}, nil
	}
	return reasons(ctx, db, selectDeliveryReasons, limit, sinks, newest, sinks)
}

// FailsAt reports whether events fail at that sink for what it answers, and not for what is in their rows.
func (c Causes) FailsAt(sink string) bool {
	for _, r := range c.Reasons {
		if r.What == notDelivered+sink && !outbox.RowFails(r.Why) {
			return true
		}
	}
	return false
}

const undeliveredReasons = `SELECT CONCAT('` + notDelivered + `', sink) AS what, COALESCE(last_error, '') AS why FROM event_deliveries
WHERE sink IN (?) AND status = 'pending' AND tries > 0`

// UndeliveredReason is the commonest reason why events that are tried again did not reach a sink; empty for none.
func UndeliveredReason(ctx context.Context, db *mysql.DB, sink string) (string, error) {
	found, err := reasons(ctx, db, undeliveredReasons, 1, []string{sink})
	if err != nil || len(found.Reasons) == 0 {
		return "", err
	}
	return found.Reasons[0].Why, nil
}
