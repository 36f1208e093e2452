package simulator_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/gateway/simulator"
	"duly/internal/payment"
)

func TestRefunds(t *testing.T) {
	s := newShop(t, simulator.Config{KeyLife: time.Hour})
	id := s.charge("sub_1_20260131-1", "pm_ok").ID
	part := s.refund(id, "rf_1", 900)
	require.Equal(t, 200, part.code)
	require.Equal(t, int64(900), part.RefundedAmount)
	again := s.refund(id, "rf_1", 900)
	require.True(t, again.replayed())
	require.Equal(t, part.body, again.body)
	require.Equal(t, 422, s.refund(id, "rf_1", 901).code)
	require.Equal(t, 409, s.refund(id, "rf_2", 12001).code)
	rest := s.refund(id, "rf_2", 12000)
	require.Equal(t, int64(12900), rest.RefundedAmount, "a key whose request failed can be used")
	require.Equal(t, 409, s.refund(id, "rf_3", 1).code)
	require.Equal(t, 404, s.refund("pay_0000000009", "rf_4", 1).code)
	require.Equal(t, 400, s.refund(id, "", 1).code)
	require.Equal(t, 400, s.refund(id, "rf_5", 0).code)
	require.Equal(t, 400, s.do(refund, "/v1/payments/"+id+"/refunds", "rf_5", `{"amount":"1"}`).code)
	for _, method := range []string{"pm_soft", "pm_pending", "pm_canceled"} {
		other := s.charge("sub_"+method+"-1", method).ID
		require.Equal(t, 409, s.refund(other, "rf_"+method, 1).code, method)
	}
	require.Equal(t, int64(12900), s.sim.Ledger()[0].Refunded)
	require.False(t, s.sim.Ledger()[0].TookMoney())
}

func TestARefundsKeyIsForgotten(t *testing.T) {
	s := newShop(t, simulator.Config{KeyLife: time.Hour})
	id := s.charge("sub_1_20260131-1", "pm_ok").ID
	s.refund(id, "rf_1", 900)
	s.sim.Advance(time.Hour)
	require.Equal(t, int64(1800), s.refund(id, "rf_1", 900).RefundedAmount)
}

func TestCancel(t *testing.T) {
	s := newShop(t, simulator.Config{})
	id := s.charge("sub_1_20260131-1", "pm_pending_then_ok").ID
	r := s.cancel(id, "cx_1")
	require.Equal(t, 200, r.code)
	require.Equal(t, "canceled", r.Status)
	require.True(t, s.cancel(id, "cx_1").replayed())
	require.Equal(t, 409, s.cancel(id, "cx_2").code)
	require.Equal(t, "canceled", s.get(id).Status, "it is not decided any more")
	require.Equal(t, 404, s.cancel("pay_0000000009", "cx_3").code)
	require.Equal(t, 404, s.cancel("nonsense", "cx_3").code)
	require.Equal(t, 400, s.cancel(id, "").code)
	for _, method := range []string{"pm_ok", "pm_soft"} {
		require.Equal(t, 409, s.cancel(s.charge("sub_"+method+"-1", method).ID, "cx_"+method).code)
	}
}

func TestCancelComesTooLate(t *testing.T) {
	s := newShop(t, simulator.Config{Pending: simulator.Pending{For: time.Hour}})
	id := s.charge("sub_1_20260131-1", "pm_pending_then_ok").ID
	s.sim.Advance(time.Hour)
	require.Equal(t, 409, s.cancel(id, "cx_1").code)
	require.Equal(t, "succeeded", s.get(id).Status)
}

// TestFaultsOfChanges strikes the first request of a key with each kind of fault and looks at what the caller saw,
// what took effect, and what the same key is answered afterwards.
func TestFaultsOfChanges(t *testing.T) {
	const none, any5xx = 0, 5
	for _, c := range []struct {
		fault  simulator.Fault
		faults simulator.Faults
		code   int // of the first request
		effect bool
		second int // code of the second request
	}{
		{simulator.DropBefore, simulator.Faults{DropBefore: 1}, none, false, 200},
		{simulator.DropAfter, simulator.Faults{DropAfter: 1}, none, true, 200},
		{simulator.Err5xxBefore, simulator.Faults{Err5xxBefore: 1}, any5xx, false, 200},
		{simulator.Err5xxAfter, simulator.Faults{Err5xxAfter: 1}, any5xx, true, 200},
		{simulator.TooMany, simulator.Faults{TooMany: 1}, 429, false, 200},
		{simulator.TooManyAfter, simulator.Faults{TooManyAfter: 1}, none, true, 429},
		{simulator.NotExecuted, simulator.Faults{NotExecuted: 1}, 503, false, 200},
		{simulator.HalfBody, simulator.Faults{HalfBody: 1}, 200, true, 200},
		{simulator.Slow, simulator.Faults{Slow: 1, SlowBy: time.Microsecond}, 200, true, 200},
		{simulator.Redirect, simulator.Faults{Redirect: 1}, 307, false, 200},
	} {
		for name, change := range map[string]func(s *shop, id string) reply{
			"cancel": func(s *shop, id string) reply { return s.cancel(id, "key") },
			"refund": func(s *shop, id string) reply { return s.refund(id, "key", 900) },
		} {
			t.Run(name+" "+string(c.fault), func(t *testing.T) {
				c.faults.First = 1
				s := newShop(t, simulator.Config{Seed: 2, ChangeFaults: c.faults})
				s.lawless = true
				e := planted(1)
				if name == "cancel" {
					e.Status = payment.Pending
				}
				id, err := s.sim.Inject(e)
				require.NoError(t, err)
				changed := func() bool {
					e := s.sim.Ledger()[0]
					return e.Status == payment.Canceled || e.Refunded == 900
				}
				first := change(s, id)
				if c.code == any5xx {
					require.Contains(t, []int{500, 502, 503, 504}, first.code)
				} else {
					require.Equal(t, c.code, first.code)
				}
				if c.fault != simulator.Redirect { // it may go either way
					require.Equal(t, c.effect, changed())
				}
				before := changed()
				second := change(s, id)
				require.Equal(t, c.second, second.code)
				if second.code == 429 {
					second = change(s, id)
				}
				require.Equal(t, 200, second.code)
				require.Equal(t, before, second.replayed(), "executed once")
				require.LessOrEqual(t, s.sim.Ledger()[0].Refunds, 1)
				require.True(t, changed())
				require.Empty(t, s.sim.BodyViolations())
			})
		}
	}
}

func TestALateRefund(t *testing.T) {
	s := newShop(t, simulator.Config{Now: still, KeyLife: time.Minute, ChangeFaults: simulator.Faults{Late: 1, First: 1, LateBy: time.Hour}})
	s.lawless = true
	id := s.charge("ord_1-1", "pm_ok").ID
	require.Zero(t, s.refund(id, "rf_1", 12900).code)
	require.Equal(t, int64(0), s.get(id).RefundedAmount)
	require.Equal(t, 200, s.refund(id, "rf_1", 12900).code)
	require.Zero(t, s.refund(id, "rf_2", 1).code)
	s.sim.Advance(time.Hour) // they arrive when the key is forgotten, and everything was refunded
	require.Equal(t, int64(12900), s.sim.Ledger()[0].Refunded, "never more than was paid")
	require.Equal(t, 1, s.sim.Ledger()[0].Refunds)
	require.Equal(t, map[string]int{"rf_1": 2, "rf_2": 1}, s.sim.ChangeRequests())
}

func TestBodiesOfChanges(t *testing.T) {
	s := newShop(t, simulator.Config{ChangeFaults: simulator.Faults{TooMany: 1, First: 1}})
	id := s.charge("ord_1-1", "pm_ok").ID
	require.Equal(t, 429, s.refund(id, "rf_1", 1).code)
	require.Equal(t, 200, s.refund(id, "rf_1", 2).code, "the first was not executed")
	require.Empty(t, s.sim.BodyViolations())
	require.Equal(t, 422, s.refund(id, "rf_1", 3).code)
	require.Equal(t, []string{"rf_1"}, s.sim.BodyViolations())
}

// No more is refunded than was paid, however many ask at once.
func TestRefundsAtOnce(t *testing.T) {
	s := newShop(t, simulator.Config{NoKeys: true})
	id := s.charge("ord_1-1", "pm_ok").ID
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			ask(s.sim, t.Context(), "POST", "/v1/payments/"+id+"/refunds", fmt.Sprintf("rf_%d", i%3), map[string]any{"amount": 1000})
		})
	}
	all.Wait()
	require.Equal(t, int64(12000), s.sim.Ledger()[0].Refunded)
	require.Equal(t, 12, s.sim.Ledger()[0].Refunds)
}

func TestUnknownPayments(t *testing.T) {
	s := newShop(t, simulator.Config{})
	s.charge("sub_1_20260131-1", "pm_ok")
	for _, id := range []string{"pay_0000000002", "pay_1", "pay_0000000000", "pay_x", "x", "sub_1_20260131-1", "pay_99999999999"} {
		r := s.get(id)
		require.Equal(t, 404, r.code, id)
		require.True(t, r.hasError())
	}
	require.Equal(t, 404, s.find("sub_1_20260131-2").code)
	s.charge("a/b c?d-1", "pm_ok")
	require.Equal(t, 200, s.find("a/b c?d-1").code)
}

// listed is a page of listPayments.
type listed struct {
	Data       []paid
	NextCursor *string `json:"next_cursor"`
}

func (s *shop) list(from, to time.Time, cursor string, limit int) listed {
	s.t.Helper()
	q := url.Values{"created_from": {from.Format(time.RFC3339Nano)}, "created_to": {to.Format(time.RFC3339Nano)}}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	if limit > 0 {
		q.Set("limit", fmt.Sprint(limit))
	}
	r := s.do(list, "/v1/payments?"+q.Encode(), "", nil)
	require.Equal(s.t, 200, r.code)
	var page listed
	require.NoError(s.t, json.Unmarshal(r.body, &page))
	return page
}

func TestListing(t *testing.T) {
	start := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	s := newShop(t, simulator.Config{Now: func() time.Time { return start }})
	for i, key := range keys(700) {
		if i%3 == 0 {
			s.sim.Advance(time.Second)
		}
		ask(s.sim, t.Context(), "POST", "/v1/payments", key, body(key, []string{"pm_ok", "pm_soft", "pm_pending"}[i%3]))
	}
	end := s.sim.Now()
	first := s.list(start, end.Add(1), "", 0)
	require.Len(t, first.Data, 500, "the default")
	second := s.list(start, end.Add(1), *first.NextCursor, 0)
	require.Len(t, second.Data, 200)
	require.Nil(t, second.NextCursor)
	require.Len(t, s.list(start, end.Add(1), "", 700).Data, 700)
	require.Nil(t, s.list(start, end.Add(1), "", 700).NextCursor, "a page that is just full is the last")
	require.Empty(t, s.list(end.Add(1), end.Add(time.Hour), "", 0).Data)
	require.Len(t, s.list(start, end, "", 1000).Data, 699, "the end of the window is exclusive")

	ledger := s.sim.Ledger()
	rapid.Check(t, func(t *rapid.T) {
		from := start.Add(time.Duration(rapid.Int64Range(-2e9, int64(end.Sub(start)+2e9)).Draw(t, "from")))
		to := from.Add(time.Duration(rapid.Int64Range(0, int64(end.Sub(start))).Draw(t, "to")))
		limit := rapid.IntRange(20, 1000).Draw(t, "limit")
		var want, got []string
		for _, e := range ledger {
			if !e.CreatedAt.Before(from) && e.CreatedAt.Before(to) {
				want = append(want, e.ID)
			}
		}
		for cursor := ""; ; {
			page := s.list(from, to, cursor, limit)
			for _, p := range page.Data {
				got = append(got, p.ID)
			}
			if page.NextCursor == nil {
				break
			}
			if len(page.Data) != limit {
				t.Fatalf("a page of %d, limit %d, is not the last", len(page.Data), limit)
			}
			cursor = *page.NextCursor
		}
		if fmt.Sprint(want) != fmt.Sprint(got) {
			t.Fatalf("listed %v, want %v", got, want)
		}
	})
}

func TestListingThatCannotWork(t *testing.T) {
	s := newShop(t, simulator.Config{})
	const window = "?created_from=2026-01-01T00:00:00Z&created_to=2026-01-02T00:00:00Z"
	require.Equal(t, 200, s.do(list, "/v1/payments"+window, "", nil).code)
	for _, query := range []string{
		"", "?created_from=2026-01-01T00:00:00Z", "?created_to=2026-01-01T00:00:00Z", "?created_from=yesterday&created_to=today",
		window + "&limit=0", window + "&limit=1001", window + "&limit=x", window + "&cursor=x",
	} {
		require.Equal(t, 400, s.do(list, "/v1/payments"+query, "", nil).code, query)
	}
}

func TestCreatedNeverRunsBackwards(t *testing.T) {
	now := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	s := newShop(t, simulator.Config{Now: func() time.Time { return now }})
	s.charge("a-1", "pm_ok")
	now = now.Add(-time.Hour)
	s.charge("b-1", "pm_ok")
	l := s.sim.Ledger()
	require.Equal(t, l[0].CreatedAt, l[1].CreatedAt)
}
