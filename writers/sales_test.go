package writers_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"duly/internal/batch"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/writers"
)

// sold is a row of orders with its items.
type sold struct {
	status    string
	amount    int64
	currency  string
	created   time.Time
	completed *time.Time
	failed    *time.Time
	items     map[uint64]int64 // quantities by product
}

// returned is a row of payments.
type returned struct {
	status   string
	amount   int64
	refunded int64
	currency string
	at       *time.Time
}

// trade is what a shop did.
type trade struct {
	orders   []sold
	payments []returned
}

// near draws an instant at, just before or anywhere around the edges of a day.
func near(t *rapid.T, span payment.Window, name string) time.Time {
	edge := rapid.SampledFrom([]time.Time{span.From, span.To}).Draw(t, name)
	off := rapid.OneOf(rapid.SampledFrom([]int64{0, -1, 1}), rapid.Int64Range(-3*86400e6, 3*86400e6)).Draw(t, name+" off")
	return edge.Add(time.Duration(off) * time.Microsecond)
}

func maybe(t *rapid.T, span payment.Window, name string) *time.Time {
	if rapid.Bool().Draw(t, name+"?") {
		return nil
	}
	at := near(t, span, name)
	return &at
}

func trades(span payment.Window) *rapid.Generator[trade] {
	currency := rapid.SampledFrom([]string{"KRW", "KRW", "USD", "EUR"})
	amount := rapid.OneOf(rapid.Int64Range(0, 100_000), rapid.Int64Range(1<<61, 1<<61+100))
	return rapid.Custom(func(t *rapid.T) trade {
		var all trade
		for range rapid.IntRange(0, 8).Draw(t, "orders") {
			o := sold{
				status: rapid.SampledFrom([]string{"pending", "payment_in_progress", "completed", "failed", "cancelled", "delivered"}).Draw(t, "status"),
				amount: rapid.Int64Range(0, 100_000).Draw(t, "amount"), currency: currency.Draw(t, "currency"),
				created: near(t, span, "created"), completed: maybe(t, span, "completed"), failed: maybe(t, span, "failed"),
				items: rapid.MapOfN(rapid.Uint64Range(1, 5), rapid.Int64Range(0, 7), 0, 4).Draw(t, "items"),
			}
			all.orders = append(all.orders, o)
		}
		if len(all.orders) > 0 { // one that is so large that a product of it would not fit; two might not add up
			all.orders[0].amount = amount.Draw(t, "large")
		}
		for range rapid.IntRange(0, 5).Draw(t, "payments") {
			p := returned{
				status: rapid.SampledFrom([]string{"succeeded", "refunded", "refund_due"}).Draw(t, "payment"),
				amount: rapid.Int64Range(1, 1000).Draw(t, "paid"), currency: currency.Draw(t, "currency"), at: maybe(t, span, "refunded"),
			}
			p.refunded = rapid.Int64Range(0, p.amount).Draw(t, "refunded")
			all.payments = append(all.payments, p)
		}
		return all
	})
}

// figures computes what a report must say, the plain way.
func (all trade) figures(day payment.Date, span payment.Window) query.Daily {
	within := func(at *time.Time) bool { return at != nil && !at.Before(span.From) && at.Before(span.To) }
	orders := map[string]*query.DayOrders{}
	of := func(currency string) *query.DayOrders {
		if orders[currency] == nil {
			orders[currency] = &query.DayOrders{Date: day, Currency: currency}
		}
		return orders[currency]
	}
	sales := map[uint64]*query.DaySales{}
	for _, o := range all.orders {
		if within(o.failed) || o.failed == nil && o.status == "failed" && within(&o.created) {
			of(o.currency).OrdersFailed++
		}
		if !within(o.completed) && (o.completed != nil || o.status != "completed" || !within(&o.created)) {
			continue
		}
		of(o.currency).OrdersCompleted++
		of(o.currency).AmountCompleted += o.amount
		o.sell(day, sales)
	}
	for _, p := range all.payments {
		switch {
		case !within(p.at):
		case p.refunded == 0 && p.status == "refunded":
			of(p.currency).AmountRefunded += p.amount
		default:
			of(p.currency).AmountRefunded += p.refunded
		}
	}
	d := query.Daily{Orders: []query.DayOrders{}, Sales: []query.DaySales{}, Problems: []query.SalesProblem{}}
	for _, currency := range []string{"EUR", "KRW", "USD"} {
		if orders[currency] != nil {
			d.Orders = append(d.Orders, *orders[currency])
		}
	}
	for id := range uint64(6) {
		if s := sales[id]; s != nil {
			if s.Currency == "" {
				s.Amount = 0
			}
			d.Sales = append(d.Sales, *s)
		}
	}
	return d
}

// sell adds an order to the sales.
func (o sold) sell(day payment.Date, sales map[uint64]*query.DaySales) {
	var total int64
	for _, quantity := range o.items {
		total += quantity
	}
	rest, first := o.amount, true
	var lead *query.DaySales
	for id := range uint64(6) {
		quantity := o.items[id]
		if quantity == 0 {
			continue
		}
		s := sales[id]
		if s == nil {
			s = &query.DaySales{Date: day, ProductID: id, Name: fmt.Sprintf("product %d", id), Currency: o.currency}
			sales[id] = s
		}
		if s.Currency != o.currency {
			s.Currency = ""
		}
		share := o.amount/total*quantity + o.amount%total*quantity/total
		s.Quantity += quantity
		s.Amount += share
		rest -= share
		if first {
			lead, first = s, false
		}
	}
	if lead != nil {
		lead.Amount += rest
	}
}

// write puts a trade into the tables in place of what was there.
func (all trade) write(ctx context.Context, t require.TestingT, db *testdb.DB) {
	var b strings.Builder
	b.WriteString("DELETE FROM orders; DELETE FROM order_items; DELETE FROM payments; DELETE FROM products;")
	args := []any{}
	for i, o := range all.orders {
		b.WriteString("INSERT INTO orders (id, customer_id, status, amount, currency, created_at, completed_at, failed_at) VALUES (?, 'c', ?, ?, ?, ?, ?, ?);")
		args = append(args, i+1, o.status, o.amount, o.currency, o.created, o.completed, o.failed)
		for id, quantity := range o.items {
			b.WriteString("INSERT INTO order_items VALUES (?, ?, ?);")
			args = append(args, i+1, id, quantity)
		}
	}
	for _, p := range all.payments {
		b.WriteString("INSERT INTO payments (order_id, gateway, status, amount, currency, refunded_amount, refunded_at) VALUES (1, 'main', ?, ?, ?, ?, ?);")
		args = append(args, p.status, p.amount, p.currency, p.refunded, p.at)
	}
	for id := 1; id <= 5; id++ {
		b.WriteString("INSERT INTO products (id, name, stock) VALUES (?, ?, 0);")
		args = append(args, id, fmt.Sprintf("product %d", id))
	}
	conn, err := db.Connx(ctx)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	// One statement at a time when there are arguments, so the script is taken apart again.
	for _, statement := range strings.SplitAfter(b.String(), ";") {
		if statement == "" {
			continue
		}
		n := strings.Count(statement, "?")
		_, err := conn.ExecContext(ctx, strings.TrimSuffix(statement, ";"), args[:n]...)
		require.NoError(t, err)
		args = args[n:]
	}
}

func location(t require.TestingT, name string) *time.Location {
	z, err := time.LoadLocation(name)
	require.NoError(t, err)
	return z
}

// Whatever a shop did, the report of any day in any zone says what a plain computation says, however often it
// is made and whatever it said before.
func TestReportAgainstAPlainComputation(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	db := worktest.Open(t, plain.DSN)
	days := map[string][]string{
		"Asia/Seoul":       {"2026-01-31", "2026-03-08"},
		"America/New_York": {"2026-03-08", "2026-11-01", "2026-05-05"},
		"Europe/Berlin":    {"2026-03-29", "2026-10-25"},
	}
	result := worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		rapid.Check(t, func(rt *rapid.T) {
			name := rapid.SampledFrom([]string{"Asia/Seoul", "America/New_York", "Europe/Berlin"}).Draw(rt, "zone")
			day, err := payment.ParseDate(rapid.SampledFrom(days[name]).Draw(rt, "day"))
			require.NoError(rt, err)
			writer := &writers.Sales{DB: db, Zone: location(rt, name)}
			span := day.In(writer.Zone)
			all := trades(span).Draw(rt, "trade")
			all.write(ctx, rt, plain)
			want := all.figures(day, span)
			for range rapid.IntRange(1, 2).Draw(rt, "times") {
				require.NoError(rt, writer.Write(ctx, day))
				got, err := query.DailyReport(ctx, db, day, day)
				require.NoError(rt, err)
				require.Equal(rt, want, got)
			}
		})
		return nil
	})
	require.NoError(t, result.Err)
}

// report writes the figures of some days in UTC.
func report(t *testing.T, db *mysql.DB, days ...string) error {
	t.Helper()
	return worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		for _, day := range days {
			if err := (&writers.Sales{DB: db, Zone: time.UTC}).Write(ctx, worktest.Day(t, day)); err != nil {
				return err
			}
		}
		return nil
	}).Err
}

const yesterday = "2026-01-30"

// sell adds n completed orders of a day, each of 100 and three pieces of product 1.
func sell(t *testing.T, plain *testdb.DB, day string, n int) {
	t.Helper()
	for range n {
		worktest.Exec(t, plain, `INSERT INTO orders (customer_id, status, amount, currency, completed_at) VALUES ('c', 'completed', 100, 'KRW', ?)`, day+" 12:00:00")
		worktest.Exec(t, plain, `INSERT INTO order_items (order_id, product_id, quantity) VALUES (LAST_INSERT_ID(), 1, 3)`)
	}
}

func TestReportsAtOnceOnDaysWithoutFigures(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	sell(t, plain, yesterday, 7)
	db := worktest.Open(t, plain.DSN)
	for range 5 {
		worktest.Exec(t, plain, `DELETE FROM daily_order_stats`)
		worktest.Exec(t, plain, `DELETE FROM daily_product_sales`)
		var both errgroup.Group
		for range 4 {
			both.Go(func() error { return report(t, db, "2026-01-29", yesterday, "2026-01-31") })
		}
		require.NoError(t, both.Wait())
		require.Equal(t, []string{"2026-01-30 KRW 7 700"}, worktest.List[string](t, plain,
			`SELECT CONCAT_WS(' ', business_date, currency, orders_completed, amount_completed) FROM daily_order_stats`))
		require.Equal(t, []string{"2026-01-30 1 21 700 KRW"}, worktest.List[string](t, plain,
			`SELECT CONCAT_WS(' ', business_date, product_id, quantity, amount, currency) FROM daily_product_sales`))
	}
}

// Rows that the shop is changing hold no report up, and a reader meanwhile sees the old figures, whole.
func TestReportWaitsForNobody(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	sell(t, plain, yesterday, 2)
	worktest.Exec(t, plain, `INSERT INTO payments (order_id, gateway, status, amount, currency, refunded_amount, refunded_at)
VALUES (1, 'main', 'refunded', 100, 'KRW', 100, '2026-01-30 13:00:00')`)
	db := worktest.Open(t, plain.DSN)
	shop, err := plain.BeginTxx(t.Context(), nil)
	require.NoError(t, err)
	for _, held := range []string{
		`UPDATE orders SET amount = 1000000`, `UPDATE order_items SET quantity = 1000`, `UPDATE payments SET refunded_amount = 7`,
		`INSERT INTO orders (customer_id, status, amount, currency, completed_at) VALUES ('c', 'completed', 100, 'KRW', '2026-01-30 14:00:00')`,
	} {
		_, err := shop.ExecContext(t.Context(), held)
		require.NoError(t, err)
	}
	require.NoError(t, report(t, db, yesterday))
	require.NoError(t, shop.Rollback())
	got, err := query.DailyReport(t.Context(), db, worktest.Day(t, yesterday), worktest.Day(t, yesterday))
	require.NoError(t, err)
	require.Equal(t, []query.DayOrders{{
		Date: worktest.Day(t, yesterday), Currency: "KRW", OrdersCompleted: 2, AmountCompleted: 200, AmountRefunded: 100,
	}}, got.Orders)
}

// What has no amount or no currency, as a view may have it, is in no figure and is named instead.
func TestReportLeavesOutWhatHasNoAmount(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	sell(t, plain, yesterday, 9)
	worktest.Exec(t, plain, `INSERT INTO orders (id, customer_id, status, amount, currency, created_at) VALUES (20, 'c', 'completed', 100, 'KRW', '2026-01-30 12:00:00')`)
	worktest.Exec(t, plain, `INSERT INTO orders (id, customer_id, status, amount, currency, failed_at) VALUES (21, 'c', 'failed', 100, 'KRW', '2026-01-30 12:00:00'), (22, 'c', 'failed', 100, 'KRW', '2026-01-30 12:00:00')`)
	worktest.Exec(t, plain, `INSERT INTO payments (id, order_id, gateway, status, amount, currency, refunded_amount, refunded_at)
VALUES (1, 1, 'main', 'refunded', 100, 'KRW', 40, '2026-01-30 13:00:00'), (2, 2, 'main', 'refunded', 100, 'KRW', 0, '2026-01-30 13:00:00')`)
	worktest.Exec(t, plain, `RENAME TABLE orders TO real_orders, payments TO real_payments`)
	worktest.Exec(t, plain, `CREATE VIEW orders AS SELECT id, customer_id, status, IF(id BETWEEN 2 AND 8, NULL, amount) AS amount, IF(id IN (8, 20, 21), NULL, currency) AS currency,
created_at, updated_at, completed_at, failed_at, failure_reason FROM real_orders`)
	worktest.Exec(t, plain, `CREATE VIEW payments AS SELECT id, order_id, gateway, status, IF(id = 2, NULL, amount) AS amount, currency, refunded_amount, refunded_at FROM real_payments`)
	db := worktest.Open(t, plain.DSN)
	require.NoError(t, report(t, db, yesterday))
	require.Equal(t, []string{"KRW 2 200 1 40"}, worktest.List[string](t, plain,
		`SELECT CONCAT_WS(' ', currency, orders_completed, amount_completed, orders_failed, amount_refunded) FROM daily_order_stats`))
	require.Equal(t, []string{"1 6 200 KRW"}, worktest.List[string](t, plain, `SELECT CONCAT_WS(' ', product_id, quantity, amount, currency) FROM daily_product_sales`))
	got, err := query.SalesProblems(t.Context(), db, worktest.Day(t, yesterday).In(time.UTC))
	require.NoError(t, err)
	require.Equal(t, []query.SalesProblem{
		{What: "completed order", Why: "without a currency", Count: 1, IDs: []uint64{20}},
		{What: "completed order", Why: "without an amount", Count: 6, IDs: []uint64{2, 3, 4, 5, 6}},
		{What: "completed order", Why: "without an amount and a currency", Count: 1, IDs: []uint64{8}},
		{What: "failed order", Why: "without a currency", Count: 1, IDs: []uint64{21}},
		{What: "refund of payment", Why: "without an amount", Count: 1, IDs: []uint64{2}},
	}, got)
	require.Equal(t, "6 × completed order without an amount, in no sum: 2, 3, 4, 5, 6 and 1 more", got[1].String())
}

// A report whose run lost its lease writes nothing.
func TestReportNeedsItsLease(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	sell(t, plain, yesterday, 1)
	db := worktest.Open(t, plain.DSN)
	result := worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		worktest.Exec(t, plain, `UPDATE job_runs SET status = 'abandoned'`)
		return (&writers.Sales{DB: db, Zone: time.UTC}).Write(ctx, worktest.Day(t, yesterday))
	})
	require.ErrorIs(t, result.Err, batch.ErrLeaseLost)
	require.Zero(t, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM daily_order_stats`))
}

// A commit whose answer was lost is made again, to the same end.
func TestReportAfterALostAnswer(t *testing.T) {
	t.Parallel()
	plain := testdb.New(t)
	sell(t, plain, yesterday, 3)
	proxy := testdb.NewProxy(t, plain.DSN)
	db := worktest.Open(t, proxy.DSN)
	day := worktest.Day(t, yesterday)
	result := worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		writer := &writers.Sales{DB: db, Zone: time.UTC}
		proxy.LoseCommitAnswer()
		require.ErrorIs(t, writer.Write(ctx, day), mysql.ErrCommitUnknown)
		return writer.Write(ctx, day)
	})
	require.NoError(t, result.Err)
	require.Equal(t, []int{3}, worktest.List[int](t, plain, `SELECT orders_completed FROM daily_order_stats`))
}
