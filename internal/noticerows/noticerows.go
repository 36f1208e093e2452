package noticerows

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/billing/notice"
	"duly/internal/mysql"
	"duly/internal/payment"
)

// webhook is the sink that notices are delivered to.
const webhook = "webhook"

// SelectNotices reads the notices of subscriptions from a date on, and those of their methods, with the deliveries of their events.
const SelectNotices = `SELECT n.subscription_id, n.kind, n.for_date, n.no, n.amount, n.currency, COALESCE(e.id, 0) AS event, COALESCE(d.status, '') AS delivery
FROM notices n LEFT JOIN events e ON e.dedupe_key = n.dedupe_key AND e.type = IF(n.kind = 'expiring', '` + notice.EventExpiring + `', '` + notice.EventUpcoming + `') LEFT JOIN event_deliveries d ON d.event_id = e.id AND d.sink = '` + webhook + `'
WHERE n.subscription_id IN (?) AND (n.for_date >= ? OR n.kind = 'expiring') ORDER BY n.subscription_id, n.kind, n.for_date, n.no`

// Key identifies what a notice is about.
type Key struct {
	Subscription uint64
	Kind         notice.Kind
	For          payment.Date
}

// Read reads the newest notice of each subscription, kind and date, from a date on.
func Read(ctx context.Context, q sqlx.QueryerContext, subscriptions []uint64, from payment.Date) (map[Key]notice.Newest, error) {
	var rows []struct {
		Subscription uint64 `db:"subscription_id"`
		Kind         string
		For          payment.Date `db:"for_date"`
		No           int
		Amount       int64
		Currency     string
		Event        uint64
		Delivery     string
	}
	if err := mysql.SelectIn(ctx, q, &rows, SelectNotices, subscriptions, from.OrFirst()); err != nil {
		return nil, err
	}
	newest := make(map[Key]notice.Newest, len(rows))
	for _, r := range rows { // the newest comes last
		t := notice.Newest{No: r.No, Money: payment.Money{Amount: r.Amount, Currency: r.Currency}, Delivered: r.Delivery == "delivered", Gone: r.Event == 0}
		if r.Delivery == "dead" {
			t.Dead = r.Event
		}
		newest[Key{r.Subscription, notice.Kind(r.Kind), r.For}] = t
	}
	return newest, nil
}

const countWritten = `SELECT COUNT(*) FROM notices WHERE subscription_id IN (?) AND dedupe_key IN (?) AND created_at = ?`

// Written counts those of notices that were written at an instant, as it is stored: a run that writes one that is there leaves it as it is.
func Written(ctx context.Context, q sqlx.QueryerContext, list []notice.Notice, at time.Time) (int64, error) {
	if len(list) == 0 {
		return 0, nil
	}
	subscriptions, keys := make([]uint64, len(list)), make([]string, len(list))
	for i, n := range list {
		subscriptions[i], keys[i] = n.Subscription, n.Event.Dedupe
	}
	var found []int64
	err := mysql.SelectIn(ctx, q, &found, countWritten, subscriptions, keys, at)
	if err != nil || len(found) == 0 {
		return 0, mysql.Classify(ctx, err)
	}
	return found[0], nil
}

// Announced returns the items of a list whose first charge needs no notice, or whose notice was delivered. of returns the invoice of an item, and
// whether it needs a notice. If none does, nothing is read.
func Announced[T any](ctx context.Context, q sqlx.QueryerContext, list []T, of func(T) (inv billing.Invoice, needed bool)) ([]T, error) {
	var ids []uint64
	for _, x := range list {
		if inv, needed := of(x); needed {
			ids = append(ids, inv.SubscriptionID)
		}
	}
	if len(ids) == 0 {
		return list, nil
	}
	newest, err := Read(ctx, q, ids, 0)
	if err != nil {
		return nil, err
	}
	kept := make([]T, 0, len(list))
	for _, x := range list {
		inv, needed := of(x)
		if !needed || notice.Missing(inv, newest[Key{inv.SubscriptionID, notice.Upcoming, inv.Due}]) == "" {
			kept = append(kept, x)
		}
	}
	return kept, nil
}
