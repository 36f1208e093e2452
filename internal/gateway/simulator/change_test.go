package simulator_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/gateway/simulator"
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

func TestFaultsOfChanges(t *testing.T) {
	s := newShop(t, simulator.Config{ChangeFaults: simulator.Faults{DropAfter: 1, First: 1}})
	s.lawless = true
	id := s.charge("sub_1_20260131-1", "pm_ok").ID
	require.Zero(t, s.refund(id, "rf_1", 900).code)
	require.Equal(t, int64(900), s.get(id).RefundedAmount)
	r := s.refund(id, "rf_1", 900)
	require.True(t, r.replayed())
	require.Equal(t, int64(900), r.RefundedAmount)
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
