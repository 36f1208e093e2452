package e2e_test

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/crash"
	"duly/internal/gateway/simulator"
	"duly/internal/test/e2e"
	"duly/internal/test/worktest"
)

// change is what the shop does to a subscription with one UPDATE.
type change struct {
	name string
	set  string
}

// changes has one for each column that a shop writes.
func changes() []change {
	return []change{
		{"cancel", "status = 'cancelled', cancelled_at = UTC_TIMESTAMP(6)"},
		{"pause", "status = 'paused'"},
		{"card", "payment_method = CONCAT('pm_ok:new-', id)"},
		{"second identifier", "gateway_customer = CONCAT('new-', id)"},
		{"gateway", "gateway = 'other'"},
		{"price", "amount = amount + 500"},
		{"currency", "currency = 'JPY'"},
		{"type", "method_type = 'kakaopay'"},
		{"name", "description = 'other words'"},
		{"customer", "customer_id = CONCAT('new-', id)"},
		{"interval", "interval_unit = 'week', interval_count = 2"},
		{"date", "next_billing_date = next_billing_date - INTERVAL 1 MONTH"},
	}
}

// changed is one subscription, what the shop did to it, and when.
type changed struct {
	change

	id uint64
	// What was committed when the shop's change was; unknown for changes that had to wait for a lock.
	known, invoiced, attempted bool
	// kept: the attempt was settled by the worker that had made it.
	kept bool
}

// beforehand are the subscriptions that every change is tried with: by status, and by what the gateway does with the
// charge.
func beforehand() []e2e.Subscription {
	return []e2e.Subscription{
		{Method: "pm_ok"},
		{Method: "pm_ok", Status: "past_due"},
		{Method: "pm_soft"},
		{Method: "pm_drop_after"},
		{Method: "pm_drop_before_2"}, // as often as it is tried: it stays in doubt
	}
}

// TestShopChanges stops a worker at every point of the protocol, lets the shop change every column, and goes on; or
// kills the worker there, and runs again: at every other point the one, and both by `make points`.
func TestShopChanges(t *testing.T) {
	t.Parallel()
	lent := lend(t)
	for i, point := range crash.Points() {
		how := way(point)
		changeAt(t, lent, point, how, i)
		if _, ok := point.Transaction(); !ok {
			how.nth = nearlyAllSent
			changeAt(t, lent, point, how, i+1)
		}
	}
}

// nearlyAllSent is how often a point of charging is met until most of the subscriptions have been sent.
const nearlyAllSent = 60

func changeAt(t *testing.T, lent *databases, point crash.Point, how meets, i int) {
	t.Helper()
	for _, kill := range []bool{false, true} {
		if !tried(i, kill, false) {
			continue
		}
		t.Run(fmt.Sprintf("%s/%d/%s", point, how.nth, map[bool]string{false: "goes on", true: "is killed"}[kill]), func(t *testing.T) {
			t.Parallel()
			changeAndGoOn(t, lent, point, how, kill)
		})
	}
}

func changeAndGoOn(t *testing.T, lent *databases, point crash.Point, how meets, kill bool) {
	t.Helper()
	w := lent.world(t, simulator.Config{})
	other, _, url := serve(t, simulator.Config{})
	w.env = append(w.env, gatewayEnv("OTHER", url)...)
	w.set("DULY_BILLING_CHUNK_SIZE", 100)
	// What the old card owes is what this test is about: a new card would be charged by the run that goes on.
	w.set("DULY_BILLING_RETRY_ON_NEW_METHOD", false)
	var rows []changed
	var list []e2e.Subscription
	for _, c := range changes() {
		for _, s := range beforehand() {
			rows = append(rows, changed{change: c, id: uint64(len(rows) + 1)})
			s.Due = w.date
			s.Method = fmt.Sprintf("%s:%d", cmp.Or(s.Method, "pm_ok"), len(rows)) // one card of many would be tried as often as its network allows
			list = append(list, s)
		}
	}
	e2e.Enrol(t, w.db, list)

	how.prepare(w)
	p := w.bill(where{point: point, nth: how.nth, steps: how.steps, stop: true})
	p.awaitStop()
	for i := range rows {
		w.change(&rows[i])
	}
	if kill {
		p.signal(syscall.SIGKILL)
		<-p.ended
	} else {
		p.signal(syscall.SIGCONT)
	}
	for i := range rows {
		if !rows[i].known {
			w.changeNow(rows[i])
		}
	}
	if !kill {
		require.Contains(t, []int{batch.ExitDone, batch.ExitUnfinished}, p.exit(), "%s", p.printed())
	}
	answered := w.answered()
	w.died(p)
	w.bill(where{}).exit()
	require.Empty(t, w.sim.BodyViolations())
	require.Empty(t, other.BodyViolations())

	// What could neither be found nor be sent again is released after a day; then other bytes are right.
	w.pass(aDay)
	other.Advance(aDay)
	worktest.Taken(t, w.db, other, "other", time.Now().Add(-100*24*time.Hour), time.Now())
	w.finish(1)
	problems, err := e2e.Problems(t.Context(), w.db.DB, w.date, w.sim, other)
	require.NoError(t, err)
	for _, problem := range problems {
		require.True(t, strings.HasPrefix(problem, "different bytes"), problem)
	}
	charges := map[uint64]charge{}
	for _, g := range []*simulator.Simulator{w.sim, other} {
		for e := range g.Entries() {
			if strings.HasPrefix(e.Reference, "ord_") { // others'
				continue
			}
			var id uint64
			_, err := fmt.Sscanf(e.Reference, "sub_%d_", &id)
			require.NoError(t, err)
			charges[id] = charge{Entry: e, made: true, elsewhere: g == other}
		}
	}
	for _, row := range rows {
		row.kept = row.attempted && answered[row.id] && !kill && how.before == nil
		row.check(t, w, charges[row.id])
	}
}

// charge is what the gateways have of a subscription.
type charge struct {
	simulator.Entry

	made      bool
	elsewhere bool // at the other gateway
}

// answered lists the subscriptions of which an attempt has been answered. Others may have been released, and are
// charged as the subscription says at their next claim.
func (w *world) answered() map[uint64]bool {
	w.t.Helper()
	var ids []uint64
	require.NoError(w.t, w.db.SelectContext(w.t.Context(), &ids,
		`SELECT subscription_id FROM payment_attempts WHERE status IN ('succeeded', 'declined')`))
	out := map[uint64]bool{}
	for _, id := range ids {
		out[id] = true
	}
	return out
}

// change makes the change if no lock is in its way.
func (w *world) change(row *changed) {
	w.t.Helper()
	tx, err := w.db.BeginTxx(w.t.Context(), nil)
	require.NoError(w.t, err)
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	var id uint64
	err = tx.GetContext(w.t.Context(), &id, `SELECT id FROM subscriptions WHERE id = ? FOR UPDATE SKIP LOCKED`, row.id)
	if errors.Is(err, sql.ErrNoRows) {
		return
	}
	require.NoError(w.t, err)
	require.NoError(w.t, tx.QueryRowxContext(w.t.Context(), `SELECT EXISTS (SELECT 1 FROM invoices WHERE subscription_id = ?),
EXISTS (SELECT 1 FROM payment_attempts WHERE subscription_id = ?)`, row.id, row.id).Scan(&row.invoiced, &row.attempted))
	_, err = tx.ExecContext(w.t.Context(), `UPDATE subscriptions SET `+row.set+` WHERE id = ?`, row.id)
	require.NoError(w.t, err)
	require.NoError(w.t, tx.Commit())
	row.known = true
}

// changeNow makes the change, and waits for locks.
func (w *world) changeNow(row changed) {
	w.t.Helper()
	_, err := w.db.ExecContext(context.WithoutCancel(w.t.Context()), `UPDATE subscriptions SET `+row.set+` WHERE id = ?`, row.id)
	require.NoError(w.t, err)
}

// check says what must follow from the change and the moment at which it was made.
func (row changed) check(t *testing.T, w *world, charge charge) {
	t.Helper()
	about := fmt.Sprintf("subscription %d: %+v, charge %+v", row.id, row, charge)
	var now struct {
		Status string
		Reason sql.NullString `db:"cancel_reason"`
	}
	require.NoError(t, w.db.GetContext(t.Context(), &now, `SELECT status, cancel_reason FROM subscriptions WHERE id = ?`, row.id))
	switch row.name {
	case "cancel":
		require.Equal(t, string(billing.Cancelled), now.Status, about)
		require.False(t, now.Reason.Valid, about)
	case "pause":
		require.Equal(t, string(billing.Paused), now.Status, about)
	default:
		require.Contains(t, []string{string(billing.Active), string(billing.PastDue)}, now.Status, about)
		require.True(t, charge.made, about)
	}
	if !row.known {
		return
	}
	fresh := !row.attempted // the claim that follows reads the subscription as it is now
	switch row.name {
	case "cancel":
		require.False(t, charge.made && fresh, "charged though it was cancelled before: %s", about)
	case "pause":
		require.False(t, charge.made && !row.invoiced, "charged though it was paused before: %s", about)
		require.False(t, !charge.made && row.invoiced, "not charged though it was issued before: %s", about)
	case "card":
		isNew := strings.HasPrefix(charge.Method, "pm_ok:new-")
		require.False(t, fresh && !isNew || row.kept && isNew, about)
	case "second identifier":
		isNew := strings.HasPrefix(charge.GatewayCustomer, "new-")
		require.False(t, fresh && !isNew || row.kept && isNew, about)
	case "gateway":
		require.False(t, fresh && !charge.elsewhere || row.kept && charge.elsewhere, about)
	case "price":
		require.Equal(t, !row.invoiced, charge.Amount == 10_400, about)
	case "currency":
		require.Equal(t, !row.invoiced, charge.Currency == "JPY", about)
	case "customer":
		isNew := strings.HasPrefix(charge.CustomerID, "new-")
		require.False(t, fresh && !isNew || row.kept && isNew, about)
	}
}
