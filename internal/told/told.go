package told

import (
	"context"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/billing/notice"
	"duly/internal/mysql"
	"duly/internal/payment"
)

// webhook is the sink that notices are delivered to.
const webhook = "webhook"

// Of are the notices of subscriptions from a date on, and those of their methods, with what became of their events.
const Of = `SELECT n.subscription_id, n.kind, n.for_date, n.no, n.amount, n.currency, COALESCE(e.id, 0) AS event, COALESCE(d.status, '') AS delivery
FROM notices n LEFT JOIN events e ON e.dedupe_key = n.dedupe_key LEFT JOIN event_deliveries d ON d.event_id = e.id AND d.sink = '` + webhook + `'
WHERE n.subscription_id IN (?) AND (n.for_date >= ? OR n.kind = 'expiring') ORDER BY n.subscription_id, n.kind, n.for_date, n.no`

// Key names what a subscription is told.
type Key struct {
	Subscription uint64
	Kind         notice.Kind
	For          payment.Date
}

// Read reads the newest notice of each subscription, kind and date, from a date on.
func Read(ctx context.Context, q sqlx.QueryerContext, subscriptions []uint64, from payment.Date) (map[Key]notice.Told, error) {
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
	if err := mysql.SelectIn(ctx, q, &rows, Of, subscriptions, from.OrFirst()); err != nil {
		return nil, err
	}
	told := make(map[Key]notice.Told, len(rows))
	for _, r := range rows { // the newest comes last
		t := notice.Told{No: r.No, Money: payment.Money{Amount: r.Amount, Currency: r.Currency}, Delivered: r.Delivery == "delivered", Gone: r.Event == 0}
		if r.Delivery == "dead" {
			t.Dead = r.Event
		}
		told[Key{r.Subscription, notice.Kind(r.Kind), r.For}] = t
	}
	return told, nil
}

// Announced are those of a list whose first charge needs no notice, or whose notice was delivered. of says of which invoice, and whether it is needed.
// Where none is, nothing is read.
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
	told, err := Read(ctx, q, ids, 0)
	if err != nil {
		return nil, err
	}
	kept := make([]T, 0, len(list))
	for _, x := range list {
		inv, needed := of(x)
		if !needed || notice.Missing(inv, told[Key{inv.SubscriptionID, notice.Upcoming, inv.Due}]) == "" {
			kept = append(kept, x)
		}
	}
	return kept, nil
}
