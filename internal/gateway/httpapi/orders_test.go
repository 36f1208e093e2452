package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/gateway"
	"duly/internal/gateway/exchange"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

func cancelling() payment.Cancel {
	return payment.Cancel{Key: "cx_ord_7-1", ID: "pay_1", RequestID: "run-3/7"}
}

func refunding() payment.Refund {
	return payment.Refund{Key: "rf_ord_7-1", ID: "pay_1", Amount: 900, Reason: "out of stock & late", RequestID: "run-3/7"}
}

// changes are the two calls that change a payment.
var changes = map[string]func(ctx context.Context, c *Client) payment.Reply{
	"cancel": func(ctx context.Context, c *Client) payment.Reply { return c.Cancel(ctx, cancelling()) },
	"refund": func(ctx context.Context, c *Client) payment.Reply { return c.Refund(ctx, refunding()) },
}

// recorded is a payment as the client reads it from paymentJSON.
func recorded(status payment.Status, refunded int64) *payment.Payment {
	return &payment.Payment{
		ID: "pay_1", Status: status, Key: "sub_42_20260131-1", Reference: "sub_42_20260131", CustomerID: "customer-7",
		Money: payment.Money{Amount: 12900, Currency: "KRW"}, Refunded: refunded, CreatedAt: now,
	}
}

func refundedJSON(status payment.Status, refunded int64) string {
	return paymentJSON(status, map[string]any{"refunded_amount": refunded})
}

func TestChangesAreTheRequestsOfTheContract(t *testing.T) {
	var got *http.Request
	var body []byte
	s := canned.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, refundedJSON(payment.Canceled, 900))
	})
	client := open(t, configFor(s.URL))
	for _, tc := range []struct {
		change          string
		path, key, body string
	}{
		{"cancel", "/v1/payments/pay_1/cancel", "cx_ord_7-1", `{}`},
		{"refund", "/v1/payments/pay_1/refunds", "rf_ord_7-1", `{"amount":900,"reason":"out of stock \u0026 late"}`},
	} {
		r := changes[tc.change](t.Context(), client)
		require.Equal(t, payment.Reply{Effect: payment.EffectDone, Payment: recorded(payment.Canceled, 900)}, r)
		require.Equal(t, "POST "+tc.path, got.Method+" "+got.URL.Path)
		require.Equal(t, []string{"Bearer " + token}, got.Header["Authorization"])
		require.Equal(t, []string{tc.key}, got.Header["Idempotency-Key"])
		require.Equal(t, []string{"run-3/7"}, got.Header["X-Request-Id"])
		require.Equal(t, []string{"application/json"}, got.Header["Content-Type"])
		require.Equal(t, int64(len(body)), got.ContentLength)
		require.Equal(t, tc.body, string(body), "the bytes, which must not change under one key")
	}
	bare := refunding()
	bare.Reason = ""
	client.Refund(t.Context(), bare)
	require.JSONEq(t, `{"amount":900}`, string(body))
}

func TestAnswersToAChange(t *testing.T) {
	unreadable := func(why string) string { return "200 with a body that cannot be read: " + why }
	unknown := func(reason string) payment.Reply { return payment.Reply{Reason: reason} }
	broken := func(reason string) payment.Reply { return payment.Reply{Reason: reason, Failure: true} }
	said := func(effect payment.Effect, reason string) payment.Reply {
		return payment.Reply{Effect: effect, Reason: reason}
	}
	done := func(status payment.Status, refunded int64) payment.Reply {
		return payment.Reply{Effect: payment.EffectDone, Payment: recorded(status, refunded)}
	}
	notAsAsked := func(status payment.Status) payment.Reply {
		return unknown("200 with a payment that is " + string(status) + ", and not as asked for")
	}
	declined := declinedJSON(map[string]any{"code": "lost_card"})
	type want struct{ cancel, refund payment.Reply }
	both := func(r payment.Reply) want { return want{r, r} }
	for _, tc := range []struct {
		name   string
		status int
		body   string
		header []string
		want   want
	}{
		{"cancelled", 200, paymentJSON(payment.Canceled, nil), nil, want{done(payment.Canceled, 0), notAsAsked(payment.Canceled)}},
		{"refunded in part", 200, refundedJSON(payment.Succeeded, 900), nil, want{notAsAsked(payment.Succeeded), done(payment.Succeeded, 900)}},
		{"refunded by more", 200, refundedJSON(payment.Succeeded, 12900), nil, want{notAsAsked(payment.Succeeded), done(payment.Succeeded, 12900)}},
		{"refunded by more than was paid", 200, refundedJSON(payment.Succeeded, 12901), nil, both(notAsAsked(payment.Succeeded))},
		{"refunded, of nothing", 200, paymentJSON(payment.Succeeded, map[string]any{"amount": 0, "refunded_amount": 900}), nil, both(notAsAsked(payment.Succeeded))},
		{"refunded by less", 200, refundedJSON(payment.Succeeded, 899), nil, both(notAsAsked(payment.Succeeded))},
		{"refunded and called cancelled", 200, refundedJSON(payment.Canceled, 900), nil, both(done(payment.Canceled, 900))},
		{"still pending", 200, refundedJSON(payment.Pending, 900), nil, both(notAsAsked(payment.Pending))},
		{"declined", 200, declined, nil, both(notAsAsked(payment.Declined))},
		{"another payment", 200, paymentJSON(payment.Canceled, map[string]any{"id": "pay_2", "refunded_amount": 900}), nil, both(unknown("200 with another payment, pay_2"))},
		{"no body", 200, "", nil, both(unknown(unreadable("it is empty")))},
		{"HTML", 200, "<html>", nil, both(broken("200 with an HTML page"))},
		{"half a body", 200, refundedJSON(payment.Canceled, 900)[:80], nil, both(unknown(unreadable("its JSON is cut off")))},
		{"an error as 200", 200, errorJSON, nil, both(unknown(unreadable(`field "id" is missing`)))},
		{"too long a body", 200, refundedJSON(payment.Canceled, 900) + strings.Repeat(" ", exchange.MaxBody), nil, both(unknown("the answer is too long"))},
		{"201", 201, refundedJSON(payment.Canceled, 900), nil, both(unknown("201 Created"))},
		{"202", 202, refundedJSON(payment.Canceled, 900), nil, both(unknown("202 Accepted"))},
		{"204", 204, "", nil, both(unknown("204 No Content"))},
		{"redirect", 307, "", []string{"Location", "/elsewhere"}, both(unknown("307 Temporary Redirect"))},
		{"400", 400, errorJSON, nil, both(said(payment.EffectRejected, "400 bad_thing: it is bad"))},
		{"400 without an error", 400, "<html>", nil, both(broken("400 with an HTML page"))},
		{"401", 401, errorJSON, nil, both(said(payment.EffectMisconfigured, "401 bad_thing: it is bad"))},
		{"402", 402, declined, nil, both(unknown("402 Payment Required"))},
		{"403", 403, "", nil, both(said(payment.EffectMisconfigured, "403 Forbidden"))},
		{"404", 404, errorJSON, nil, both(said(payment.EffectRejected, "404 bad_thing: it is bad"))},
		{"404 without an error", 404, "", nil, both(unknown("404 Not Found"))},
		{"405", 405, errorJSON, nil, both(unknown("405 bad_thing: it is bad"))},
		{"409", 409, errorJSON, nil, both(said(payment.EffectRefused, "409 bad_thing: it is bad"))},
		{"409 without an error", 409, "", nil, both(unknown("409 Conflict"))},
		{"422", 422, errorJSON, nil, both(said(payment.EffectRejected, "422 bad_thing: it is bad"))},
		{"422 without an error", 422, "{}", nil, both(unknown("422 Unprocessable Entity"))},
		{"429", 429, "", []string{"Retry-After", "7"}, both(payment.Reply{Effect: payment.EffectNone, Reason: "429 Too Many Requests", RetryAfter: 7 * time.Second})},
		{"500", 500, errorJSON, nil, both(broken("500 bad_thing: it is bad"))},
		{"500, not executed", 500, "", []string{"Not-Executed", "true"}, both(broken("500 Internal Server Error"))},
		{"502", 502, "", nil, both(broken("502 Bad Gateway"))},
		{"503", 503, "", []string{"Retry-After", "9"}, both(payment.Reply{Reason: "503 Service Unavailable", RetryAfter: 9 * time.Second, Failure: true})},
		{"503, not executed", 503, "", []string{"Not-Executed", "true"}, both(payment.Reply{Effect: payment.EffectNone, Reason: "503 Service Unavailable", Failure: true})},
		{"503, not so", 503, "", []string{"Not-Executed", "false"}, both(broken("503 Service Unavailable"))},
		{"unheard of", 599, "", nil, both(broken("599"))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client := open(t, configFor(canned.Serve(t, canned.Reply(tc.status, tc.body, tc.header...)).URL))
			require.Equal(t, tc.want.cancel, changes["cancel"](about(t), client))
			require.Equal(t, tc.want.refund, changes["refund"](about(t), client))
		})
	}
}

// Whatever comes back: only a 200 with the payment as it should stand says done, and only a refusal by one of the
// statuses that the contract gives for it says that nothing was.
func TestOnlyAWellFormedAnswerSaysDone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		status := rapid.OneOf(rapid.SampledFrom([]int{200, 400, 401, 403, 404, 409, 422, 429, 503}), rapid.IntRange(100, 599)).Draw(t, "status")
		p := refundedJSON(rapid.SampledFrom([]payment.Status{payment.Succeeded, payment.Declined, payment.Pending, payment.Canceled}).Draw(t, "payment"),
			rapid.SampledFrom([]int64{0, 899, 900, 12900}).Draw(t, "refunded"))
		body := rapid.SampledFrom([]string{p, p[:rapid.IntRange(0, len(p)).Draw(t, "cut")], errorJSON, "{}", "[]", ""}).Draw(t, "body")
		id := rapid.SampledFrom([]string{"pay_1", "pay_2"}).Draw(t, "id")
		notExecuted := rapid.Bool().Draw(t, "not executed")
		a := answer{exchange.Answer{Status: status, Body: []byte(body), Header: http.Header{"Not-Executed": {strconv.FormatBool(notExecuted)}}}}
		whole := body == p && id == "pay_1"
		r := effect(a, id, func(got payment.Payment) bool { return got.Refunded >= 900 })
		var want []payment.Effect
		switch {
		case status == 200 && whole && r.Payment != nil && r.Payment.Refunded >= 900:
			want = []payment.Effect{payment.EffectDone}
		case status == 401 || status == 403:
			want = []payment.Effect{payment.EffectMisconfigured}
		case status == 429 || status == 503 && notExecuted:
			want = []payment.Effect{payment.EffectNone}
		case body == errorJSON && (status == 400 || status == 404 || status == 422):
			want = []payment.Effect{payment.EffectRejected}
		case body == errorJSON && status == 409:
			want = []payment.Effect{payment.EffectRefused}
		default:
			want = []payment.Effect{payment.EffectUnknown}
		}
		if r.Effect != want[0] || (r.Effect == payment.EffectDone) != (r.Payment != nil) || r.Failure != (status >= 500) {
			t.Fatalf("%d %s is taken for %+v, want %v", status, body, r, want)
		}
	})
}

func TestChangeThatCanNeverBeSentIsRejectedUnsent(t *testing.T) {
	s := canned.Serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	client := open(t, configFor(s.URL))
	for name, r := range map[string]payment.Reply{
		"no key":            client.Cancel(t.Context(), payment.Cancel{ID: "pay_1"}),
		"key of 65":         client.Cancel(t.Context(), payment.Cancel{ID: "pay_1", Key: strings.Repeat("k", 65)}),
		"line break in key": client.Cancel(t.Context(), payment.Cancel{ID: "pay_1", Key: "a\r\nX-Evil: 1"}),
		"no id":             client.Cancel(t.Context(), payment.Cancel{Key: "cx_1"}),
		"up the path":       client.Cancel(t.Context(), payment.Cancel{ID: "..", Key: "cx_1"}),
		"nowhere":           client.Refund(t.Context(), payment.Refund{ID: ".", Key: "rf_1", Amount: 1}),
		"refund, no key":    client.Refund(t.Context(), payment.Refund{ID: "pay_1", Amount: 1}),
		"refund, no id":     client.Refund(t.Context(), payment.Refund{Key: "rf_1", Amount: 1}),
		"nothing":           client.Refund(t.Context(), payment.Refund{ID: "pay_1", Key: "rf_1"}),
		"less than nothing": client.Refund(t.Context(), payment.Refund{ID: "pay_1", Key: "rf_1", Amount: -1}),
	} {
		require.Equal(t, payment.EffectRejected, r.Effect, name)
		require.NotEmpty(t, r.Reason, name)
		require.False(t, r.Failure, name)
	}
}

func TestIdsAndKeysAreEscaped(t *testing.T) {
	var path string
	s := canned.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.EscapedPath()
		if r.URL.RawQuery != "" {
			t.Errorf("a query: %s", r.URL.RawQuery)
		}
		canned.Reply(404, errorJSON)(w, r)
	})
	client := open(t, configFor(s.URL))
	const odd, escaped = "a/../b?c#d%", "a%2F..%2Fb%3Fc%23d%25"
	client.Look(t.Context(), payment.Ref{ID: odd})
	require.Equal(t, "/v1/payments/"+escaped, path)
	client.Look(t.Context(), payment.Ref{Key: odd})
	require.Equal(t, "/v1/payments/by-key/"+escaped, path)
	client.Cancel(t.Context(), payment.Cancel{Key: "cx_1", ID: odd})
	require.Equal(t, "/v1/payments/"+escaped+"/cancel", path)
	client.Refund(t.Context(), payment.Refund{Key: "rf_1", ID: odd, Amount: 1})
	require.Equal(t, "/v1/payments/"+escaped+"/refunds", path)
}

func TestChangesAreSentOnceAndUnderGuard(t *testing.T) {
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Run("a connection that breaks", func(t *testing.T) {
				w := listen(t, func(w *wire, _ net.Conn, r *bufio.Reader) { w.read(r) })
				r := change(t.Context(), open(t, configFor(w.url)))
				require.Equal(t, payment.Reply{Failure: true, Reason: "connection closed before the answer was whole"}, r)
				require.EqualValues(t, 1, w.requests.Load())
			})
			t.Run("a kept connection that breaks", func(t *testing.T) {
				w := listen(t, func(w *wire, conn net.Conn, r *bufio.Reader) {
					if w.read(r) {
						answerPaid(conn)
						w.read(r)
					}
				})
				client := open(t, configFor(w.url))
				require.NotNil(t, client.Look(t.Context(), payment.Ref{ID: "pay_1"}).Payment)
				require.Equal(t, payment.EffectUnknown, change(t.Context(), client).Effect)
				require.EqualValues(t, 2, w.requests.Load(), "net/http does not send it again by itself")
				require.EqualValues(t, 1, w.accepted.Load())
			})
			t.Run("nobody there", func(t *testing.T) {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				require.NoError(t, err)
				require.NoError(t, l.Close())
				r := change(t.Context(), open(t, configFor("http://"+l.Addr().String())))
				require.Equal(t, payment.Reply{Effect: payment.EffectNone, Failure: true, Reason: "connection refused"}, r)
			})
			t.Run("called off", func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				r := change(ctx, open(t, configFor("http://127.0.0.1:1")))
				require.Equal(t, payment.Reply{Effect: payment.EffectNone, Reason: "called off"}, r)
			})
			t.Run("a guard that refuses", func(t *testing.T) {
				w := listen(t, func(w *wire, _ net.Conn, r *bufio.Reader) { w.read(r) })
				ctx := gateway.WithGuard(t.Context(), gateway.Guard{Check: func() error { return fmt.Errorf("%w: too late", gateway.ErrGuard) }})
				r := change(ctx, open(t, configFor(w.url)))
				require.Equal(t, payment.Reply{Effect: payment.EffectNone, Reason: "not sent: too late"}, r)
				require.Zero(t, w.bytes.Load())
			})
			t.Run("a guard that allows", func(t *testing.T) {
				asked := 0
				ctx := gateway.WithGuard(t.Context(), gateway.Guard{Check: func() error { asked++; return nil }})
				s := canned.Serve(t, canned.Reply(200, refundedJSON(payment.Canceled, 900)))
				require.Equal(t, payment.EffectDone, change(ctx, open(t, configFor(s.URL))).Effect)
				require.Equal(t, 1, asked)
			})
			t.Run("a redirect", func(t *testing.T) {
				s := canned.Serve(t, func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/elsewhere" {
						t.Error("followed")
					}
					http.Redirect(w, r, "/elsewhere", http.StatusPermanentRedirect)
				})
				require.Equal(t, payment.EffectUnknown, change(t.Context(), open(t, configFor(s.URL))).Effect)
			})
		})
	}
}

func TestChangesThatTimeOut(t *testing.T) {
	t.Parallel()
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			silent := listen(t, func(w *wire, _ net.Conn, r *bufio.Reader) {
				w.read(r)
				_, _ = r.ReadByte()
			})
			c := configFor(silent.url)
			c.Timeout = 2 * time.Second
			require.Equal(t, payment.Reply{Failure: true, Reason: "timed out after 2s"}, change(t.Context(), open(t, c)))
		})
	}
}

func TestLookAsksByIDOrElseByKey(t *testing.T) {
	var got *http.Request
	s := canned.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		_, _ = io.WriteString(w, paymentJSON(payment.Pending, nil))
	})
	for name, tc := range map[string]struct {
		which  payment.Ref
		noFind bool
		path   string // empty: nothing is asked
	}{
		"by id":                      {payment.Ref{ID: "pay_1"}, false, "/v1/payments/pay_1"},
		"by key":                     {payment.Ref{Key: "ord_7-1"}, false, "/v1/payments/by-key/ord_7-1"},
		"by id before key":           {payment.Ref{Key: "ord_7-1", ID: "pay_1"}, false, "/v1/payments/pay_1"},
		"by id, no keys":             {payment.Ref{Key: "ord_7-1", ID: "pay_1"}, true, "/v1/payments/pay_1"},
		"by key, no keys":            {payment.Ref{Key: "ord_7-1"}, true, ""},
		"by nothing":                 {payment.Ref{}, false, ""},
		"by an id that is no name":   {payment.Ref{Key: "ord_7-1", ID: ".."}, false, ""},
		"by a key that is no name":   {payment.Ref{Key: "."}, false, ""},
		"by an id with odd letters":  {payment.Ref{ID: "pay 1"}, false, "/v1/payments/pay 1"},
		"by a key of another script": {payment.Ref{Key: "주문-7"}, false, "/v1/payments/by-key/주문-7"},
	} {
		t.Run(name, func(t *testing.T) {
			c := configFor(s.URL)
			c.NoFind, got = tc.noFind, nil
			tc.which.RequestID = "run-3/7"
			seen := open(t, c).Look(t.Context(), tc.which)
			if tc.path == "" {
				require.True(t, seen.Unaskable)
				require.NotEmpty(t, seen.Reason)
				require.Nil(t, got)
				return
			}
			require.Equal(t, "GET "+tc.path, got.Method+" "+got.URL.Path)
			require.Equal(t, []string{"Bearer " + token}, got.Header["Authorization"])
			require.Equal(t, []string{"run-3/7"}, got.Header["X-Request-Id"])
			require.Empty(t, got.Header["Idempotency-Key"])
			if tc.which.ID == "pay 1" {
				require.Equal(t, payment.LookupResult{Reason: "200 with another payment, pay_1"}, seen)
				return
			}
			require.Equal(t, payment.LookupResult{Payment: recorded(payment.Pending, 0)}, seen)
		})
	}
}

func TestAnswersToALook(t *testing.T) {
	declined := recorded(payment.Declined, 0)
	declined.Decline = payment.Decline{Class: payment.Hard, Code: "lost_card", Message: "no"}
	for _, tc := range []struct {
		name   string
		status int
		body   string
		want   payment.LookupResult
	}{
		{"succeeded", 200, paymentJSON(payment.Succeeded, nil), payment.LookupResult{Payment: recorded(payment.Succeeded, 0)}},
		{"refunded in part", 200, refundedJSON(payment.Succeeded, 900), payment.LookupResult{Payment: recorded(payment.Succeeded, 900)}},
		{"cancelled", 200, paymentJSON(payment.Canceled, nil), payment.LookupResult{Payment: recorded(payment.Canceled, 0)}},
		{"declined", 200, declinedJSON(map[string]any{"code": "lost_card", "message": "no"}), payment.LookupResult{Payment: declined}},
		{"an unknown status", 200, paymentJSON("disputed", nil), payment.LookupResult{Reason: `200 with a body that cannot be read: field "status" is "disputed", which the contract does not have`}},
		{"another payment", 200, paymentJSON(payment.Succeeded, map[string]any{"id": "pay_2"}), payment.LookupResult{Reason: "200 with another payment, pay_2"}},
		{"unreadable", 200, "{", payment.LookupResult{Reason: "200 with a body that cannot be read: its JSON is cut off"}},
		{"HTML", 200, "<html>", payment.LookupResult{Reason: "200 with an HTML page", Failure: true}},
		{"a list", 200, "[" + paymentJSON(payment.Succeeded, nil) + "]", payment.LookupResult{Reason: "200 with a body that cannot be read: it is a JSON array, not an object"}},
		{"absent", 404, errorJSON, payment.LookupResult{Absent: true, Reason: "404 bad_thing: it is bad"}},
		{"no such page", 404, "<html>", payment.LookupResult{Reason: "404 with an HTML page", Failure: true}},
		{"gone", 410, errorJSON, payment.LookupResult{Reason: "410 bad_thing: it is bad"}},
		{"redirect", 302, "", payment.LookupResult{Reason: "302 Found"}},
		{"400", 400, errorJSON, payment.LookupResult{Reason: "400 bad_thing: it is bad"}},
		{"401", 401, "", payment.LookupResult{Misconfigured: true, Reason: "401 Unauthorized"}},
		{"402", 402, declinedJSON(map[string]any{"code": "lost_card"}), payment.LookupResult{Reason: "402 Payment Required"}},
		{"403", 403, errorJSON, payment.LookupResult{Misconfigured: true, Reason: "403 bad_thing: it is bad"}},
		{"429", 429, "", payment.LookupResult{Reason: "429 Too Many Requests", RetryAfter: 3 * time.Second}},
		{"500", 500, "", payment.LookupResult{Failure: true, Reason: "500 Internal Server Error", RetryAfter: 3 * time.Second}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var header []string
			if tc.want.RetryAfter > 0 {
				header = []string{"Retry-After", "3"}
			}
			client := open(t, configFor(canned.Serve(t, canned.Reply(tc.status, tc.body, header...)).URL))
			require.Equal(t, tc.want, client.Look(about(t), payment.Ref{ID: "pay_1"}))
		})
	}
	w := listen(t, func(w *wire, _ net.Conn, r *bufio.Reader) { w.read(r) })
	require.Equal(t, payment.LookupResult{Failure: true, Reason: "connection closed before the answer was whole"},
		open(t, configFor(w.url)).Look(t.Context(), payment.Ref{Key: "k"}))
}

func TestNoSecretInAnyReply(t *testing.T) {
	leak := "your " + token + "!"
	for name, h := range map[string]http.HandlerFunc{
		"error":         canned.Reply(400, `{"code":"`+leak+`","message":"`+leak+`"}`),
		"id":            canned.Reply(200, paymentJSON(payment.Succeeded, map[string]any{"id": leak})),
		"decline":       canned.Reply(200, declinedJSON(map[string]any{"code": leak, "message": leak, "network_code": leak, "advice_code": leak})),
		"unread in all": canned.Reply(200, `{"data":[{"id":"`+leak+`"}]}`),
	} {
		client := open(t, configFor(canned.Serve(t, h).URL))
		page, err := client.List(t.Context(), payment.Window{}, "")
		require.Error(t, err, name)
		for _, said := range []any{
			client.Look(t.Context(), payment.Ref{Key: "k"}), client.Look(t.Context(), payment.Ref{ID: "pay_1"}),
			client.Cancel(t.Context(), cancelling()), client.Refund(t.Context(), refunding()), page, err.Error(),
		} {
			text, err := json.Marshal(said)
			require.NoError(t, err)
			require.NotContains(t, string(text), token, name)
		}
	}
}

func window() payment.Window {
	return payment.Window{From: now.Add(-time.Hour).In(time.FixedZone("KST", 9*3600)), To: now.Add(time.Microsecond)}
}

func pageJSON(next any, payments ...string) string {
	cursor, _ := json.Marshal(next)
	return `{"data":[` + strings.Join(payments, ",") + `],"next_cursor":` + string(cursor) + `}`
}

func TestListIsTheRequestOfTheContract(t *testing.T) {
	var got *http.Request
	s := canned.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		_, _ = io.WriteString(w, pageJSON("next +1", paymentJSON(payment.Succeeded, nil), declinedJSON(map[string]any{"code": "lost_card"})))
	})
	client := open(t, configFor(s.URL))
	page, err := client.List(t.Context(), window(), "")
	require.NoError(t, err)
	declined := *recorded(payment.Declined, 0)
	declined.Decline = payment.Decline{Class: payment.Hard, Code: "lost_card"}
	require.Equal(t, payment.Listing{Payments: []payment.Payment{*recorded(payment.Succeeded, 0), declined}, Cursor: "next +1"}, page)
	require.Equal(t, "GET /v1/payments", got.Method+" "+got.URL.Path)
	require.Equal(t, map[string][]string{
		"created_from": {"2026-01-31T11:00:00Z"}, "created_to": {"2026-01-31T12:00:00.000001Z"}, "limit": {"1000"},
	}, map[string][]string(got.URL.Query()))
	require.Equal(t, []string{"Bearer " + token}, got.Header["Authorization"])

	_, err = client.List(t.Context(), window(), "a&b=c")
	require.NoError(t, err)
	require.Equal(t, "a&b=c", got.URL.Query().Get("cursor"))
}

func TestAnswersToAListing(t *testing.T) {
	paid := paymentJSON(payment.Succeeded, nil)
	for _, tc := range []struct {
		name   string
		status int
		body   string
		want   gateway.ListError // Reason empty: the page is read
	}{
		{"the last page", 200, pageJSON(nil, paid), gateway.ListError{}},
		{"no cursor at all", 200, `{"data":[]}`, gateway.ListError{}},
		{"an empty cursor", 200, pageJSON("", paid), gateway.ListError{}},
		{"no data", 200, `{"next_cursor":null}`, gateway.ListError{Reason: `200 with a page that cannot be read: field "data" is missing`}},
		{"data that are null", 200, `{"data":null}`, gateway.ListError{Reason: `200 with a page that cannot be read: field "data" is missing`}},
		{"no JSON", 200, "<html>", gateway.ListError{Reason: "200 with an HTML page", Failure: true}},
		{"an amount as text", 200, pageJSON(nil, paymentJSON(payment.Succeeded, map[string]any{"amount": "1"})), gateway.ListError{Reason: `200 with a page that cannot be read: field "data.amount" is a JSON string, not an integer`}},
		{"half a page", 200, pageJSON(nil, paid)[:100], gateway.ListError{Reason: "200 with a page that cannot be read: its JSON is cut off"}},
		{"a payment of no known status", 200, pageJSON(nil, paid, paymentJSON("disputed", nil)), gateway.ListError{Reason: `200 with a payment that cannot be read: field "status" is "disputed", which the contract does not have, payment pay_1`}},
		{"a page that is followed by itself", 200, pageJSON("c", paid), gateway.ListError{Reason: "a page that is followed by itself"}},
		{"400", 400, errorJSON, gateway.ListError{Reason: "400 bad_thing: it is bad"}},
		{"401", 401, "", gateway.ListError{Reason: "401 Unauthorized", Misconfigured: true}},
		{"403", 403, "", gateway.ListError{Reason: "403 Forbidden", Misconfigured: true}},
		{"404", 404, errorJSON, gateway.ListError{Reason: "404 bad_thing: it is bad", NoList: true}},
		{"405", 405, "", gateway.ListError{Reason: "405 Method Not Allowed", NoList: true}},
		{"429", 429, "", gateway.ListError{Reason: "429 Too Many Requests", RetryAfter: 3 * time.Second}},
		{"500", 500, "", gateway.ListError{Reason: "500 Internal Server Error", Failure: true, RetryAfter: 3 * time.Second}},
		{"redirect", 308, "", gateway.ListError{Reason: "308 Permanent Redirect"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var header []string
			if tc.want.RetryAfter > 0 {
				header = []string{"Retry-After", "3"}
			}
			page, err := open(t, configFor(canned.Serve(t, canned.Reply(tc.status, tc.body, header...)).URL)).List(t.Context(), window(), "c")
			if tc.want.Reason == "" {
				require.NoError(t, err)
				require.Empty(t, page.Cursor)
				return
			}
			var got *gateway.ListError
			require.ErrorAs(t, err, &got)
			require.Equal(t, tc.want, *got)
			require.Equal(t, tc.want.Misconfigured, errors.Is(err, gateway.ErrMisconfigured))
			require.Zero(t, page)
		})
	}
	w := listen(t, func(w *wire, _ net.Conn, r *bufio.Reader) { w.read(r) })
	_, err := open(t, configFor(w.url)).List(t.Context(), window(), "")
	var got *gateway.ListError
	require.ErrorAs(t, err, &got)
	require.True(t, got.Failure)
}

// A full page of payments whose fields are as long as they may be is longer than other answers, and is read; one
// that is longer still is asked for by halves.
func TestLongPages(t *testing.T) {
	long := paymentJSON(payment.Declined, map[string]any{
		"id": strings.Repeat("i", 255), "idempotency_key": strings.Repeat("k", 64), "reference": strings.Repeat("참", 64),
		"customer_id": strings.Repeat("c", 255), "decline": map[string]any{"code": strings.Repeat("d", 255), "message": strings.Repeat("문", 500)},
	})
	pageOf := func(n int, text string) string {
		return pageJSON(nil, strings.Split(strings.Repeat(text+"\n", n-1)+text, "\n")...)
	}
	full := pageOf(longestPage, long)
	require.Greater(t, len(full), exchange.MaxBody)
	page, err := open(t, configFor(canned.Serve(t, canned.Reply(200, full)).URL)).List(t.Context(), window(), "")
	require.NoError(t, err)
	require.Len(t, page.Payments, longestPage)

	var limits []string
	longer := paymentJSON(payment.Succeeded, map[string]any{"customer_id": strings.Repeat("c", 20_000)})
	s := canned.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		limit := r.URL.Query().Get("limit")
		limits = append(limits, limit)
		var n int
		_, _ = fmt.Sscan(limit, &n)
		_, _ = io.WriteString(w, pageOf(n, longer))
	})
	client := open(t, configFor(s.URL))
	for range 2 {
		_, err = client.List(t.Context(), window(), "")
		var got *gateway.ListError
		require.ErrorAs(t, err, &got)
		require.Contains(t, got.Reason, "too long")
		require.False(t, got.Failure)
	}
	for range 2 {
		page, err = client.List(t.Context(), window(), "")
		require.NoError(t, err)
		require.Len(t, page.Payments, 250)
	}
	require.Equal(t, []string{"1000", "500", "250", "250"}, limits)
}

func TestAPaymentTooLongForAnyPage(t *testing.T) {
	client := open(t, configFor(canned.Serve(t, canned.Reply(200, strings.Repeat(" ", exchange.MaxPage+1))).URL))
	client.page.Store(2)
	for range 3 {
		_, err := client.List(t.Context(), window(), "")
		require.Error(t, err)
	}
	require.EqualValues(t, 1, client.page.Load(), "never none")
}
