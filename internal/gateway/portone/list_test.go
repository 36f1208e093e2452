package portone_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

type question struct {
	StoreID string    `json:"storeId"`
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	Cursor  string    `json:"cursor"`
	Size    int       `json:"size"`
}

func asked1(t *testing.T, r *http.Request) (q question) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(r.URL.Query().Get("requestBody")), &q))
	return q
}

// shop lists payments newest first, by the cursor of the last one, as PortOne may.
func shop(t *testing.T, times []time.Time) http.HandlerFunc {
	t.Helper()
	newest := slices.Clone(times)
	slices.SortFunc(newest, func(a, b time.Time) int { return b.Compare(a) })
	return func(w http.ResponseWriter, r *http.Request) {
		q := asked1(t, r)
		var items []string
		for i, at := range newest {
			cursor := fmt.Sprintf("c%06d", i)
			if at.Before(q.From) || at.After(q.Until) || cursor <= q.Cursor || len(items) == q.Size {
				continue
			}
			items = append(items, fmt.Sprintf(`{"payment":%s,"cursor":%q}`, record("PAID", map[string]any{
				"id": fmt.Sprintf("p-%06d", i), "requestedAt": at.Format(time.RFC3339Nano), "customData": nil,
			}), cursor))
		}
		canned.Reply(http.StatusOK, `{"items":[`+strings.Join(items, ",")+`]}`)(w, r)
	}
}

func all(t *testing.T, g gateway.Gateway, w payment.Window) (found []payment.Payment, pages int) {
	t.Helper()
	seen := map[string]bool{}
	for cursor := ""; ; {
		page, err := g.List(t.Context(), w, cursor)
		require.NoError(t, err)
		require.Less(t, pages, 1000)
		pages++
		found = append(found, page.Payments...)
		if page.Cursor == "" {
			return found, pages
		}
		require.False(t, seen[page.Cursor], "it goes round in a circle")
		cursor = page.Cursor
		seen[cursor] = true
	}
}

// A window comes whole, each payment once and the oldest first, whatever order PortOne lists in.
func TestPortOneListIsWholeAndInOrder(t *testing.T) {
	var times []time.Time
	for i := range 2500 { // most of them in one second
		at := now.Add(time.Duration(i%2100) * 400 * time.Microsecond)
		if i >= 2300 {
			at = now.Add(time.Duration(i) * time.Minute)
		}
		times = append(times, at)
	}
	s := canned.Serve(t, shop(t, times))
	client := open(t, configFor(s.URL))
	w := payment.Window{From: now, To: now.Add(2499 * time.Minute)} // the last is not in it
	found, pages := all(t, client, w)
	require.Len(t, found, 2499)
	require.True(t, slices.IsSortedFunc(found, func(a, b payment.Payment) int { return a.CreatedAt.Compare(b.CreatedAt) }))
	ids := map[string]bool{}
	for _, p := range found {
		require.True(t, w.Holds(p.CreatedAt))
		ids[p.ID] = true
	}
	require.Len(t, ids, 2499)
	require.Less(t, pages, 60, "slices grow again after a crowd")
	for _, got := range s.Requests() {
		require.True(t, strings.HasPrefix(got.Target, "/payments-by-cursor?requestBody="))
	}

	found, _ = all(t, client, payment.Window{From: now.Add(400 * time.Microsecond), To: now.Add(800 * time.Microsecond)})
	require.Len(t, found, 2, "edges to the microsecond")
	before := len(s.Requests())
	found, _ = all(t, client, payment.Window{From: now, To: now})
	require.Empty(t, found)
	require.Len(t, s.Requests(), before)
}

func TestListAsksForTheWindow(t *testing.T) {
	var got question
	s := canned.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = asked1(t, r)
		other := record("PAID", map[string]any{"id": "test-1", "channel": map[string]any{"type": "TEST", "key": "channel-key-2"}})
		canned.Reply(http.StatusOK, `{"items":[{"payment":`+record("PAID", nil)+`,"cursor":"a"},{"payment":`+other+`,"cursor":"b"}]}`)(w, r)
	})
	seoul := time.FixedZone("", 9*3600)
	page, err := open(t, configFor(s.URL)).List(t.Context(), payment.Window{From: now.Add(-time.Hour).In(seoul), To: now.In(seoul)}, "")
	require.NoError(t, err)
	require.Equal(t, question{"store-1", now.Add(-time.Hour - time.Second), now.Add(time.Second), "", 1000}, got, "a second more at each end")
	require.Empty(t, page.Cursor)
	require.Len(t, page.Payments, 1, "nothing was taken through another test channel")
	p := page.Payments[0]
	require.Equal(t, []string{paymentID, "sub_42_20260131-1", "sub_42_20260131", "customer-7"}, []string{p.ID, p.Key, p.Reference, p.CustomerID})
}

func TestListFailures(t *testing.T) {
	w := payment.Window{From: now.Add(-time.Hour), To: now}
	for _, tc := range []struct {
		status int
		body   string
		want   gateway.ListError
	}{
		{401, `{"type":"UNAUTHORIZED","message":"no"}`, gateway.ListError{Reason: "401 UNAUTHORIZED: no", Misconfigured: true}},
		{403, "", gateway.ListError{Reason: "403 Forbidden"}},
		{404, "", gateway.ListError{Reason: "404 Not Found"}},
		{429, "", gateway.ListError{Reason: "429 Too Many Requests"}},
		{500, "", gateway.ListError{Reason: "500 Internal Server Error", Failure: true}},
		{200, "<html>", gateway.ListError{Reason: "200 with an HTML page", Failure: true}},
		{200, "{}", gateway.ListError{Reason: `200 with a page that cannot be read: field "items" is missing`}},
		{200, `{"items":[`, gateway.ListError{Reason: "200 with a page that cannot be read: its JSON is cut off"}},
		{200, `{"items":[{"payment":` + record("NEW", nil) + `}]}`, gateway.ListError{Reason: `200 with a payment that cannot be read: field "status" is none that this version knows, payment ` + paymentID}},
		{200, `{"items":[{"payment":` + record("PAID", map[string]any{"requestedAt": nil}) + `}]}`, gateway.ListError{Reason: `200 with a payment that cannot be read: field "requestedAt" is missing, payment ` + paymentID}},
	} {
		_, err := open(t, configFor(canned.Serve(t, canned.Reply(tc.status, tc.body)).URL)).List(t.Context(), w, "")
		known, ok := errors.AsType[*gateway.ListError](err)
		require.True(t, ok, "%d %s", tc.status, tc.body)
		require.Equal(t, tc.want, *known, "%d %s", tc.status, tc.body)
	}
	client := open(t, configFor(canned.Serve(t, canned.Reply(200, `{"items":[]}`)).URL))
	for _, cursor := range []string{"x", "2026-01-31T11:00:00Z+1ms", "2026-01-31T12:00:00Z+1h0m0s", "2026-01-31T10:59:59Z+1h0m0s"} {
		_, err := client.List(t.Context(), w, cursor)
		require.ErrorContains(t, err, "a cursor that is none of this window")
	}
}

// After a page that is too long to be read fewer payments are asked for at once.
func TestListAsksForFewerAfterALongPage(t *testing.T) {
	s := canned.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		if asked1(t, r).Size > 300 {
			canned.Reply(http.StatusOK, `{"items":[],"x":"`+strings.Repeat("x", 9<<20)+`"}`)(w, r)
			return
		}
		canned.Reply(http.StatusOK, `{"items":[]}`)(w, r)
	})
	client, w := open(t, configFor(s.URL)), payment.Window{From: now.Add(-time.Hour), To: now}
	for _, size := range []int{1000, 500} {
		_, err := client.List(t.Context(), w, "")
		require.EqualError(t, err, fmt.Sprintf("a page of %d payments is too long", size))
	}
	_, err := client.List(t.Context(), w, "")
	require.NoError(t, err)
}

// A list that does not end within a second of time is an error, and no short list.
func TestListWithoutEnd(t *testing.T) {
	item := `{"payment":{"id":"p-1","status":"PAID","amount":{"total":1},"currency":"KRW","requestedAt":"2026-01-31T11:59:59Z"},"cursor":"c1"}`
	s := canned.Serve(t, canned.Reply(http.StatusOK, `{"items":[`+strings.Repeat(item+",", 999)+item+`]}`))
	_, err := open(t, configFor(s.URL)).List(t.Context(), payment.Window{From: now.Add(-time.Second), To: now}, "")
	require.EqualError(t, err, "the list of 2026-01-31T11:59:59Z to 2026-01-31T12:00:00Z does not end")
}
