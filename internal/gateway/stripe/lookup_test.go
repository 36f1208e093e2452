package stripe

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

// listOf is a page of intents.
func listOf(more bool, intents ...fields) string {
	return fields{"object": "list", "data": append([]fields{}, intents...), "has_more": more}.JSON()
}

const notFound = `{"error":{"type":"invalid_request_error","code":"resource_missing","param":"intent","message":"No such payment_intent: 'pi_1'"}}`

func TestFindById(t *testing.T) {
	var asked string
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.RequestURI
		canned.Reply(http.StatusOK, intentOf("succeeded").JSON())(w, r)
	})
	require.Equal(t, gateway.Finding{Outcome: payment.Outcome{Kind: payment.Paid, PaymentID: "pi_1"}}, client.Find(t.Context(), charge(), "pi_1"))
	require.Equal(t, "GET /v1/payment_intents/pi_1?expand%5B%5D=latest_charge", asked)

	refunded := intentOf("succeeded").With(fields{"latest_charge": fields{"id": "ch_1", "amount_refunded": 5}})
	require.Equal(t, payment.Differs, serve(t, canned.Reply(200, refunded.JSON())).Find(t.Context(), charge(), "pi_1").Outcome.Kind)
	unexpanded := intentOf("succeeded").With(fields{"latest_charge": "ch_1"})
	f := serve(t, canned.Reply(200, unexpanded.JSON())).Find(t.Context(), charge(), "pi_1")
	require.Equal(t, payment.InDoubt, f.Outcome.Kind, "nobody knows what was refunded")
	f = serve(t, canned.Reply(404, notFound)).Find(t.Context(), charge(), "pi_1")
	require.False(t, f.Absent, "an id that Stripe gave and does not know is no news")
	require.Equal(t, payment.InDoubt, f.Outcome.Kind)
}

// The intents of the charge's customer are read until one has its key.
func TestStripeFindByKey(t *testing.T) {
	other := func(n int) fields {
		return intentOf("succeeded").With(fields{"id": fmt.Sprintf("pi_other%d", n), "metadata": fields{"duly_key": "another"}})
	}
	var asked []url.Values
	pages := map[string]string{
		"":          listOf(true, other(1), intentOf("succeeded").With(fields{"id": "pi_bare", "metadata": nil, "customer": nil})),
		"pi_bare":   listOf(true, other(2)),
		"pi_other2": listOf(true, intentOf("requires_payment_method").With(fields{"id": "pi_old", "last_payment_error": fields{"code": "card_declined"}}), intentOf("succeeded")),
	}
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query())
		canned.Reply(http.StatusOK, pages[r.URL.Query().Get("starting_after")])(w, r)
	})
	f := client.Find(t.Context(), charge(), "")
	require.Equal(t, gateway.Finding{Outcome: payment.Outcome{Kind: payment.Paid, PaymentID: "pi_1"}}, f, "the one that took money counts")
	require.Len(t, asked, 3)
	for _, q := range asked {
		require.Equal(t, []string{customer}, q["customer"])
		require.Equal(t, []string{"100"}, q["limit"])
		require.Equal(t, []string{"data.latest_charge"}, q["expand[]"])
	}
	seen := client.Look(t.Context(), payment.Ref{Key: charge().Key, GatewayCustomer: customer})
	require.Equal(t, &payment.Payment{
		ID: "pi_1", Status: payment.Succeeded, Key: charge().Key, Reference: charge().Reference, CustomerID: charge().CustomerID,
		GatewayCustomer: customer, Money: charge().Money, CreatedAt: now,
	}, seen.Payment)

	pages["pi_other2"] = listOf(false, other(3))
	require.True(t, client.Find(t.Context(), charge(), "").Absent, "the list was read to its end")
	require.True(t, client.Look(t.Context(), payment.Ref{Key: charge().Key, GatewayCustomer: customer}).Absent)
}

// Only a list that was read to its end proves what it lacks.
func TestNothingElseIsAbsence(t *testing.T) {
	n := 0
	for name, h := range map[string]http.HandlerFunc{
		"a customer without end": func(w http.ResponseWriter, r *http.Request) {
			n++
			canned.Reply(200, listOf(true, intentOf("succeeded").With(fields{"id": "pi_o" + strconv.Itoa(n), "metadata": fields{}})))(w, r)
		},
		"an unknown customer": canned.Reply(404, `{"error":{"type":"invalid_request_error","code":"resource_missing","param":"customer","message":"No such customer"}}`),
		"no list":             canned.Reply(200, `{}`),
		"no word of more":     canned.Reply(200, `{"data":[]}`),
		"empty, and has more": canned.Reply(200, `{"data":[],"has_more":true}`),
		"a bare 404":          canned.Reply(404, `{}`),
		"a page":              canned.Reply(200, `<html>`),
		"too fast":            canned.Reply(429, errorOf("invalid_request_error", fields{"code": "rate_limit"})),
		"their fault":         canned.Reply(500, errorOf("api_error", nil)),
		"half an answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "500")
			_, _ = w.Write([]byte("{"))
		},
		"a key that is unread": canned.Reply(200, `{"data":[{"metadata":7}],"has_more":false}`),
	} {
		client := serve(t, h)
		f := client.Find(t.Context(), charge(), "")
		require.False(t, f.Absent, name)
		require.Equal(t, payment.InDoubt, f.Outcome.Kind, name)
		require.NotEmpty(t, f.Outcome.Reason, name)
		seen := client.Look(t.Context(), payment.Ref{Key: charge().Key, GatewayCustomer: customer})
		require.False(t, seen.Absent || seen.Payment != nil || seen.Unaskable, name)
	}
	require.Equal(t, 2*mostPages, n)
	f := serve(t, canned.Reply(401, errorOf("invalid_request_error", nil))).Find(t.Context(), charge(), "")
	require.True(t, f.Misconfigured)
}

func TestWhatCannotBeAskedFor(t *testing.T) {
	client := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	for _, w := range []payment.Ref{{}, {Key: "k"}, {ID: "ch_1"}, {ID: "py_1", Key: "k"}, {ID: ".."}} {
		seen := client.Look(t.Context(), w)
		require.True(t, seen.Unaskable, "%+v", w)
		require.NotEmpty(t, seen.Reason)
	}
	c := charge()
	c.GatewayCustomer = ""
	require.True(t, client.Find(t.Context(), c, "").Unasked)
}

func TestLookById(t *testing.T) {
	declined := intentOf("requires_payment_method").With(fields{"last_payment_error": fields{"type": "card_error", "code": "card_declined", "decline_code": "lost_card", "message": "Lost."}})
	for name, tc := range map[string]struct {
		status int
		body   string
		want   payment.LookupResult
	}{
		"absent":         {404, notFound, payment.LookupResult{Absent: true, Reason: "404 resource_missing"}},
		"a bare 404":     {404, "", payment.LookupResult{Reason: "404 Not Found"}},
		"another one":    {200, intentOf("succeeded").With(fields{"id": "pi_2"}).JSON(), payment.LookupResult{Reason: "200 with another payment, pi_2"}},
		"our key":        {401, errorOf("invalid_request_error", nil), payment.LookupResult{Misconfigured: true, Reason: "401 invalid_request_error"}},
		"their fault":    {503, errorOf("api_error", nil), payment.LookupResult{Failure: true, Reason: "503 api_error"}},
		"nothing to it":  {200, "", payment.LookupResult{Reason: "200 with a body that cannot be read: it is empty"}},
		"declined":       {200, declined.JSON(), payment.LookupResult{Payment: paymentOf(payment.Declined, payment.Decline{Class: payment.Hard, Code: "lost_card", Message: "Lost."})}},
		"must act":       {200, intentOf("requires_action").JSON(), payment.LookupResult{Payment: paymentOf(payment.Pending, payment.Decline{})}},
		"by somebody":    {200, intentOf("canceled").JSON(), payment.LookupResult{Payment: paymentOf(payment.Canceled, payment.Decline{})}},
		"by duly itself": {200, intentOf("canceled").With(fields{"cancellation_reason": "abandoned"}).JSON(), payment.LookupResult{Payment: paymentOf(payment.Declined, unfinished(canceled))}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, serve(t, canned.Reply(tc.status, tc.body)).Look(t.Context(), payment.Ref{ID: "pi_1"}))
		})
	}
}

func paymentOf(status payment.Status, d payment.Decline) *payment.Payment {
	c := charge()
	return &payment.Payment{
		ID: "pi_1", Status: status, Key: c.Key, Reference: c.Reference, CustomerID: c.CustomerID, GatewayCustomer: customer, Money: c.Money, Decline: d, CreatedAt: now,
	}
}

// account lists the intents that were made at seconds, as Stripe does: the newest first, a hundred at most.
type account struct {
	made    []int64 // ascending
	asked   int
	longest int // of a page
}

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.asked++
	q := r.URL.Query()
	from, _ := strconv.ParseInt(q.Get("created[gte]"), 10, 64)
	to, _ := strconv.ParseInt(q.Get("created[lt]"), 10, 64)
	limit, _ := strconv.Atoi(q.Get("limit"))
	last := len(a.made)
	if after := q.Get("starting_after"); after != "" {
		last, _ = strconv.Atoi(after[len("pi_"):])
	}
	var page []fields
	more := false
	for i := last - 1; i >= 0; i-- {
		if a.made[i] < from || a.made[i] >= to {
			continue
		}
		if more = len(page) == limit; more {
			break
		}
		page = append(page, intentOf("succeeded").With(fields{"id": "pi_" + strconv.Itoa(i), "created": a.made[i]}))
	}
	a.longest = max(a.longest, len(page))
	canned.Reply(http.StatusOK, listOf(more, page...))(w, r)
}

func TestAListIsReadOldestFirst(t *testing.T) {
	base := now.Unix()
	var crowded []int64
	for i := range int64(2500) {
		crowded = append(crowded, base+i/40)
	}
	for i := range int64(300) {
		crowded = append(crowded, base+40_000+i*1000)
	}
	var sudden []int64
	for range 1300 {
		sudden = append(sudden, base+5)
	}
	for name, tc := range map[string]struct {
		made []int64
		most int // GETs
	}{
		"nothing":                       {nil, 1},
		"one":                           {[]int64{base}, 1},
		"a page and one":                {crowded[:101], 2},
		"a crowd, and then hardly any":  {crowded, 180},
		"more in a second than a part":  {sudden, 180},
		"hardly any, and nothing after": {[]int64{base, base + 80_000_000}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			books := &account{made: tc.made}
			client := serve(t, books.ServeHTTP)
			w := payment.Window{From: now, To: now.Add(100_000_000 * time.Second)}
			var all []payment.Payment
			cursors := map[string]bool{}
			for cursor := ""; ; {
				page, err := client.List(t.Context(), w, cursor)
				require.NoError(t, err)
				require.LessOrEqual(t, len(page.Payments), max(mostPages*pageSize, len(sudden)))
				all = append(all, page.Payments...)
				if cursor = page.Cursor; cursor == "" {
					break
				}
				require.NotEmpty(t, page.Payments, "a page that is followed by another has something on it")
				require.False(t, cursors[cursor])
				cursors[cursor] = true
			}
			require.Len(t, all, len(tc.made))
			for i, p := range all {
				require.Equal(t, "pi_"+strconv.Itoa(i), p.ID, "oldest first")
				require.Equal(t, tc.made[i], p.CreatedAt.Unix())
			}
			require.LessOrEqual(t, books.asked, tc.most)
		})
	}
}

// Stripe tells whole seconds: a window that begins or ends between two holds what was made in whole seconds of it.
func TestEdgesOfAWindow(t *testing.T) {
	base := now.Unix()
	books := &account{made: []int64{base, base + 1, base + 2}}
	client := serve(t, books.ServeHTTP)
	for name, tc := range map[string]struct {
		from, to time.Duration
		want     int
	}{
		"all": {0, 3 * time.Second, 3}, "not the first": {time.Microsecond, 3 * time.Second, 2}, "not the last": {0, 2 * time.Second, 2},
		"just the last too": {0, 2*time.Second + time.Microsecond, 3}, "none": {time.Second, time.Second, 0}, "none between": {time.Microsecond, time.Second, 0},
	} {
		page, err := client.List(t.Context(), payment.Window{From: now.Add(tc.from), To: now.Add(tc.to)}, "")
		require.NoError(t, err)
		require.Len(t, page.Payments, tc.want, name)
	}
}

func TestListsThatCannotBeRead(t *testing.T) {
	w := payment.Window{From: now, To: now.Add(time.Hour)}
	for name, tc := range map[string]struct {
		h    http.HandlerFunc
		want gateway.ListError
	}{
		"our key":        {canned.Reply(401, errorOf("invalid_request_error", nil)), gateway.ListError{Reason: "401 invalid_request_error: Something about it.", Misconfigured: true}},
		"too fast":       {canned.Reply(429, errorOf("invalid_request_error", fields{"code": "rate_limit"}), "Retry-After", "3"), gateway.ListError{Reason: "429 rate_limit: Something about it.", RetryAfter: 3 * time.Second}},
		"their fault":    {canned.Reply(500, errorOf("api_error", nil)), gateway.ListError{Reason: "500 api_error: Something about it.", Failure: true}},
		"a page":         {canned.Reply(200, "<html>"), gateway.ListError{Reason: "200 with an HTML page", Failure: true}},
		"no list":        {canned.Reply(200, "{}"), gateway.ListError{Reason: `200 with a body that cannot be read: field "data" is missing`}},
		"one unread":     {canned.Reply(200, listOf(false, intentOf("succeeded").With(fields{"amount": nil}))), gateway.ListError{Reason: `200 with a body that cannot be read: field "amount" is missing, payment pi_1`}},
		"no refunds":     {canned.Reply(200, listOf(false, intentOf("succeeded").With(fields{"latest_charge": "ch_1"}))), gateway.ListError{Reason: `200 with a body that cannot be read: field "latest_charge.amount_refunded" is missing, payment pi_1`}},
		"no one answers": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, gateway.ListError{Reason: "connection closed before the answer was whole", Failure: true}},
	} {
		_, err := serve(t, tc.h).List(t.Context(), w, "")
		known := new(gateway.ListError)
		require.ErrorAs(t, err, &known, name)
		require.Equal(t, tc.want, *known, name)
	}
	client := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	for _, cursor := range []string{"x", "1-2", "1-", fmt.Sprintf("%d-0", now.Unix()), fmt.Sprintf("%d-5", now.Unix()+3600)} {
		_, err := client.List(t.Context(), w, cursor)
		require.ErrorContains(t, err, "cursor", cursor)
	}
}
