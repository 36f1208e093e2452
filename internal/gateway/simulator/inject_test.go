package simulator_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/gateway/simulator"
	"duly/internal/payment"
)

// planted is a payment that nobody charged.
func planted(n int) simulator.Entry {
	return simulator.Entry{
		Key: fmt.Sprintf("ord_%d-1", n), Reference: fmt.Sprintf("ord_%d", n), CustomerID: "cus_1", Method: "pm_ok", Amount: 12900, Currency: "KRW",
	}
}

func TestInject(t *testing.T) {
	s := newShop(t, simulator.Config{Now: still})
	for name, change := range map[string]func(*simulator.Entry){
		"as it comes":     func(*simulator.Entry) {},
		"refunded":        func(e *simulator.Entry) { e.Refunded, e.Refunds = 900, 1 },
		"pending":         func(e *simulator.Entry) { e.Status = payment.Pending },
		"canceled":        func(e *simulator.Entry) { e.Status = payment.Canceled },
		"declined":        func(e *simulator.Entry) { e.Status, e.DeclineCode = payment.Declined, "stolen_card" },
		"long ago":        func(e *simulator.Entry) { e.CreatedAt = still().Add(-time.Hour) },
		"before all":      func(e *simulator.Entry) { e.CreatedAt = time.Date(1969, 1, 1, 0, 0, 0, 1000, time.UTC) },
		"yet to come":     func(e *simulator.Entry) { e.CreatedAt = still().Add(time.Hour) },
		"without a key":   func(e *simulator.Entry) { e.Key = "" },
		"by another name": func(e *simulator.Entry) { e.Reference = "by-hand" },
	} {
		want := planted(len(s.sim.Ledger()))
		change(&want)
		id, err := s.sim.Inject(want)
		require.NoError(t, err, name)
		want.ID = id
		if want.Status == "" {
			want.Status = payment.Succeeded
		}
		if want.CreatedAt.IsZero() {
			want.CreatedAt = still()
		}
		ledger := s.sim.Ledger()
		require.Equal(t, want, ledger[len(ledger)-1], name)
		r := s.get(id)
		require.Equal(t, string(want.Status), r.Status, name)
		require.Equal(t, want.Refunded, r.RefundedAmount, name)
		require.Equal(t, want.CreatedAt, r.CreatedAt, name)
		if want.Key != "" {
			require.Equal(t, id, s.find(want.Key).ID, name)
		}
	}
	require.Empty(t, s.sim.Requests(), "nobody asked for any of them")
	require.Equal(t, still(), s.charge("ord_charged-1", "pm_ok").CreatedAt, "what is yet to come moves no clock")
	for range 3 {
		require.Equal(t, "pending", s.find(s.sim.Ledger()[slices.IndexFunc(s.sim.Ledger(), func(e simulator.Entry) bool {
			return e.Status == payment.Pending
		})].Key).Status)
	}
}

func TestInjectWhatCannotBe(t *testing.T) {
	sim := simulator.New(simulator.Config{})
	defer sim.Close()
	for name, change := range map[string]func(*simulator.Entry){
		"status":        func(e *simulator.Entry) { e.Status = "disputed" },
		"amount":        func(e *simulator.Entry) { e.Amount = 0 },
		"currency":      func(e *simulator.Entry) { e.Currency = "won" },
		"refunded":      func(e *simulator.Entry) { e.Refunded = 12901 },
		"refunded must": func(e *simulator.Entry) { e.Refunded = -1 },
		"succeeded":     func(e *simulator.Entry) { e.Status, e.Refunded = payment.Pending, 1 },
		"decline code":  func(e *simulator.Entry) { e.Status, e.DeclineCode = payment.Declined, "whim" },
		"was declined":  func(e *simulator.Entry) { e.DeclineCode = "stolen_card" },
		"too long":      func(e *simulator.Entry) { e.CustomerID = string(make([]byte, 1<<16)) },
	} {
		e := planted(1)
		change(&e)
		_, err := sim.Inject(e)
		require.ErrorContains(t, err, name)
	}
	require.Empty(t, sim.Ledger())
}

func TestAmend(t *testing.T) {
	s := newShop(t, simulator.Config{KeyLife: time.Hour, Pending: simulator.Pending{Lookups: 1}})
	id := s.charge("ord_1-1", "pm_pending_then_soft").ID
	require.NoError(t, s.sim.Amend(id, func(e *simulator.Entry) { e.Status = payment.Succeeded }))
	require.Equal(t, "pending", s.charge("ord_1-1", "pm_pending_then_soft").Status, "the first answer stands")
	for range 3 {
		require.Equal(t, "succeeded", s.get(id).Status, "what was decided by hand stays so")
	}
	require.NoError(t, s.sim.Amend(id, func(e *simulator.Entry) { e.Refunded = 900 }))
	require.Equal(t, int64(900), s.get(id).RefundedAmount)
	require.Equal(t, 409, s.refund(id, "rf_1", 12900).code)
	require.Equal(t, 200, s.refund(id, "rf_2", 12000).code)
	require.Equal(t, 2, s.sim.Ledger()[0].Refunds)
	require.NoError(t, s.sim.Amend(id, func(e *simulator.Entry) { e.Refunded, e.Amount, e.Currency = 0, 500, "USD" }))
	require.Equal(t, int64(500), s.get(id).Amount)
	require.Equal(t, "USD", s.get(id).Currency)
	require.NoError(t, s.sim.Amend(id, func(e *simulator.Entry) { e.Status = payment.Declined }))
	require.Equal(t, "do_not_honor", s.get(id).Decline.Code)
	require.NoError(t, s.sim.Amend(id, func(e *simulator.Entry) { e.DeclineCode = "expired_card" }))
	require.Equal(t, "expired_card", s.get(id).Decline.Code)

	before := s.sim.Ledger()[0]
	for want, change := range map[string]func(*simulator.Entry){
		"only status": func(e *simulator.Entry) { e.Key = "other" },
		"can be":      func(e *simulator.Entry) { e.Refunds = 7 },
		"refunded":    func(e *simulator.Entry) { e.Refunded = 1 },
	} {
		require.ErrorContains(t, s.sim.Amend(id, change), want)
	}
	require.Equal(t, before, s.sim.Ledger()[0])
	require.ErrorContains(t, s.sim.Amend("pay_0000000009", func(*simulator.Entry) {}), "not known")
}

// Whatever the times of creation: a listing is in their order, and no page misses or repeats one.
func TestListingOfInjectedPayments(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		sim := simulator.New(simulator.Config{Now: still})
		defer sim.Close()
		s := &shop{t: t, sim: sim, local: true}
		for n := range rapid.IntRange(0, 30).Draw(rt, "payments") {
			switch e := planted(n); rapid.IntRange(0, 2).Draw(rt, "how") {
			case 0:
				sim.Advance(time.Duration(rapid.IntRange(0, 2).Draw(rt, "seconds")) * time.Second)
				ask(sim, t.Context(), "POST", "/v1/payments", e.Key, body(e.Key, "pm_ok"))
			default:
				e.CreatedAt = still().Add(time.Duration(rapid.IntRange(-5, 20).Draw(rt, "created")) * time.Second)
				_, err := sim.Inject(e)
				require.NoError(rt, err)
			}
		}
		from := still().Add(time.Duration(rapid.IntRange(-6, 20).Draw(rt, "from")) * time.Second)
		to := from.Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "length")) * time.Second)
		var want, got []string
		ledger := sim.Ledger()
		slices.SortStableFunc(ledger, func(a, b simulator.Entry) int { return a.CreatedAt.Compare(b.CreatedAt) })
		for _, e := range ledger {
			if !e.CreatedAt.Before(from) && e.CreatedAt.Before(to) {
				want = append(want, e.ID)
			}
		}
		limit := rapid.IntRange(1, 8).Draw(rt, "limit")
		for cursor := ""; ; {
			page := s.list(from, to, cursor, limit)
			for _, p := range page.Data {
				got = append(got, p.ID)
			}
			if page.NextCursor == nil {
				break
			}
			cursor = *page.NextCursor
		}
		require.Equal(rt, want, got)
	})
}

func TestAClockThatIsOff(t *testing.T) {
	for _, skew := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		s := newShop(t, simulator.Config{Now: still, ClockSkew: skew})
		r := s.charge("ord_1-1", "pm_ok")
		told := still().Add(skew)
		require.Equal(t, told, r.CreatedAt)
		require.Equal(t, told, s.find("ord_1-1").CreatedAt)
		require.Equal(t, still(), s.sim.Ledger()[0].CreatedAt, "the books know better")
		require.Len(t, s.list(told, told.Add(1), "", 0).Data, 1)
		require.Empty(t, s.list(told.Add(1), told.Add(time.Hour), "", 0).Data)
		require.Empty(t, s.list(told.Add(-time.Hour), told, "", 0).Data)
	}
}
