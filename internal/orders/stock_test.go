package orders_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/orders"
)

func TestAllot(t *testing.T) {
	items := func(list ...orders.Item) []orders.Item { return list }
	for name, c := range map[string]struct {
		items []orders.Item
		want  bool
		left  orders.Stock
	}{
		"enough":            {items(orders.Item{ProductID: 1, Quantity: 3}), true, orders.Stock{1: 2, 2: 1}},
		"all of it":         {items(orders.Item{ProductID: 1, Quantity: 5}, orders.Item{ProductID: 2, Quantity: 1}), true, orders.Stock{1: 0, 2: 0}},
		"too little":        {items(orders.Item{ProductID: 1, Quantity: 6}), false, orders.Stock{1: 5, 2: 1}},
		"too little of one": {items(orders.Item{ProductID: 1, Quantity: 3}, orders.Item{ProductID: 2, Quantity: 2}), false, orders.Stock{1: 5, 2: 1}},
		"a product is gone": {items(orders.Item{ProductID: 1, Quantity: 3}, orders.Item{ProductID: 9, Quantity: 0}), false, orders.Stock{1: 5, 2: 1}},
		"twice too much":    {items(orders.Item{ProductID: 1, Quantity: 3}, orders.Item{ProductID: 1, Quantity: 3}), false, orders.Stock{1: 5, 2: 1}},
		"negative":          {items(orders.Item{ProductID: 1, Quantity: -1}), false, orders.Stock{1: 5, 2: 1}},
		"nothing":           {nil, true, orders.Stock{1: 5, 2: 1}},
	} {
		s := orders.Stock{1: 5, 2: 1}
		require.Equal(t, c.want, s.Allot(c.items), name)
		require.Equal(t, c.left, s, name)
	}
}

// Whatever is asked for: no stock falls below zero, every order gets all or nothing, what left the stock is what the
// orders got, and an order gets its items unless those before it left too little.
func TestAllotProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stock := orders.Stock{}
		for id := uint64(1); id <= 4; id++ {
			if draw(t, "is there", true, true, true, false) {
				stock[id] = rapid.Int64Range(0, 12).Draw(t, "stock")
			}
		}
		var queue []orders.Order
		for i := range rapid.IntRange(0, 12).Draw(t, "orders") {
			o := orders.Order{ID: uint64(i + 1), CreatedAt: noon().Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "age")) * time.Second)}
			for id := uint64(1); id <= 4; id++ {
				if rapid.Bool().Draw(t, "wants") {
					o.Items = append(o.Items, orders.Item{ProductID: id, Quantity: rapid.Int64Range(-1, 5).Draw(t, "quantity")})
				}
			}
			queue = append(queue, o)
		}
		slices.SortFunc(queue, orders.Older)
		left := maps.Clone(stock)
		for i, o := range queue {
			if i > 0 {
				before := queue[i-1]
				require.True(t, before.CreatedAt.Before(o.CreatedAt) || before.CreatedAt.Equal(o.CreatedAt) && before.ID < o.ID)
			}
			fits := true
			for _, item := range o.Items {
				n, here := left[item.ProductID]
				fits = fits && here && item.Quantity >= 0 && item.Quantity <= n
			}
			require.Equal(t, fits, stock.Allot(o.Items))
			if fits {
				for _, item := range o.Items {
					left[item.ProductID] -= item.Quantity
				}
			}
			require.Equal(t, left, stock)
			for _, n := range stock {
				require.GreaterOrEqual(t, n, int64(0))
			}
		}
	})
}

func TestStockLow(t *testing.T) {
	five, zero := int64(5), int64(0)
	for name, c := range map[string]struct {
		stock, left int64
		threshold   *int64
		want        bool
	}{
		"to the threshold":     {6, 5, &five, true},
		"below it":             {9, 0, &five, true},
		"above it":             {9, 6, &five, false},
		"was low before":       {5, 4, &five, false},
		"nobody wants to know": {9, 0, nil, false},
		"sold out":             {1, 0, &zero, true},
	} {
		e, ok := orders.StockLow(orders.Product{ID: 3, Name: "Mug", Stock: c.stock, Threshold: c.threshold}, c.left, 7)
		require.Equal(t, c.want, ok, name)
		require.Equal(t, c.want, e.Type == "stock.low", name)
	}
	// An order takes its stock once: one fall, one event. After a restock another order brings it down.
	p := orders.Product{ID: 3, Name: "Mug", Stock: 9, Threshold: &five}
	a, _ := orders.StockLow(p, 4, 7)
	b, _ := orders.StockLow(p, 4, 7)
	c, _ := orders.StockLow(p, 4, 8)
	require.Equal(t, a.Dedupe, b.Dedupe)
	require.NotEqual(t, a.Dedupe, c.Dedupe)
}
