package portone_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

// A record is ours only if its id is that of the key which its own data names.
func TestRecordsFoundByKey(t *testing.T) {
	test := func(key string) map[string]any {
		return map[string]any{"channel": map[string]any{"type": "TEST", "key": key, "pgProvider": "TOSSPAYMENTS"}}
	}
	notOurs := payment.Outcome{Kind: payment.Differs, Reason: "idempotency_key is not ours: payment " + paymentID}
	paidOutcome := payment.Outcome{Kind: payment.Paid, PaymentID: paymentID}
	differs := func(reason string) payment.Outcome {
		return payment.Outcome{Kind: payment.Differs, PaymentID: paymentID, Reason: reason}
	}
	pending := payment.Outcome{PaymentID: paymentID, LookUpOnly: true, Reason: "pending"}
	for name, tc := range map[string]struct {
		body string
		want payment.Outcome
	}{
		"paid":                        {record("PAID", nil), paidOutcome},
		"after a card's discount":     {record("PAID", map[string]any{"amount": map[string]any{"total": 12900, "discount": 900, "paid": 12000, "cancelled": 0}}), paidOutcome},
		"customer.id is not compared": {record("PAID", map[string]any{"customer": map[string]any{"id": "somebody"}}), paidOutcome},
		"our test channel":            {record("PAID", test("channel-key-1")), paidOutcome},
		"a test channel without key":  {record("PAID", map[string]any{"channel": map[string]any{"type": "TEST"}}), paidOutcome},
		"another test channel": {
			record("PAID", test("channel-key-2")),
			payment.Outcome{Kind: payment.Differs, Reason: "test channel channel-key-2 is not ours: payment " + paymentID},
		},
		"a further test channel":     {record("PAID", test("channel-key-window")), paidOutcome},
		"another live channel":       {record("PAID", map[string]any{"channel": map[string]any{"type": "LIVE", "key": "channel-key-2"}}), paidOutcome},
		"no custom data":             {record("PAID", map[string]any{"customData": nil}), notOurs},
		"other custom data":          {record("PAID", map[string]any{"customData": `{"cart":7}`}), notOurs},
		"custom data of another key": {record("PAID", map[string]any{"customData": `{"duly_key":"sub_42_20260131-2","duly_reference":"sub_42_20260131","duly_customer":"customer-7"}`}), notOurs},
		"another customer": {
			record("PAID", map[string]any{"customData": `{"duly_key":"sub_42_20260131-1","duly_reference":"sub_42_20260131","duly_customer":"customer-8"}`}),
			payment.Outcome{Kind: payment.Differs, Reason: "customer_id is not ours: payment " + paymentID},
		},
		"another reference": {
			record("PAID", map[string]any{"customData": `{"duly_key":"sub_42_20260131-1","duly_reference":"sub_41_20260131","duly_customer":"customer-7"}`}),
			payment.Outcome{Kind: payment.Differs, Reason: "reference is not ours: payment " + paymentID},
		},
		"another amount":    {record("PAID", map[string]any{"amount": amounts(12901, 0)}), differs("gateway booked 12,901 KRW, invoice is 12,900 KRW")},
		"another currency":  {record("PAID", map[string]any{"currency": "JPY"}), differs("gateway booked 12,900 JPY, invoice is 12,900 KRW")},
		"refunded in part":  {record("PARTIAL_CANCELLED", map[string]any{"amount": amounts(12900, 100), "paidAt": "2026-01-31T12:00:00Z"}), differs("refunded by someone")},
		"refunded in full":  {record("CANCELLED", map[string]any{"amount": amounts(12900, 12900), "paidAt": "2026-01-31T12:00:00Z"}), differs("refunded by someone")},
		"refunded, no time": {record("CANCELLED", map[string]any{"amount": amounts(12900, 12900)}), differs("refunded by someone")},
		"cancelled unpaid":  {record("CANCELLED", nil), differs("cancelled by someone")},
		"ready":             {record("READY", nil), pending},
		"pending":           {record("PENDING", nil), pending},
		"pay pending":       {record("PAY_PENDING", nil), pending},
		"virtual account":   {record("VIRTUAL_ACCOUNT_ISSUED", nil), pending},
		"another id":        {record("PAID", map[string]any{"id": "duly-other"}), payment.Outcome{Unreadable: true, Reason: "200 with another payment, duly-other"}},
		"a new status":      {record("SETTLED", nil), payment.Outcome{Unreadable: true, Reason: `200 with a body that cannot be read: field "status" is none that this version knows`}},
		"no status":         {record("", nil), payment.Outcome{Unreadable: true, Reason: `200 with a body that cannot be read: field "status" is missing`}},
		"no amount":         {record("PAID", map[string]any{"amount": nil}), payment.Outcome{Unreadable: true, Reason: `200 with a body that cannot be read: field "amount.total" is missing`}},
		"no currency":       {record("PAID", map[string]any{"currency": nil}), payment.Outcome{Unreadable: true, Reason: `200 with a body that cannot be read: field "currency" is missing`}},
		"no id":             {record("PAID", map[string]any{"id": nil}), payment.Outcome{Unreadable: true, Reason: `200 with a body that cannot be read: field "id" is missing`}},
		"half a body":       {record("PAID", nil)[:100], payment.Outcome{Unreadable: true, Reason: "200 with a body that cannot be read: its JSON is cut off"}},
		"a page":            {"<html>", payment.Outcome{Failure: true, Page: true, Reason: "200 with an HTML page"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := canned.Serve(t, canned.Reply(http.StatusOK, tc.body))
			require.Equal(t, gateway.Finding{Outcome: tc.want}, open(t, configFor(s.URL)).Find(t.Context(), charge(), "something-else"))
			require.Equal(t, "/payments/"+paymentID+"?storeId=store-1", s.Requests()[0].Target)
		})
	}
}

// A failure without a code of the payment company may be a time-out behind which the company took the money.
func TestFailureWithoutACodeIsPendingForAWhile(t *testing.T) {
	for _, tc := range []struct {
		at   string
		want payment.Kind
	}{{"2026-01-31T11:50:01Z", payment.InDoubt}, {"2026-01-31T11:50:00Z", payment.Refused}, {"2026-01-31T12:30:00Z", payment.InDoubt}} {
		for _, field := range []string{"failedAt", "requestedAt"} {
			body := record("FAILED", map[string]any{"failedAt": nil, field: tc.at, "failure": map[string]any{"reason": "timeout"}})
			o := open(t, configFor(canned.Serve(t, canned.Reply(http.StatusOK, body)).URL)).Find(t.Context(), charge(), "").Outcome
			require.Equal(t, tc.want, o.Kind, tc.at)
			if o.Kind == payment.Refused {
				require.Equal(t, payment.Decline{Class: payment.Soft, Code: "FAILED", Message: "timeout"}, o.Decline)
			}
		}
	}
}

// Only PortOne's own word is absence.
func TestPortOneAnswersToALookUp(t *testing.T) {
	const page = "<!doctype html>"
	for _, tc := range []struct {
		status                         int
		body                           string
		absent, misconfigured, failure bool
	}{
		{404, `{"type":"PAYMENT_NOT_FOUND","message":"no"}`, true, false, false},
		{404, "", false, false, false},
		{404, page, false, false, true},
		{404, `{"type":"CHANNEL_NOT_FOUND"}`, false, true, false},
		{400, `{"type":"PAYMENT_NOT_FOUND"}`, false, false, false},
		{401, `{"type":"UNAUTHORIZED"}`, false, true, false},
		{403, `{"type":"FORBIDDEN"}`, false, true, false},
		{403, "", false, false, false},
		{429, "", false, false, false},
		{302, "", false, false, false},
		{500, "", false, false, true},
		{502, page, false, false, true},
		{200, "{", false, false, false},
	} {
		client := open(t, configFor(canned.Serve(t, canned.Reply(tc.status, tc.body)).URL))
		f := client.Find(t.Context(), charge(), "")
		require.Equal(t, payment.InDoubt, f.Outcome.Kind)
		require.Equal(t, []bool{tc.absent, tc.misconfigured, tc.failure}, []bool{f.Absent, f.Misconfigured, f.Outcome.Failure}, "%d %s", tc.status, tc.body)
		for _, w := range []payment.Ref{{ID: "x"}, {Key: "sub_42_20260131-1"}} {
			s := client.Look(about(t), w)
			require.Nil(t, s.Payment)
			require.Equal(t, []bool{tc.absent, tc.misconfigured, tc.failure}, []bool{s.Absent, s.Misconfigured, s.Failure}, "%d %s", tc.status, tc.body)
		}
	}
}

func TestPortOneLook(t *testing.T) {
	s := canned.Serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/payments/" + paymentID:
			canned.Reply(http.StatusOK, record("PAID", nil))(w, r)
		case "/payments/order-7-first":
			canned.Reply(http.StatusOK, record("PAID", map[string]any{
				"id": "order-7-first", "customData": `{"duly_key":"order-7-first","duly_reference":"ord_7","duly_customer":"c"}`,
			}))(w, r)
		case "/payments/shop/7":
			canned.Reply(http.StatusOK, record("PAID", map[string]any{"id": "shop/7", "customData": nil}))(w, r)
		case "/payments/copied": // what stands in a browser can be written by anybody
			canned.Reply(http.StatusOK, record("PAID", map[string]any{"id": "copied"}))(w, r)
		default:
			canned.Reply(http.StatusNotFound, `{"type":"PAYMENT_NOT_FOUND"}`)(w, r)
		}
	})
	client := open(t, configFor(s.URL))
	ours := payment.Payment{
		ID: paymentID, Status: payment.Succeeded, Key: "sub_42_20260131-1", Reference: "sub_42_20260131", CustomerID: "customer-7",
		Money: payment.Money{Amount: 12900, Currency: "KRW"}, CreatedAt: time.Date(2026, 1, 31, 11, 59, 58, 0, time.UTC),
	}
	require.Equal(t, payment.LookupResult{Payment: &ours}, client.Look(t.Context(), payment.Ref{ID: paymentID}))
	require.Equal(t, payment.LookupResult{Payment: &ours}, client.Look(t.Context(), payment.Ref{Key: "sub_42_20260131-1"}))

	// A payment that a shop made by itself: its id is the key as it is.
	shops := client.Look(t.Context(), payment.Ref{Key: "order-7-first"}).Payment
	require.Equal(t, []string{"order-7-first", "order-7-first", "ord_7", "c"}, []string{shops.ID, shops.Key, shops.Reference, shops.CustomerID})
	require.Len(t, s.Requests(), 4, "it is looked for under both ids")

	// One without data of ours is nobody's.
	nobodys := client.Look(t.Context(), payment.Ref{ID: "shop/7"}).Payment
	require.Equal(t, []string{"shop/7", "shop/7", "", ""}, []string{nobodys.ID, nobodys.Key, nobodys.Reference, nobodys.CustomerID})

	copied := client.Look(t.Context(), payment.Ref{ID: "copied"}).Payment
	require.Equal(t, []string{"copied", "copied", "", ""}, []string{copied.ID, copied.Key, copied.Reference, copied.CustomerID})

	require.True(t, client.Look(t.Context(), payment.Ref{Key: "ord_1"}).Absent)
	for _, w := range []payment.Ref{{}, {ID: "."}, {ID: ".."}} {
		require.True(t, client.Look(t.Context(), w).Unaskable)
	}
}

func TestPing(t *testing.T) {
	for _, tc := range []struct {
		status int
		body   string
		want   string
	}{
		{404, `{"type":"PAYMENT_NOT_FOUND"}`, ""},
		{200, record("PAID", nil), ""},
		{401, `{"type":"UNAUTHORIZED","message":"no"}`, "gateway main: it refuses our secret (401 UNAUTHORIZED: no)"},
		{404, "", "gateway main: 404 without an error of PortOne's: is this the address of its API?"},
		{500, "", "gateway main: unexpected answer 500 Internal Server Error"},
		{200, "<html>", "gateway main: unexpected answer 200 with an HTML page"},
	} {
		err := open(t, configFor(canned.Serve(t, canned.Reply(tc.status, tc.body)).URL)).Ping(t.Context())
		if tc.want == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, tc.want)
	}
	gone := canned.Serve(t, canned.Reply(200, ""))
	gone.Close()
	require.EqualError(t, open(t, configFor(gone.URL)).Ping(t.Context()), "gateway main: connection refused")
}
