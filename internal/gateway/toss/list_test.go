package toss_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

// row is a transaction, as the list shows it and a look-up shows its payment.
type row struct {
	payment, status string
	at              time.Time
	amount          int64
}

func (r row) json(n int) string {
	return fmt.Sprintf(`{"mId":"m","transactionKey":"tx-%06d","paymentKey":%q,"orderId":%q,"method":"카드","customerKey":"private","status":%q,"transactionAt":%q,"currency":"KRW","amount":%d}`,
		n, r.payment, "order_"+r.payment+"-1", r.status, r.at.In(time.FixedZone("", 9*3600)).Format("2006-01-02T15:04:05-07:00"), r.amount)
}

// shop lists transactions newest first, as Toss may, and shows their payments.
func shop(t *testing.T, rows []row) http.HandlerFunc {
	t.Helper()
	slices.SortStableFunc(rows, func(a, b row) int { return b.at.Compare(a.at) })
	return func(w http.ResponseWriter, r *http.Request) {
		if name, ok := strings.CutPrefix(r.URL.Path, "/v1/payments/"); ok {
			canned.Reply(http.StatusOK, shown(name, rows))(w, r)
			return
		}
		q := r.URL.Query()
		from, errFrom := time.ParseInLocation("2006-01-02T15:04:05", q.Get("startDate"), time.FixedZone("", 9*3600))
		to, errTo := time.ParseInLocation("2006-01-02T15:04:05", q.Get("endDate"), time.FixedZone("", 9*3600))
		limit, errLimit := strconv.Atoi(q.Get("limit"))
		require.NoError(t, errors.Join(errFrom, errTo, errLimit))
		var page []string
		for n, row := range rows {
			if row.at.Before(from) || row.at.After(to) || fmt.Sprintf("tx-%06d", n) <= q.Get("startingAfter") || len(page) == limit {
				continue
			}
			page = append(page, row.json(n))
		}
		canned.Reply(http.StatusOK, "["+strings.Join(page, ",")+"]")(w, r)
	}
}

// shown is the payment of these transactions.
func shown(name string, rows []row) string {
	fields, balance := map[string]any{"paymentKey": name, "orderId": "order_" + name + "-1"}, int64(0)
	for _, row := range rows {
		switch {
		case row.payment != name:
		case row.status == "DONE":
			balance += row.amount
			fields["totalAmount"], fields["approvedAt"] = row.amount, row.at.Format(time.RFC3339)
		default:
			balance -= row.amount
		}
	}
	fields["balanceAmount"] = balance
	if balance == fields["totalAmount"] {
		return record("DONE", fields)
	}
	return record("PARTIAL_CANCELED", fields)
}

func all(t *testing.T, g gateway.Gateway, w payment.Window) (found []payment.Payment) {
	t.Helper()
	seen, cursor := map[string]bool{}, ""
	for {
		page, err := g.List(t.Context(), w, cursor)
		require.NoError(t, err)
		found = append(found, page.Payments...)
		if page.Cursor == "" {
			return found
		}
		require.False(t, seen[page.Cursor], "it goes round in a circle")
		cursor = page.Cursor
		seen[cursor] = true
		require.Less(t, len(seen), 1000)
	}
}

// A window comes whole, each payment once and the oldest first, whatever order Toss lists in.
func TestTossListIsWholeAndInOrder(t *testing.T) {
	var rows []row
	for i := range 2500 { // most of them in one second
		at := now
		if i >= 2300 {
			at = now.Add(time.Duration(i) * time.Minute)
		}
		rows = append(rows, row{fmt.Sprintf("p%04d", i), "DONE", at, 1000})
	}
	client := open(t, configFor(canned.Serve(t, shop(t, rows)).URL))
	w := payment.Window{From: now, To: now.Add(2499 * time.Minute)} // the last is not in it
	found := all(t, client, w)
	require.Len(t, found, 2499)
	require.True(t, slices.IsSortedFunc(found, func(a, b payment.Payment) int { return a.CreatedAt.Compare(b.CreatedAt) }))
	ids := map[string]bool{}
	for _, p := range found {
		ids[p.ID] = true
	}
	require.Len(t, ids, 2499)
	require.Empty(t, all(t, client, payment.Window{From: now.Add(time.Microsecond), To: now.Add(time.Second)}))
	require.Len(t, all(t, client, payment.Window{From: now, To: now.Add(time.Microsecond)}), 2300)
	require.Empty(t, all(t, client, payment.Window{From: now, To: now}))
}

// What was given back is told with its payment, and a payment that another day's cancellation belongs to is no payment of the window.
func TestListMergesCancellations(t *testing.T) {
	s := canned.Serve(t, shop(t, []row{
		{"whole", "DONE", now, 1000},
		{"part", "DONE", now, 1000},
		{"part", "PARTIAL_CANCELED", now.Add(time.Minute), 300},
		{"part", "PARTIAL_CANCELED", now.Add(2 * time.Minute), 100},
		{"older", "DONE", now.Add(-24 * time.Hour), 1000},
		{"older", "CANCELED", now.Add(time.Minute), 1000},
		{"later", "DONE", now.Add(2 * time.Minute), 1000},
		{"later", "CANCELED", now.Add(24 * time.Hour), 1000},
	}))
	found := all(t, open(t, configFor(s.URL)), payment.Window{From: now, To: now.Add(time.Hour)})
	made := func(id string, refunded int64, at time.Time) payment.Payment {
		return payment.Payment{
			ID: id, Status: payment.Succeeded, Key: "order_" + id + "-1", Reference: "order_" + id, CustomerUnknown: true,
			Money: payment.Money{Amount: 1000, Currency: "KRW"}, Refunded: refunded, CreatedAt: at,
		}
	}
	require.Equal(t, []payment.Payment{made("part", 400, now), made("whole", 0, now), made("later", 0, now.Add(2*time.Minute))}, found)
	got := s.Requests()
	require.Len(t, got, 2, "only the older payment has to be looked up")
	require.Equal(t, "/v1/transactions?endDate=2026-01-31T22%3A00%3A02&limit=1000&startDate=2026-01-31T20%3A59%3A59", got[0].Target)

	// In a crowd a cancellation comes in a later slice than its payment, which is listed again as it is by then.
	var rows []row
	for i := range 1500 {
		rows = append(rows, row{fmt.Sprintf("p%04d", i), "DONE", now.Add(time.Duration(i) * time.Second), 1000})
	}
	rows = append(rows, row{"p0000", "CANCELED", now.Add(1400 * time.Second), 1000})
	var states []int64
	for _, p := range all(t, open(t, configFor(canned.Serve(t, shop(t, rows)).URL)), payment.Window{From: now, To: now.Add(time.Hour)}) {
		if p.ID == "p0000" {
			states = append(states, p.Refunded)
		}
	}
	require.Equal(t, []int64{0, 1000}, states)
}

// Where rows alone do not say how a payment stands, it is looked up.
func TestListLooksUpWhatItDoesNotKnow(t *testing.T) {
	derived := provider.ID("ord_1")
	for name, tc := range map[string]struct{ rows, shown string }{
		"a key in the name": {
			`[{"transactionKey":"t","paymentKey":"tgen_20260131","orderId":"` + derived + `","status":"DONE","transactionAt":"2026-01-31T21:00:00+09:00","currency":"KRW","amount":12900}]`,
			record("DONE", map[string]any{"orderId": derived, "orderName": "Tea #ord_1"}),
		},
		"another status": {
			`[{"transactionKey":"t","paymentKey":"tgen_20260131","orderId":"ord_77","status":"WAITING_FOR_DEPOSIT","transactionAt":"2026-01-31T21:00:00+09:00","currency":"KRW","amount":12900}]`,
			record("WAITING_FOR_DEPOSIT", map[string]any{"orderId": "ord_77"}),
		},
		"more given back than taken": {
			`[{"transactionKey":"t","paymentKey":"tgen_20260131","orderId":"ord_77","status":"DONE","transactionAt":"2026-01-31T21:00:00+09:00","currency":"KRW","amount":12900},` +
				`{"transactionKey":"u","paymentKey":"tgen_20260131","orderId":"ord_77","status":"CANCELED","transactionAt":"2026-01-31T21:00:00+09:00","currency":"KRW","amount":12901}]`,
			record("CANCELED", map[string]any{"orderId": "ord_77", "balanceAmount": 0}),
		},
	} {
		s := canned.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/v1/payments/") {
				canned.Reply(http.StatusOK, tc.shown)(w, r)
				return
			}
			canned.Reply(http.StatusOK, tc.rows)(w, r)
		})
		client := open(t, configFor(s.URL))
		w := payment.Window{From: now, To: now.Add(time.Hour)}
		page, err := client.List(t.Context(), w, "")
		require.NoError(t, err, name)
		require.Equal(t, []payment.Payment{*client.Look(t.Context(), payment.Ref{ID: paymentKey}).Payment}, page.Payments, name)
	}
	s := canned.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/payments/") {
			canned.Reply(http.StatusNotFound, `{"code":"NOT_FOUND_PAYMENT","message":"no"}`)(w, r)
			return
		}
		canned.Reply(http.StatusOK, "["+row{"older", "CANCELED", now, 1000}.json(1)+"]")(w, r)
	})
	_, err := open(t, configFor(s.URL)).List(t.Context(), payment.Window{From: now, To: now.Add(time.Hour)}, "")
	require.EqualError(t, err, "payment older is listed, and not shown: 404 NOT_FOUND_PAYMENT")
}

func TestListFailures(t *testing.T) {
	w := payment.Window{From: now.Add(-time.Hour), To: now}
	one := row{"p", "DONE", now.Add(-time.Minute), 1000}.json(1)
	for _, tc := range []struct {
		status int
		body   string
		want   gateway.ListError
	}{
		{401, `{"code":"UNAUTHORIZED_KEY","message":"no"}`, gateway.ListError{Reason: "401 UNAUTHORIZED_KEY: no", Misconfigured: true}},
		{403, `{"code":"FORBIDDEN_CONSECUTIVE_REQUEST","message":"no"}`, gateway.ListError{Reason: "403 FORBIDDEN_CONSECUTIVE_REQUEST: no"}},
		{404, "", gateway.ListError{Reason: "404 Not Found"}},
		{429, "", gateway.ListError{Reason: "429 Too Many Requests"}},
		{500, "", gateway.ListError{Reason: "500 Internal Server Error", Failure: true}},
		{200, "<html>", gateway.ListError{Reason: "200 with an HTML page", Failure: true}},
		{200, "null", gateway.ListError{Reason: "200 with a page that cannot be read: it is no list"}},
		{200, "{}", gateway.ListError{Reason: "200 with a page that cannot be read: it is no list"}},
		{200, "[", gateway.ListError{Reason: "200 with a page that cannot be read: its JSON is cut off"}},
		{200, "[" + strings.Replace(one, `"amount":1000`, `"amount":null`, 1) + "]", gateway.ListError{Reason: `200 with a transaction that cannot be read: field "amount" is missing, payment p`}},
		{200, "[" + strings.Replace(one, `"paymentKey":"p",`, "", 1) + "]", gateway.ListError{Reason: `200 with a transaction that cannot be read: field "paymentKey" is missing, payment `}},
		{200, "[" + strings.Replace(one, "transactionAt", "at", 1) + "]", gateway.ListError{Reason: `200 with a transaction that cannot be read: field "transactionAt" is missing, payment p`}},
	} {
		_, err := open(t, configFor(canned.Serve(t, canned.Reply(tc.status, tc.body)).URL)).List(t.Context(), w, "")
		known, ok := errors.AsType[*gateway.ListError](err)
		require.True(t, ok, "%d %s", tc.status, tc.body)
		require.Equal(t, tc.want, *known, "%d %s", tc.status, tc.body)
	}
	_, err := open(t, configFor(canned.Serve(t, canned.Reply(200, "[]")).URL)).List(t.Context(), w, "x")
	require.ErrorContains(t, err, "a cursor that is none of this window")
}

// After a page that is too long to be read fewer transactions are asked for at once; a list without end is an error.
func TestLongLists(t *testing.T) {
	w := payment.Window{From: now.Add(-time.Second), To: now}
	s := canned.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("limit") == "1000" {
			canned.Reply(http.StatusOK, strings.Repeat(" ", 9<<20)+"[]")(w, r)
			return
		}
		canned.Reply(http.StatusOK, "[]")(w, r)
	})
	client := open(t, configFor(s.URL))
	_, err := client.List(t.Context(), w, "")
	require.EqualError(t, err, "a page of 1000 transactions is too long")
	_, err = client.List(t.Context(), w, "")
	require.NoError(t, err)

	var same []string
	for range 1000 {
		same = append(same, row{"p", "DONE", now.Add(-time.Second), 1}.json(1))
	}
	_, err = open(t, configFor(canned.Serve(t, canned.Reply(http.StatusOK, "["+strings.Join(same, ",")+"]")).URL)).List(t.Context(), w, "")
	require.EqualError(t, err, "the list of 2026-01-31T11:59:59Z to 2026-01-31T12:00:00Z does not end")
}
