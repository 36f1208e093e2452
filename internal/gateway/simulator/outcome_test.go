package simulator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway/simulator"
	"duly/internal/payment"
)

func TestOutcomesByMethod(t *testing.T) {
	s := newShop(t, simulator.Config{})
	for _, c := range []struct {
		method, status, class, declineCode string
		code                               int
	}{
		{"pm_ok", "succeeded", "", "", 200},
		{"pm_ok:42", "succeeded", "", "", 200},
		{"billing-key", "succeeded", "", "", 200},
		{"pm_no_such_name", "succeeded", "", "", 200},
		{"pm_soft", "declined", "soft", "do_not_honor", 402},
		{"pm_insufficient_funds", "declined", "soft", "insufficient_funds", 402},
		{"pm_limit_exceeded:x:y", "declined", "soft", "limit_exceeded", 402},
		{"pm_hard", "declined", "hard", "lost_card", 402},
		{"pm_stolen_card", "declined", "hard", "stolen_card", 402},
		{"pm_closed_account", "declined", "hard", "closed_account", 402},
		{"pm_action", "declined", "action", "authentication_required", 402},
		{"pm_expired_card", "declined", "action", "expired_card", 402},
		{"pm_try_later", "declined", "", "try_again_later", 402},
		{"pm_processing_error", "declined", "", "processing_error", 402},
		{"pm_unknown_code", "declined", "", "moon_in_wrong_phase", 402},
		{"pm_pending", "pending", "", "", 200},
		{"pm_canceled", "canceled", "", "", 200},
		{"pm_refunded", "succeeded", "", "", 200},
		{"pm_reject", "", "", "", 400},
		{"pm_unauthorized", "", "", "", 401},
		{"pm_forbidden", "", "", "", 403},
	} {
		key := "ord_" + strings.NewReplacer(":", "_", "-", "_").Replace(c.method) + "-1"
		before := len(s.sim.Ledger())
		r := s.charge(key, c.method)
		require.Equal(t, c.code, r.code, c.method)
		require.Equal(t, c.status, r.Status, c.method)
		if c.code != 200 && c.code != 402 {
			require.True(t, r.hasError(), c.method)
			require.Len(t, s.sim.Ledger(), before, "%s executed nothing", c.method)
			require.Equal(t, 404, s.find(key).code)
			continue
		}
		require.Equal(t, []any{key, "cus_1", int64(12900), "KRW", int64(0)},
			[]any{r.IdempotencyKey, r.CustomerID, r.Amount, r.Currency, r.RefundedAmount}, c.method)
		if c.code == 402 {
			require.Equal(t, c.class, r.Decline.Class, c.method)
			require.Equal(t, c.declineCode, r.Decline.Code, c.method)
		} else {
			require.Nil(t, r.Decline, c.method)
		}
		ledger := s.sim.Ledger()
		e := ledger[len(ledger)-1]
		reference := strings.TrimSuffix(key, "-1")
		require.Equal(t, simulator.Entry{
			ID: r.ID, Key: key, Reference: reference, CustomerID: "cus_1", Method: c.method, Amount: 12900, Currency: "KRW",
			Status: payment.Status(c.status), Refunded: e.Refunded, Refunds: e.Refunds, DeclineCode: c.declineCode, CreatedAt: r.CreatedAt,
		}, e)
		if c.method == "pm_refunded" {
			require.Equal(t, int64(12900), s.find(key).RefundedAmount)
		}
	}
}

func TestEveryOutcomeAndFaultCanBeNamed(t *testing.T) {
	methods := map[string]string{}
	for _, name := range simulator.Outcomes() {
		methods[name] = name
		methods[name+"2"] = name + "_2_then_soft"
	}
	for _, f := range simulator.FaultNames() {
		for _, form := range []string{"", "_3", "_always", "_2_then_pending"} {
			methods[string(f)+form] = string(f) + form
		}
	}
	for _, name := range []string{"redirect_after", "garbage_before_2_then_hard", "empty_400_before", "429"} {
		methods[name] = name
	}
	require.NoError(t, (&simulator.Config{Methods: methods}).Validate())
	for _, name := range []string{
		"", "okay", "soft_2", "soft_0_then_ok", "soft_-1_then_ok", "soft_x_then_ok", "soft_then_", "drop_after_before", "drop_after_0",
		"soft_always", "drop_after_then_drop_before", "soft_99999999999_then_ok",
	} {
		require.Error(t, (&simulator.Config{Methods: map[string]string{"m": name}}).Validate(), name)
	}
}

func TestPaymentsThatAreNotTheOneAskedFor(t *testing.T) {
	s := newShop(t, simulator.Config{})
	for method, differs := range map[string]func(r reply) bool{
		"pm_wrong_amount":           func(r reply) bool { return r.Amount == 12901 },
		"pm_wrong_currency":         func(r reply) bool { return r.Currency == "USD" },
		"pm_wrong_gateway_customer": func(r reply) bool { return r.GatewayCustomer == "-other" },
		"pm_wrong_customer":         func(r reply) bool { return r.CustomerID == "cus_1-other" },
		"pm_wrong_reference":        func(r reply) bool { return r.Reference == "ord_"+method(r)+"-other" },
	} {
		key := "ord_" + method + "-1"
		for _, r := range []reply{s.charge(key, method), s.find(key)} {
			require.Equal(t, 200, r.code)
			require.Equal(t, "succeeded", r.Status)
			require.True(t, differs(r), "%s: %s", method, r.body)
		}
	}
	dollars := body("ord_usd-1", "pm_wrong_currency")
	dollars["currency"] = "USD"
	require.Equal(t, "EUR", s.do(create, "/v1/payments", "ord_usd-1", dollars).Currency)
}

func method(r reply) string {
	return strings.TrimSuffix(strings.TrimPrefix(r.IdempotencyKey, "ord_"), "-1")
}

func TestADeclineThatPasses(t *testing.T) {
	s := newShop(t, simulator.Config{})
	for n, code := range []int{402, 402, 200, 200} {
		r := s.charge("sub_1_20260131-"+string(rune('1'+n)), "pm_soft_2_then_ok:7")
		require.Equal(t, code, r.code, "attempt %d", n+1)
	}
	require.Equal(t, 402, s.charge("sub_2_20260131-1", "pm_soft_2_then_ok:7").code, "each reference counts for itself")
	require.Equal(t, 402, s.charge("sub_2_20260131-1", "pm_soft_2_then_ok:7").code)
	require.Equal(t, 402, s.charge("sub_2_20260131-2", "pm_soft_2_then_ok:7").code, "a replay does not count")
	require.Equal(t, 400, s.charge("sub_3_20260131-1", "pm_reject_1_then_ok").code)
	require.Equal(t, 200, s.charge("sub_3_20260131-1", "pm_reject_1_then_ok").code, "a 400 executed nothing")
}

func TestMethodsOfTheConfiguration(t *testing.T) {
	s := newShop(t, simulator.Config{Methods: map[string]string{"key-7": "stolen_card", "pm_ok": "reject"}, Shares: simulator.Shares{Soft: 1}})
	require.Equal(t, "stolen_card", s.charge("a-1", "key-7").Decline.Code)
	require.Equal(t, 400, s.charge("b-1", "pm_ok").code)
	require.Equal(t, 402, s.charge("c-1", "key-8").code)
	require.Equal(t, 200, s.charge("d-1", "pm_ok:1").code)
}

func TestOutcomesByShare(t *testing.T) {
	const n = 3000
	s := newShop(t, simulator.Config{Seed: 3, Shares: simulator.Shares{
		Soft: 0.2, Hard: 0.1, Action: 0.1, TryLater: 0.1, Pending: 0.1, Canceled: 0.1, Reject: 0.1,
	}})
	for _, key := range keys(n) {
		require.NotZero(t, ask(s.sim, t.Context(), "POST", "/v1/payments", key, body(key, "card")).Code)
	}
	count := map[string]int{}
	for _, e := range s.sim.Ledger() {
		count[string(e.Status)+e.DeclineCode]++
	}
	count["reject"] = s.sim.Stats().Answers["createPayment"]["400"]
	for name, share := range map[string]float64{
		"declineddo_not_honor": 0.2, "declinedlost_card": 0.1, "declinedauthentication_required": 0.1, "declinedtry_again_later": 0.1,
		"pending": 0.1, "canceled": 0.1, "reject": 0.1, "succeeded": 0.2,
	} {
		require.InDelta(t, share*n, count[name], 0.025*n, name)
	}
}

func TestPendingIsDecided(t *testing.T) {
	for _, c := range []struct {
		name    string
		pending simulator.Pending
		method  string
		seen    []string // by look-ups, an hour apart
	}{
		{"never", simulator.Pending{}, "pm_pending", []string{"pending", "pending", "pending"}},
		{"at once", simulator.Pending{}, "pm_pending_then_ok", []string{"succeeded", "succeeded"}},
		{"by its own number of look-ups", simulator.Pending{}, "pm_pending_2_then_soft", []string{"pending", "pending", "declined", "declined"}},
		{"by look-ups", simulator.Pending{Lookups: 1}, "pm_pending_then_canceled", []string{"pending", "canceled"}},
		{"by time", simulator.Pending{For: 90 * time.Minute}, "pm_pending_then_ok", []string{"pending", "succeeded"}},
		{"time before look-ups", simulator.Pending{For: 30 * time.Minute, Lookups: 9}, "pm_pending_then_ok", []string{"succeeded"}},
		{"by share", simulator.Pending{Lookups: 1}, "card", []string{"pending", "succeeded"}},
		{"by share, and how", simulator.Pending{Lookups: 1, Then: "hard"}, "card", []string{"pending", "declined"}},
		{"by share, never", simulator.Pending{Then: "pending"}, "card", []string{"pending", "pending"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShop(t, simulator.Config{Pending: c.pending, Shares: simulator.Shares{Pending: 1}})
			first := s.charge("sub_1_20260131-1", c.method)
			require.Equal(t, "pending", first.Status)
			for i, want := range c.seen {
				s.sim.Advance(time.Hour)
				var r reply
				if i%2 == 0 {
					r = s.find("sub_1_20260131-1")
				} else {
					r = s.get(first.ID)
				}
				require.Equal(t, want, r.Status, "look-up %d", i+1)
				require.Equal(t, want == "declined", r.Decline != nil)
			}
			again := s.charge("sub_1_20260131-1", c.method)
			require.True(t, again.replayed())
			require.Equal(t, first.body, again.body, "the key answers with the first result")
		})
	}
}

func TestPendingIsDecidedByTheClockAlone(t *testing.T) {
	s := newShop(t, simulator.Config{Pending: simulator.Pending{For: time.Hour}, Now: still})
	from := s.sim.Now()
	s.charge("sub_1_20260131-1", "pm_pending_then_refunded")
	s.charge("sub_2_20260131-1", "pm_pending_then_ok")
	s.sim.Advance(time.Hour - 1)
	require.Equal(t, payment.Pending, s.sim.Ledger()[0].Status)
	s.sim.Advance(1)
	require.Equal(t, payment.Succeeded, s.sim.Ledger()[1].Status)
	s.charge("sub_3_20260131-1", "pm_pending_then_ok")
	s.sim.Advance(time.Hour)
	page := s.list(from, from.Add(2*time.Hour), "", 0)
	require.Equal(t, "succeeded", page.Data[2].Status)
	require.Equal(t, int64(12900), s.sim.Ledger()[0].Refunded)
}
