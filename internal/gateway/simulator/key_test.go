package simulator_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway/simulator"
)

func TestTheSameKey(t *testing.T) {
	s := newShop(t, simulator.Config{})
	for _, method := range []string{"pm_ok", "pm_soft"} {
		key := "sub_" + method + "-1"
		first := s.charge(key, method)
		require.False(t, first.replayed())
		again := s.charge(key, method)
		require.True(t, again.replayed())
		require.Equal(t, first.body, again.body)
		require.Equal(t, first.code, again.code)
		other := s.charge(key, method+":another")
		require.Equal(t, 422, other.code)
		require.True(t, other.hasError())
	}
	require.Len(t, s.sim.Ledger(), 2)
	require.Equal(t, 404, s.find("sub_never_sent-1").code)
	require.Equal(t, map[string]int{"sub_pm_ok-1": 3, "sub_pm_soft-1": 3}, s.sim.Requests())
}

// The second identifier of a method is shown as it was sent, and is part of what a key stands for. It may be missing, and not be empty.
func TestTheSecondIdentifierIsPartOfTheBody(t *testing.T) {
	s := newShop(t, simulator.Config{})
	with := func(customer any) map[string]any {
		b := body("sub_1_20260131-1", "pm_ok")
		b["gateway_customer"] = customer
		return b
	}
	const key = "sub_1_20260131-1"
	for _, wrong := range []any{"", strings.Repeat("한", 301), 7} {
		require.Equal(t, 400, s.do(create, "/v1/payments", key, with(wrong)).code, wrong)
	}
	longest := strings.Repeat("한", 300)
	first := s.do(create, "/v1/payments", key, with(longest))
	require.Equal(t, 200, first.code)
	require.Equal(t, longest, first.GatewayCustomer)
	require.True(t, s.do(create, "/v1/payments", key, with(longest)).replayed())
	require.Equal(t, 422, s.do(create, "/v1/payments", key, with("cus_2")).code)
	require.Equal(t, 422, s.charge(key, "pm_ok").code)
	require.Equal(t, longest, s.find(key).GatewayCustomer)
	require.Equal(t, longest, s.sim.Ledger()[0].GatewayCustomer)
	require.NotContains(t, string(s.charge("sub_2_20260131-1", "pm_ok").body), "gateway_customer")
}

func TestKeysAreForgottenAtOnce(t *testing.T) {
	s, c := newControl(t, simulator.Config{Now: still})
	s.charge("sub_1_20260131-1", "pm_ok")
	require.NoError(t, c.ForgetKeys(t.Context()))
	require.Equal(t, 200, s.find("sub_1_20260131-1").code)
	require.False(t, s.charge("sub_1_20260131-1", "pm_ok").replayed())
	require.Equal(t, []string{"sub_1_20260131"}, s.sim.DoubleCharged())
	s.sim.Advance(time.Second)
	s.charge("sub_2_20260131-1", "pm_ok")
	require.True(t, s.charge("sub_2_20260131-1", "pm_ok").replayed(), "later ones are kept")
}

func TestAReplayIsTheFirstResult(t *testing.T) {
	s := newShop(t, simulator.Config{})
	first := s.charge("sub_1_20260131-1", "pm_ok")
	s.refund(first.ID, "rf_1", 900)
	require.Equal(t, first.body, s.charge("sub_1_20260131-1", "pm_ok").body)
	require.Equal(t, int64(900), s.find("sub_1_20260131-1").RefundedAmount)
}

func TestKeysAreForgotten(t *testing.T) {
	const key = "sub_1_20260131-1"
	s := newShop(t, simulator.Config{KeyLife: 24 * time.Hour, Now: still})
	s.charge(key, "pm_ok")
	s.sim.Advance(24*time.Hour - 1)
	require.True(t, s.charge(key, "pm_ok").replayed())
	s.sim.Advance(1)
	require.Empty(t, s.sim.DoubleCharged())
	require.Equal(t, 200, s.find(key).code, "look-up lasts longer than keys")
	r := s.charge(key, "pm_ok")
	require.Equal(t, 200, r.code)
	require.False(t, r.replayed())
	require.Equal(t, []string{"sub_1_20260131"}, s.sim.DoubleCharged())
	require.Len(t, s.sim.Successes()["sub_1_20260131"], 2)
	s.refund(r.ID, "rf_1", 12900)
	require.Empty(t, s.sim.DoubleCharged(), "refunded in full")
	s.charge("sub_2_20260131-1", "pm_ok")
	s.sim.Advance(24 * time.Hour)
	require.Equal(t, 402, s.charge(key, "pm_soft").code, "another body, a forgotten key")
	require.Equal(t, "succeeded", s.find(key).Status, "what took money is shown first")
	for n := range 3 {
		require.Equal(t, 200, s.charge("sub_2_20260131-"+string(rune('2'+n)), "pm_ok").code)
	}
	require.Equal(t, []string{"sub_2_20260131"}, s.sim.DoubleCharged(), "named once, however often it was charged")
}

// still is a clock that only Advance moves.
func still() time.Time { return time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC) }

func TestLookupThatForgets(t *testing.T) {
	s := newShop(t, simulator.Config{KeyLife: 24 * time.Hour, FindForgets: true})
	id := s.charge("sub_1_20260131-1", "pm_ok").ID
	s.sim.Advance(24*time.Hour - time.Minute)
	require.Equal(t, 200, s.find("sub_1_20260131-1").code)
	s.sim.Advance(time.Minute)
	r := s.find("sub_1_20260131-1")
	require.Equal(t, 404, r.code)
	require.True(t, r.hasError())
	require.Equal(t, 200, s.get(id).code)
}

func TestAGatewayWithoutKeys(t *testing.T) {
	s := newShop(t, simulator.Config{NoKeys: true})
	for range 2 {
		r := s.charge("sub_1_20260131-1", "pm_ok")
		require.Equal(t, 200, r.code)
		require.False(t, r.replayed())
	}
	require.Equal(t, 402, s.charge("sub_1_20260131-1", "pm_soft").code)
	require.Equal(t, []string{"sub_1_20260131"}, s.sim.DoubleCharged())
	r := s.charge("sub_2_20260131-1", "pm_ok")
	require.Equal(t, 200, s.refund(r.ID, "rf_1", 100).code)
	require.Equal(t, int64(200), s.refund(r.ID, "rf_1", 100).RefundedAmount)
}

func TestAGatewayWithoutLookup(t *testing.T) {
	s := newShop(t, simulator.Config{NoFind: true})
	id := s.charge("sub_1_20260131-1", "pm_ok").ID
	s.lawless = true
	r := s.find("sub_1_20260131-1")
	require.Equal(t, 404, r.code)
	require.False(t, r.hasError())
	require.Equal(t, 200, s.get(id).code)
}

func TestRejectionsUnderAKey(t *testing.T) {
	for _, keep := range []bool{false, true} {
		s := newShop(t, simulator.Config{KeepRejects: keep, KeyLife: time.Hour})
		require.Equal(t, 400, s.charge("sub_1_20260131-1", "pm_reject").code)
		again := s.charge("sub_1_20260131-1", "pm_reject")
		require.Equal(t, 400, again.code)
		require.Equal(t, keep, again.replayed())
		if keep {
			require.Equal(t, 422, s.charge("sub_1_20260131-1", "pm_ok").code)
			s.sim.Advance(time.Hour)
		}
		require.Equal(t, 200, s.charge("sub_1_20260131-1", "pm_ok").code)
	}
}

func TestAKeyUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := simulator.New(simulator.Config{Latency: simulator.Latency{Fixed: time.Second}})
		var wg sync.WaitGroup
		wg.Go(func() { ask(sim, t.Context(), "POST", "/v1/payments", "a-1", body("a-1", "pm_ok")) })
		time.Sleep(500 * time.Millisecond)
		require.Equal(t, 409, ask(sim, t.Context(), "POST", "/v1/payments", "a-1", body("a-1", "pm_ok")).Code)
		wg.Wait()
		require.Equal(t, 200, ask(sim, t.Context(), "POST", "/v1/payments", "a-1", body("a-1", "pm_ok")).Code)
		require.Len(t, sim.Ledger(), 1)
		require.Equal(t, 2, sim.Stats().MaxConcurrent)
		require.Equal(t, 2, sim.Stats().MaxOpen)
		for range 3 {
			wg.Go(func() { ask(sim, t.Context(), "GET", "/v1/payments/by-key/a-1", "", nil) })
		}
		wg.Wait()
		require.Equal(t, 2, sim.Stats().MaxConcurrent, "of charges")
		require.Equal(t, 3, sim.Stats().MaxOpen, "of all")
		sim.Close()
	})
}

func TestAChargeTakesPlaceThoughTheCallerHasGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := simulator.New(simulator.Config{Latency: simulator.Latency{Fixed: time.Minute}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go ask(sim, ctx, "POST", "/v1/payments", "a-1", body("a-1", "pm_ok"))
		time.Sleep(time.Minute - 1)
		require.Empty(t, sim.Ledger())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.Len(t, sim.Ledger(), 1)
		sim.Close()
	})
}

func TestBodyViolations(t *testing.T) {
	for _, c := range []struct {
		name     string
		first    string // method of the first request
		cfg      simulator.Config
		violated bool
	}{
		{"executed", "pm_ok", simulator.Config{}, true},
		{"declined", "pm_soft", simulator.Config{}, true},
		{"no answer", "pm_drop_before", simulator.Config{}, true},
		{"not decided", "pm_pending", simulator.Config{}, true},
		{"5xx", "pm_5xx_before", simulator.Config{}, true},
		{"outage", "pm_ok", simulator.Config{Outage: true}, true},
		{"without keys", "pm_ok", simulator.Config{NoKeys: true}, true},
		{"429 after a time-out", "pm_429_after", simulator.Config{}, true},
		{"400 without a word", "pm_empty_400_before", simulator.Config{}, true},
		{"409", "pm_conflict_before", simulator.Config{}, true},
		{"429", "pm_429", simulator.Config{}, false},
		{"Not-Executed", "pm_not_executed", simulator.Config{}, false},
		{"refused", "pm_reject", simulator.Config{}, false},
		{"unauthorized", "pm_unauthorized", simulator.Config{}, false},
		{"outage that says so", "pm_ok", simulator.Config{Outage: true, OutageAnswer: "not_executed"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShop(t, c.cfg)
			s.lawless = true
			s.charge("sub_1_20260131-1", c.first)
			s.charge("sub_1_20260131-1", c.first)
			require.Empty(t, s.sim.BodyViolations(), "the same bytes")
			s.charge("sub_1_20260131-1", "pm_ok:other")
			s.charge("sub_2_20260131-1", "pm_ok")
			if c.violated {
				require.Equal(t, []string{"sub_1_20260131-1"}, s.sim.BodyViolations())
				return
			}
			if c.first == "pm_429" || c.first == "pm_not_executed" {
				return // the repetition above was executed
			}
			require.Empty(t, s.sim.BodyViolations())
		})
	}
}

func TestBodyMayChangeAfterARequestThatWasNotExecuted(t *testing.T) {
	for _, fault := range []string{"pm_429", "pm_not_executed", "pm_reject"} {
		s := newShop(t, simulator.Config{})
		s.charge("sub_1_20260131-1", fault)
		require.Equal(t, 200, s.charge("sub_1_20260131-1", "pm_ok").code)
		require.Empty(t, s.sim.BodyViolations(), fault)
		s.charge("sub_1_20260131-1", "pm_soft")
		require.Len(t, s.sim.BodyViolations(), 1, fault)
	}
}

func TestRequestsThatCannotWork(t *testing.T) {
	const good = `{"reference":"r","customer_id":"c","payment_method":"pm_ok","amount":1,"currency":"KRW"}`
	s := newShop(t, simulator.Config{})
	require.Equal(t, 200, s.do(create, "/v1/payments", "k0", good).code)
	for _, bad := range []string{
		``, `{}`, `[]`, `null`, `{`, good + good, `"x"`,
		strings.Replace(good, `"r"`, `"`+strings.Repeat("r", 65)+`"`, 1),
		strings.Replace(good, `"reference":"r",`, ``, 1),
		strings.Replace(good, `"customer_id":"c",`, ``, 1),
		strings.Replace(good, `"payment_method":"pm_ok",`, ``, 1),
		strings.Replace(good, `"amount":1,`, ``, 1),
		strings.Replace(good, `,"currency":"KRW"`, ``, 1),
		strings.Replace(good, `"amount":1`, `"amount":0`, 1),
		strings.Replace(good, `"amount":1`, `"amount":1.5`, 1),
		strings.Replace(good, `"amount":1`, `"amount":"1"`, 1),
		strings.Replace(good, `"KRW"`, `"krw"`, 1),
		strings.Replace(good, `"KRW"`, `"KRWX"`, 1),
		strings.Replace(good, `"amount":1`, `"amount":1,"card_number":"4111"`, 1),
		strings.Replace(good, `"amount":1`, `"amount":1,"metadata":{"a":1}`, 1),
		strings.Replace(good, `"amount":1`, `"amount":1,"description":"`+strings.Repeat("r", 65_480)+`"`, 1), // a little more than is read
	} {
		r := s.do(create, "/v1/payments", "k1", bad)
		require.Equal(t, 400, r.code, bad)
		require.True(t, r.hasError())
	}
	for _, key := range []string{"", strings.Repeat("k", 65)} {
		require.Equal(t, 400, s.do(create, "/v1/payments", key, good).code, "key %q", key)
	}
	require.Equal(t, 200, s.do(create, "/v1/payments", strings.Repeat("k", 64), good).code)
	require.Equal(t, 200, s.do(create, "/v1/payments", "k1", strings.Replace(good, `"r"`, `"`+strings.Repeat("é", 64)+`"`, 1)).code)
}

func TestWhoMayCall(t *testing.T) {
	s := newShop(t, simulator.Config{Token: "secret"})
	id := "pay_0000000001"
	for _, token := range []string{"", "wrong", "secret2"} {
		s.token = token
		for _, r := range []reply{
			s.charge("a-1", "pm_ok"), s.find("a-1"), s.get(id), s.cancel(id, "c"), s.refund(id, "r", 1),
			s.do(list, "/v1/payments", "", nil),
		} {
			require.Equal(t, 401, r.code)
		}
	}
	other := httptest.NewRequest("GET", "/v1/payments/by-key/a-1", nil)
	other.Header.Set("Authorization", "Basic secret")
	w := httptest.NewRecorder()
	s.sim.ServeHTTP(w, other)
	require.Equal(t, 401, w.Code)
	require.Empty(t, s.sim.Ledger())
	s.token = "secret"
	require.Equal(t, 200, s.charge("a-1", "pm_ok").code)
	s.sim.Update(func(c *simulator.Config) { c.Forbidden = true })
	require.Equal(t, 403, s.charge("b-1", "pm_ok").code)
	require.Equal(t, 403, s.find("a-1").code)
}
