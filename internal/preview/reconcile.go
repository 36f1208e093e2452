package preview

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"duly/internal/orders"
	"duly/internal/query"
	"duly/internal/sum"
	"duly/jobs"
	"duly/readers"
)

// ReconcileForecast is what a reconcile run would look at, as far as the tables tell: what becomes of an order is
// known once its gateway was asked.
type ReconcileForecast struct {
	// Orders are sums of the orders that would be checked.
	Orders []OrderSum `json:"orders"`
	// FirstOrders are the first of them, in the order of the walk.
	FirstOrders []OrderDue `json:"first_orders"`
	// Refunds are sums of what would be refunded.
	Refunds []RefundSum `json:"refunds"`
	// FirstRefunds are the first of them, in the order of the walk.
	FirstRefunds []RefundDue `json:"first_refunds"`
	// Requested are sums of rows of refunds that would be executed, without those of Refunds.
	Requested []RefundSum `json:"requested_refunds"`
	// FirstRequested are the first of them, in the order of the walk.
	FirstRequested []RequestedDue `json:"first_requested_refunds"`
	// Limited: the limit of the run would be reached.
	Limited bool `json:"limited"`

	InFlight    int64      `json:"in_flight"` // orders that another run is checking
	InDoubt     int64      `json:"in_doubt"`  // orders that are checked again later, the first of them then:
	NextCheckAt *time.Time `json:"next_check_at,omitempty"`
	Later       int64      `json:"later"` // payments that are to be refunded, tried again later, the first of them then:
	NextTryAt   *time.Time `json:"next_try_at,omitempty"`
	Behind      int64      `json:"behind"`     // rows of refunds that wait for another one of their payment, which is in review
	LeftAlone   int64      `json:"left_alone"` // orders and payments of gateways that are paused, or not configured here

	// Problems are why rows would be left, or cannot end well, with their first ids; MoreProblems counts the rows of others.
	Problems     []Problem `json:"problems"`
	MoreProblems int64     `json:"more_problems,omitempty"`
}

// OrderSum counts orders of a status by the gateway that would be asked about them.
type OrderSum struct {
	Status   string `json:"status"`
	Gateway  string `json:"gateway"` // empty: there is no payment to ask about
	Currency string `json:"currency"`
	Count    int64  `json:"count"`
	Amount   int64  `json:"amount"` // minor units
}

// OrderDue is one order that would be checked.
type OrderDue struct {
	Order     uint64    `json:"order_id"`
	Status    string    `json:"status"`
	Gateway   string    `json:"gateway"`
	Amount    int64     `json:"amount"` // minor units
	Currency  string    `json:"currency"`
	CreatedAt time.Time `json:"created_at"`
}

// RefundSum counts payments that would be refunded.
type RefundSum struct {
	Gateway  string `json:"gateway"`
	Currency string `json:"currency"`
	Count    int64  `json:"count"`
	Amount   int64  `json:"amount"` // minor units
}

// RefundDue is one payment that would be refunded.
type RefundDue struct {
	Payment  uint64 `json:"payment_id"`
	Order    uint64 `json:"order_id"`
	Gateway  string `json:"gateway"`
	Amount   int64  `json:"amount"` // minor units
	Currency string `json:"currency"`
}

// RequestedDue is one row of refunds that would be executed.
type RequestedDue struct {
	Refund   uint64 `json:"refund_id"`
	Invoice  uint64 `json:"invoice_id,omitempty"`
	Payment  uint64 `json:"payment_id,omitempty"`
	Gateway  string `json:"gateway"`
	Amount   int64  `json:"amount"` // minor units
	Currency string `json:"currency"`
}

// Reconcile says what [jobs.Reconcile] with the same arguments would look at, without writing anything, taking a
// lock or calling a gateway. At most first orders and first refunds are listed, limit bounds them all (0: no bound).
func Reconcile(ctx context.Context, d jobs.Deps, o jobs.ReconcileOptions, first, limit int) (ReconcileForecast, error) {
	f := &reconcileWalk{
		Deps: d, o: o, first: first, limit: limit, now: d.Business().UTC(), worked: map[uint64]bool{},
		ReconcileForecast: ReconcileForecast{
			Orders: []OrderSum{}, FirstOrders: []OrderDue{}, Refunds: []RefundSum{}, FirstRefunds: []RefundDue{},
			Requested: []RefundSum{}, FirstRequested: []RequestedDue{},
		},
		orders: map[OrderSum]OrderSum{}, refunds: map[RefundSum]RefundSum{}, requested: map[RefundSum]RefundSum{}, taken: map[[2]uint64]int64{},
	}
	peek := query.Preview{DB: d.DB, Selection: o.Selection, Size: max(o.ChunkSize, 1)}
	if jobs.Selected(o.Steps, jobs.StepReconcile) {
		if err := f.check(ctx, peek); err != nil {
			return f.ReconcileForecast, err
		}
	}
	if jobs.Selected(o.Steps, jobs.StepRefund) {
		f.items = len(f.worked)
		clear(f.worked) // an order counts in each step that works on it
		if err := errors.Join(peek.Refunds(ctx, f.giveBack), peek.OpenRefunds(ctx, f.execute)); err != nil {
			return f.ReconcileForecast, err
		}
	}
	f.sum()
	f.Problems, f.MoreProblems = f.problems.named(), f.problems.more
	return f.ReconcileForecast, nil
}

type reconcileWalk struct {
	jobs.Deps
	ReconcileForecast

	o            jobs.ReconcileOptions
	first, limit int
	now          time.Time
	problems     problems
	items        int             // orders of the steps before
	worked       map[uint64]bool // orders of this step
	orders       map[OrderSum]OrderSum
	refunds      map[RefundSum]RefundSum
	requested    map[RefundSum]RefundSum
	taken        map[[2]uint64]int64 // minor units that rows of refunds take, by invoice and payment
}

// check counts what the first step would look at.
func (f *reconcileWalk) check(ctx context.Context, peek query.Preview) error {
	if err := peek.Orders(ctx, f.o.Policy, f.now, f.order); err != nil {
		return err
	}
	later, err := peek.Later(ctx, f.now)
	if err != nil {
		return err
	}
	if f.InDoubt = later.InDoubt; later.InDoubt > 0 {
		f.NextCheckAt = &later.Next
	}
	return nil
}

// take counts an order against the limit; false: it is reached.
func (f *reconcileWalk) take(order uint64) bool {
	if f.limit > 0 && !f.worked[order] && f.items+len(f.worked) >= f.limit {
		f.Limited = true
		return false
	}
	f.worked[order] = true
	return true
}

func (f *reconcileWalk) order(c orders.Claimed, held bool) bool {
	gateway := readers.OrderLane(c)
	switch {
	case held:
		f.InFlight++
		return true
	case f.elsewhere(c):
		f.LeftAlone++
		return true
	case closed(f.Deps, gateway):
		f.LeftAlone++
		return true
	case !f.take(c.ID):
		return false
	}
	if why := strangeCurrency(c.Money.Currency); why != "" && c.Status != "" {
		f.problems.add("order", ProblemChecked, why, c.ID)
	}
	key := OrderSum{Status: string(c.Status), Gateway: gateway, Currency: c.Money.Currency}
	total := f.orders[key]
	total.Count++
	total.Amount = sum.Add(total.Amount, c.Money.Amount)
	f.orders[key] = total
	if len(f.FirstOrders) < f.first {
		f.FirstOrders = append(f.FirstOrders, OrderDue{c.ID, key.Status, gateway, c.Money.Amount, c.Money.Currency, c.CreatedAt})
	}
	return true
}

// elsewhere names an order that waits for a gateway which is not configured on this host.
func (f *reconcileWalk) elsewhere(c orders.Claimed) bool {
	for _, p := range c.Payments {
		if p.Gateway != "" && orders.MustAsk(c.Order, p) && !f.Known(p.Gateway) {
			f.problems.add("order", ProblemLeft, unconfigured(p.Gateway), c.ID)
			return true
		}
	}
	return false
}

func (f *reconcileWalk) giveBack(r query.DueRefund) bool {
	switch {
	case r.Next != nil && r.Next.After(f.now):
		f.Later++
		if f.NextTryAt == nil || r.Next.Before(*f.NextTryAt) {
			f.NextTryAt = r.Next
		}
		return true
	case r.Gateway != "" && !f.Known(r.Gateway):
		f.LeftAlone++
		f.problems.add("payment", ProblemLeft, unconfigured(r.Gateway), r.ID)
		return true
	case closed(f.Deps, r.Gateway):
		f.LeftAlone++
		return true
	case !f.take(r.OrderID):
		return false
	}
	if why := strangeCurrency(r.Currency); why != "" {
		f.problems.add("payment", ProblemChecked, why, r.ID)
	}
	f.taken[[2]uint64{0, r.ID}] += r.Amount // nothing of it is left for the rows of refunds
	key := RefundSum{Gateway: r.Gateway, Currency: r.Currency}
	total := f.refunds[key]
	total.Count++
	total.Amount = sum.Add(total.Amount, r.Amount)
	f.refunds[key] = total
	if len(f.FirstRefunds) < f.first {
		f.FirstRefunds = append(f.FirstRefunds, RefundDue{r.ID, r.OrderID, r.Gateway, r.Amount, r.Currency})
	}
	return true
}

// execute counts a row of refunds that is to be executed.
func (f *reconcileWalk) execute(r query.OpenRefund) bool {
	of := [2]uint64{r.InvoiceID, r.PaymentID}
	left := r.Left - f.taken[of]
	switch {
	case r.Behind:
		f.Behind++
		return true
	case r.Next != nil && r.Next.After(f.now):
		f.Later++
		if f.NextTryAt == nil || r.Next.Before(*f.NextTryAt) {
			f.NextTryAt = r.Next
		}
		return true
	case r.Gateway != "" && !f.Known(r.Gateway):
		f.LeftAlone++
		f.problems.add("refund", ProblemLeft, unconfigured(r.Gateway), r.ID)
		return true
	case closed(f.Deps, r.Gateway):
		f.LeftAlone++
		return true
	case !f.take(1<<63 | r.ID): // no order's id
		return false
	case left <= 0 || r.Amount > left: // it is refused
		return true
	}
	amount := r.Amount
	if amount == 0 {
		amount = left
	}
	f.taken[of] += amount
	key := RefundSum{Gateway: r.Gateway, Currency: r.Currency}
	total := f.requested[key]
	total.Count++
	total.Amount = sum.Add(total.Amount, amount)
	f.requested[key] = total
	if len(f.FirstRequested) < f.first {
		f.FirstRequested = append(f.FirstRequested, RequestedDue{r.ID, r.InvoiceID, r.PaymentID, r.Gateway, amount, r.Currency})
	}
	return true
}

// sum lists the sums, in order.
func (f *reconcileWalk) sum() {
	for key, sum := range f.orders {
		key.Count, key.Amount = sum.Count, sum.Amount
		f.Orders = append(f.Orders, key)
	}
	slices.SortFunc(f.Orders, func(a, b OrderSum) int {
		return cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(a.Gateway, b.Gateway), cmp.Compare(a.Currency, b.Currency))
	})
	f.Refunds, f.Requested = sorted(f.Refunds, f.refunds), sorted(f.Requested, f.requested)
}

// sorted appends sums to list, in order.
func sorted(list []RefundSum, sums map[RefundSum]RefundSum) []RefundSum {
	for key, sum := range sums {
		key.Count, key.Amount = sum.Count, sum.Amount
		list = append(list, key)
	}
	slices.SortFunc(list, func(a, b RefundSum) int {
		return cmp.Or(cmp.Compare(a.Gateway, b.Gateway), cmp.Compare(a.Currency, b.Currency))
	})
	return list
}
