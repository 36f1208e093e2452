package query

import (
	"context"
	"fmt"
	"slices"

	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/store"
)

// Elsewhere are rows that are due at a gateway which is not configured on this host.
type Elsewhere struct {
	Gateway string
	Count   int64
	IDs     []uint64 `db:"-"` // the first few
}

const (
	// The most gateways and rows that are named.
	elsewhereGateways = 20
	elsewhereIDs      = 5
)

const (
	collectableElsewhere = `FROM invoices i JOIN subscriptions s ON s.id = i.subscription_id
WHERE i.status = 'open' AND i.stage = ? AND i.next_attempt_date <= ?`

	unsettledElsewhere = `FROM payment_attempts a FORCE INDEX (doubt_walk) WHERE a.status IN ('in_flight', 'in_doubt')`

	fromRequestedRefunds = `FROM refunds WHERE status IN ('requested', 'in_flight', 'in_doubt') AND origin = 'request' AND gateway IS NOT NULL`

	fromRefunds = `FROM payments p WHERE p.status = 'refund_due'`
)

// InvoicesElsewhere counts the selected invoices of the stage that are open and due at gateways other than those.
func InvoicesElsewhere(ctx context.Context, db *mysql.DB, selection store.Selection, stage int, configured []string) ([]Elsewhere, error) {
	only, args := selection.Only("i.subscription_id")
	return countElsewhere(ctx, db, "s.gateway", "i.id", collectableElsewhere+only, append([]any{stage, selection.Business}, args...), configured)
}

// AttemptsElsewhere counts the selected attempts in flight and in doubt at gateways other than those.
func AttemptsElsewhere(ctx context.Context, db *mysql.DB, selection store.Selection, configured []string) ([]Elsewhere, error) {
	only, args := selection.Only("a.subscription_id")
	return countElsewhere(ctx, db, "a.gateway", "a.id", unsettledElsewhere+only, args, configured)
}

// RefundsElsewhere counts the selected payments that are to be refunded at gateways other than those.
func RefundsElsewhere(ctx context.Context, db *mysql.DB, selection store.Selection, configured []string) ([]Elsewhere, error) {
	only, args := selection.OnlyOrders("p.order_id")
	return countElsewhere(ctx, db, "p.gateway", "p.id", fromRefunds+only, args, configured)
}

// RequestedRefundsElsewhere counts the selected rows of refunds that are not settled at gateways other than those.
func RequestedRefundsElsewhere(ctx context.Context, db *mysql.DB, selection store.Selection, configured []string) ([]Elsewhere, error) {
	only, args := selection.OnlyRefunds("")
	return countElsewhere(ctx, db, "gateway", "id", fromRequestedRefunds+only, args, configured)
}

// countElsewhere counts the rows of a query by gateway, but for gateways that are configured, and reads the first ids of each. An empty
// name is no gateway: the row is at fault, and goes to review.
func countElsewhere(ctx context.Context, db *mysql.DB, gateway, id, from string, args []any, configured []string) ([]Elsewhere, error) {
	not, names := store.Gateways{Names: append([]string{""}, configured...)}.Clause(gateway)
	var list []Elsewhere
	name := store.Exactly(gateway)
	query := fmt.Sprintf("SELECT %[1]s AS gateway, COUNT(*) AS count %[2]s%[3]s GROUP BY %[1]s ORDER BY %[1]s LIMIT ?", name, from, not)
	if err := db.SelectContext(ctx, &list, query, append(append(append([]any{}, args...), names...), elsewhereGateways)...); err != nil {
		return nil, mysql.Classify(ctx, err)
	}
	for i, e := range list {
		query := fmt.Sprintf("SELECT %s %s AND %s = ? ORDER BY %[1]s LIMIT ?", id, from, name)
		if err := db.SelectContext(ctx, &list[i].IDs, query, append(append([]any{}, args...), e.Gateway, elsewhereIDs)...); err != nil {
			return nil, mysql.Classify(ctx, err)
		}
	}
	return list, nil
}

// add counts an order of a gateway that is not configured.
func (l *OrdersLeft) add(c orders.Claimed, known func(gateway string) bool) bool {
	if known == nil {
		return false
	}
	for _, p := range c.Payments {
		if !orders.MustAsk(c.Order, p) || known(p.Gateway) {
			continue
		}
		for i := range l.Elsewhere {
			if l.Elsewhere[i].Gateway == p.Gateway {
				l.Elsewhere[i].add(c.ID)
				return true
			}
		}
		e := Elsewhere{Gateway: p.Gateway}
		e.add(c.ID)
		l.Elsewhere = append(l.Elsewhere, e)
		return true
	}
	return false
}

func (e *Elsewhere) add(id uint64) {
	if e.Count++; len(e.IDs) < elsewhereIDs {
		e.IDs = append(e.IDs, id)
	}
}

// ElsewhereSum adds up the counts of a list.
func ElsewhereSum(list []Elsewhere) int64 {
	var n int64
	for _, e := range list {
		n += e.Count
	}
	return n
}

// ElsewhereMerged adds the counts of b to those of a, by gateway.
func ElsewhereMerged(a, b []Elsewhere) []Elsewhere {
	for _, e := range b {
		i := slices.IndexFunc(a, func(x Elsewhere) bool { return x.Gateway == e.Gateway })
		if i < 0 {
			a = append(a, e)
			continue
		}
		a[i].Count += e.Count
		if missing := elsewhereIDs - len(a[i].IDs); missing > 0 {
			a[i].IDs = append(a[i].IDs, e.IDs[:min(missing, len(e.IDs))]...)
		}
	}
	return a
}
