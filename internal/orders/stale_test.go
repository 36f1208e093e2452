package orders_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/orders"
)

// The newest of all that anybody wrote counts: a customer who begins to pay late is left alone.
func TestStale(t *testing.T) {
	old, young := noon().Add(-10*time.Minute), noon().Add(-10*time.Minute+time.Microsecond)
	p := policy()
	fresh := func() (orders.Order, orders.Payment) {
		o, pay := order("pending"), row(1, "pending")
		o.CreatedAt, o.UpdatedAt, pay.CreatedAt, pay.UpdatedAt = old, old, old, old
		return o, pay
	}
	o, pay := fresh()
	require.True(t, orders.Stale(o, nil, p, noon()))
	require.True(t, orders.Stale(o, []orders.Payment{pay, pay}, p, noon()))
	for name, touch := range map[string]func(o *orders.Order, p *orders.Payment){
		"order created":   func(o *orders.Order, _ *orders.Payment) { o.CreatedAt = young },
		"order updated":   func(o *orders.Order, _ *orders.Payment) { o.UpdatedAt = young },
		"payment created": func(_ *orders.Order, p *orders.Payment) { p.CreatedAt = young },
		"payment updated": func(_ *orders.Order, p *orders.Payment) { p.UpdatedAt = young },
	} {
		o, changed := fresh()
		touch(&o, &changed)
		_, unchanged := fresh()
		require.False(t, orders.Stale(o, []orders.Payment{unchanged, changed}, p, noon()), name)
		require.False(t, orders.Stale(o, []orders.Payment{changed, unchanged}, p, noon()), name)
	}
}

func TestSame(t *testing.T) {
	seoul := time.FixedZone("KST", 9*3600)
	claimed := orders.Claimed{Order: order("pending"), Payments: []orders.Payment{row(1, "pending"), row(2, "failed")}}
	read := func() (orders.Order, []orders.Payment) {
		o := order("pending")
		o.CreatedAt = o.CreatedAt.In(seoul)
		p := []orders.Payment{row(1, "pending"), row(2, "failed")}
		p[0].UpdatedAt = p[0].UpdatedAt.In(seoul)
		return o, p
	}
	o, p := read()
	require.True(t, orders.Same(claimed, o, p))
	for name, change := range map[string]func(o *orders.Order, p *[]orders.Payment){
		"order":                     func(o *orders.Order, _ *[]orders.Payment) { o.ID++ },
		"customer":                  func(o *orders.Order, _ *[]orders.Payment) { o.CustomerID = "x" },
		"status":                    func(o *orders.Order, _ *[]orders.Payment) { o.Status = "payment_in_progress" },
		"money":                     func(o *orders.Order, _ *[]orders.Payment) { o.Money.Amount++ },
		"item":                      func(o *orders.Order, _ *[]orders.Payment) { o.Items[0].Quantity++ },
		"item added":                func(o *orders.Order, _ *[]orders.Payment) { o.Items = append(o.Items, orders.Item{ProductID: 4}) },
		"order created":             func(o *orders.Order, _ *[]orders.Payment) { o.CreatedAt = o.CreatedAt.Add(1) },
		"order updated":             func(o *orders.Order, _ *[]orders.Payment) { o.UpdatedAt = o.UpdatedAt.Add(1) },
		"payment added":             func(_ *orders.Order, p *[]orders.Payment) { *p = append(*p, row(3, "pending")) },
		"payment gone":              func(_ *orders.Order, p *[]orders.Payment) { *p = (*p)[:1] },
		"payment's status":          func(_ *orders.Order, p *[]orders.Payment) { (*p)[1].Status = "succeeded" },
		"payment's transaction key": func(_ *orders.Order, p *[]orders.Payment) { (*p)[0].TransactionKey = "x" },
		"payment's key":             func(_ *orders.Order, p *[]orders.Payment) { (*p)[0].Key = "x" },
		"payment's money":           func(_ *orders.Order, p *[]orders.Payment) { (*p)[0].Money.Amount++ },
		"payment's failure":         func(_ *orders.Order, p *[]orders.Payment) { (*p)[1].FailureCode = "x" },
		"payment's refund":          func(_ *orders.Order, p *[]orders.Payment) { (*p)[0].Refunded = 1 },
		"payment updated":           func(_ *orders.Order, p *[]orders.Payment) { (*p)[0].UpdatedAt = noon() },
		"payment created":           func(_ *orders.Order, p *[]orders.Payment) { (*p)[0].CreatedAt = noon() },
	} {
		o, p := read()
		change(&o, &p)
		require.False(t, orders.Same(claimed, o, p), name)
	}
}
