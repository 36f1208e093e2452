package stripe_test

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/plan"
)

func ids(all []intent) []string {
	list := make([]string, len(all))
	for i, p := range all {
		list[i] = p.ID
	}
	return list
}

func TestListing(t *testing.T) {
	s := newShop(t, plan.Config{})
	var all []string // newest first
	for n := range 23 {
		key := fmt.Sprintf("ord_%d-1", n)
		f := with(form(key, []string{"pm_ok", "pm_soft", "pm_pending"}[n%3]), "customer", fmt.Sprintf("cus_%d", n%2))
		r := s.do("POST", "/v1/payment_intents", key, f)
		if r.Error.PaymentIntent != nil {
			r.ID = r.Error.PaymentIntent.ID
		}
		all = append([]string{r.ID}, all...)
		s.sim.Advance(500 * time.Millisecond)
	}
	first := s.list("")
	require.Equal(t, all[:10], ids(first.Data), "newest first, ten of them")
	require.True(t, first.HasMore)
	second := s.list("starting_after=" + all[9] + "&limit=13")
	require.Equal(t, []any{all[10:], false}, []any{ids(second.Data), second.HasMore})
	require.Len(t, s.list("customer=cus_1&limit=100").Data, 11)
	require.Empty(t, s.list("customer=cus_9").Data)

	begin := still().Unix()
	for query, want := range map[string]int{
		fmt.Sprintf("created[gte]=%d&created[lt]=%d", begin+2, begin+4):                                                4,
		fmt.Sprintf("created[gt]=%d&created[lte]=%d", begin+2, begin+4):                                                4,
		fmt.Sprintf("created[gte]=%d&created[lte]=%d", begin+2, begin+4):                                               6,
		fmt.Sprintf("created[gt]=%d&created[lt]=%d", begin+2, begin+4):                                                 2,
		fmt.Sprintf("created[gte]=%d", begin+12):                                                                       0,
		fmt.Sprintf("created[gte]=%d&created[gt]=%d&created[lt]=%d&created[lte]=%d", begin, begin+1, begin+4, begin+9): 4,
		fmt.Sprintf("created[gte]=%d&created[gt]=%d&created[lt]=%d&created[lte]=%d", begin+2, begin, begin+9, begin+3): 4,
	} {
		r := s.list(query + "&limit=100")
		require.Len(t, r.Data, want, query)
		require.False(t, r.HasMore)
	}
	r := s.list("limit=1&expand[]=data.latest_charge")
	require.Contains(t, r.body, `"amount_refunded":0`)
	for _, bad := range []string{
		"limit=0", "limit=101", "limit=x", "starting_after=pi_1", "created[gte]=yesterday", "customer=", "ending_before=" + all[0], "expand[]=latest_charge", "page=2",
	} {
		require.Equal(t, 400, s.list(bad).code, bad)
	}
	s.sim.Update(func(c *plan.Config) { c.ListLag = time.Hour })
	require.Empty(t, s.list("").Data)
}

// Pages, of whatever size, are the whole list, and nothing twice, wherever in the past the payments lie.
func TestPages(t *testing.T) {
	s := newShop(t, plan.Config{})
	plain := httptest.NewServer(s.sim) // TestListing holds lists against the contract
	defer plain.Close()
	s.url = plain.URL
	type put struct {
		id string
		at time.Time
	}
	var all []put
	rapid.Check(t, func(t *rapid.T) {
		for range rapid.IntRange(1, 3).Draw(t, "more") {
			age := time.Duration(rapid.Int64Range(0, 400*24*3600*1000).Draw(t, "age")) * time.Millisecond
			at := still().Add(-age)
			id, err := s.sim.Inject(core.Entry{Key: fmt.Sprintf("k-%d", len(all)), Reference: "r", Method: "m", Amount: 1, Currency: "KRW", CreatedAt: at})
			require.NoError(t, err)
			all = append(all, put{id, at})
		}
		from := still().Add(-time.Duration(rapid.IntRange(0, 500).Draw(t, "days")) * 24 * time.Hour)
		query := url.Values{"created[gte]": {fmt.Sprint(from.Unix())}, "limit": {fmt.Sprint(rapid.IntRange(10, 100).Draw(t, "limit"))}}
		var got []string
		for {
			r := s.list(query.Encode())
			got = append(got, ids(r.Data)...)
			if !r.HasMore {
				break
			}
			query.Set("starting_after", r.Data[len(r.Data)-1].ID)
		}
		var want []string
		sorted := slices.Clone(all)
		slices.SortStableFunc(sorted, func(a, b put) int { return a.at.Compare(b.at) })
		for _, p := range slices.Backward(sorted) {
			if !p.at.Before(from) {
				want = append(want, p.id)
			}
		}
		require.Equal(t, want, got)
	})
}
