package stripe_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway/simulator/plan"
)

// The first request of a key meets each kind of fault; the next one is answered as usual, and money is taken once.
func TestFaults(t *testing.T) {
	const none = 0
	for _, c := range []struct {
		method string
		codes  []int // of the first request
		effect bool
		second int // code of the second request
	}{
		{"pm_drop_before", []int{none}, false, 200},
		{"pm_drop_after", []int{none}, true, 200},
		{"pm_5xx_before", []int{500, 502, 503, 504}, false, 200},
		{"pm_5xx_after", []int{500, 502, 503, 504}, true, 200},
		{"pm_429", []int{429}, false, 200},
		{"pm_429_after", []int{none}, true, 429},
		{"pm_not_executed", []int{429}, false, 200},
		{"pm_garbage", []int{200}, true, 200},
		{"pm_garbage_before", []int{200}, false, 200},
		{"pm_half_body", []int{200}, true, 200},
		{"pm_slow", []int{200}, true, 200},
		{"pm_redirect", []int{307}, false, 200},
		{"pm_redirect_after", []int{307}, true, 200},
		{"pm_conflict", []int{409}, true, 200},
		{"pm_conflict_before", []int{409}, false, 200},
		{"pm_empty_400", []int{400}, true, 200},
		{"pm_empty_400_before", []int{400}, false, 200},
		{"pm_empty_404", []int{404}, true, 200},
		{"pm_empty_404_before", []int{404}, false, 200},
		{"pm_drop_after_2", []int{none}, true, none},
		{"pm_drop_before_then_soft", []int{none}, false, 402},
		{"pm_drop_after_then_pending", []int{none}, true, 200},
	} {
		t.Run(c.method, func(t *testing.T) {
			s := newShop(t, plan.Config{Seed: 1, Faults: plan.Faults{SlowBy: time.Millisecond}})
			first := s.charge("ord_7-1", c.method)
			require.Contains(t, c.codes, first.code)
			require.Equal(t, c.effect, len(s.sim.Ledger()) == 1)
			require.Equal(t, c.method == "pm_half_body", first.err != nil)
			require.Equal(t, c.method == "pm_slow", first.Status == "succeeded" && first.AmountReceived > 0)
			require.Equal(t, first.code == 409 || first.code == 429, first.Error.Type != "", "a fault on the way says nothing of Stripe's")
			second := s.charge("ord_7-1", c.method)
			require.Equal(t, c.second, second.code)
			if second.code == 200 {
				require.Equal(t, c.effect, second.replayed())
			}
			require.LessOrEqual(t, len(s.sim.Ledger()), 1)
			require.Empty(t, s.sim.BodyViolations())
		})
	}
}

func TestLateRequests(t *testing.T) {
	s := newShop(t, plan.Config{Faults: plan.Faults{LateBy: 10 * time.Minute}})
	require.Zero(t, s.charge("ord_7-1", "pm_late").code)
	require.Empty(t, s.list("customer=cus_7").Data)
	s.sim.Advance(10 * time.Minute)
	require.Len(t, s.list("customer=cus_7").Data, 1)
	require.True(t, s.charge("ord_7-1", "pm_late").replayed())

	require.Zero(t, s.charge("ord_8-1", "pm_late").code)
	require.Equal(t, 200, s.charge("ord_8-1", "pm_late").code)
	s.sim.Advance(10 * time.Minute)
	require.Empty(t, s.sim.DoubleCharged(), "the late one finds the key")

	s.sim.Update(func(c *plan.Config) { c.Faults.LateBy = 25 * time.Hour })
	require.Zero(t, s.charge("ord_9-1", "pm_late").code)
	require.Equal(t, 200, s.charge("ord_9-1", "pm_late").code)
	s.sim.Advance(25 * time.Hour)
	require.Equal(t, []string{"ord_9"}, s.sim.DoubleCharged(), "one that is later than the key lives charges again")
}

func TestTwoRequestsOfAKeyAtOnce(t *testing.T) {
	s := newShop(t, plan.Config{Latency: plan.Latency{Fixed: 20 * time.Millisecond}})
	replies := make(chan reply, 8)
	for range cap(replies) {
		go func() { replies <- s.charge("ord_7-1", "pm_ok") }()
	}
	for range cap(replies) {
		if r := <-replies; r.code != 200 {
			require.Equal(t, []any{409, "idempotency_error", "idempotency_key_in_use"}, []any{r.code, r.Error.Type, r.Error.Code})
		}
	}
	require.Len(t, s.sim.Ledger(), 1)
}

func TestFaultsOfLookUpsAndChanges(t *testing.T) {
	s := newShop(t, plan.Config{})
	id := s.charge("ord_7-1", "pm_ok").ID
	waits := s.charge("ord_8-1", "pm_requires_action").ID
	s.sim.Update(func(c *plan.Config) {
		c.LookupFaults.DropBefore, c.ChangeFaults.DropAfter, c.ChangeFaults.First = 1, 1, 1
	})
	for _, r := range []reply{s.get(id), s.list(""), s.do("GET", "/v1/refunds", "", "payment_intent="+id), s.refund(id, "r1", "amount", "900"), s.cancel(waits, "c1")} {
		require.Zero(t, r.code)
	}
	s.sim.Update(func(c *plan.Config) { c.LookupFaults.DropBefore = 0 })
	require.Equal(t, int64(900), s.get(id).expanded(t).AmountRefunded)
	require.True(t, s.refund(id, "r1", "amount", "900").replayed())
	require.Equal(t, "canceled", s.cancel(waits, "c1").Status)
}

func TestGarbageIsNoPayment(t *testing.T) {
	s := newShop(t, plan.Config{LookupFaults: plan.Faults{Garbage: 1}})
	bodies := map[string]bool{}
	for range 200 {
		r := s.list("limit=1")
		require.Equal(t, 200, r.code)
		bodies[r.body] = true
		var p struct {
			ID, Status, Currency string
			Amount               int64
			Metadata             map[string]string
		}
		if json.Unmarshal([]byte(r.body), &p) == nil {
			require.False(t, p.ID != "" && p.Status == "succeeded" && p.Amount > 0 && p.Currency != "" && p.Metadata["duly_key"] != "")
		}
	}
	require.Greater(t, len(bodies), 8)
}
