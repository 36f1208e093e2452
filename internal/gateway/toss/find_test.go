package toss_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

func TestFindByKey(t *testing.T) {
	s := canned.Serve(t, canned.Reply(http.StatusOK, record("DONE", nil)))
	f := open(t, configFor(s.URL)).Find(t.Context(), charge(), "something-else")
	require.Equal(t, gateway.Finding{Outcome: payment.Outcome{Kind: payment.Paid, PaymentID: paymentKey}}, f)
	require.Equal(t, "GET /v1/payments/orders/"+key, s.Requests()[0].Method+" "+s.Requests()[0].Target)
	require.Equal(t, basic(), s.Requests()[0].Header.Get("Authorization"))

	s = canned.Serve(t, canned.Reply(http.StatusOK, record("DONE", map[string]any{"orderId": "sub_42_20260131-2"})))
	require.Equal(t, payment.Outcome{Unreadable: true, Reason: "200 with another payment, " + paymentKey}, open(t, configFor(s.URL)).Find(t.Context(), charge(), "").Outcome)
}

// A record says of a charge only what its orderId does: the key, and the reference in it. Whom it is of Toss does not keep.
func TestRecordsAreProvenByTheirOrder(t *testing.T) {
	for _, tc := range []struct {
		prefix, order, name string
		key, reference      string
	}{
		{"", "sub_42_20260131-1", "", "sub_42_20260131-1", "sub_42_20260131"},
		{"eu-", "eu-sub_42_20260131-12", "", "eu-sub_42_20260131-12", "sub_42_20260131"},
		{"eu-", "us-sub_42_20260131-1", "", "us-sub_42_20260131-1", "us-sub_42_20260131"},
		{"", "ord_77", "", "ord_77", "ord_77"},
		{"", "ord_7-1", "", "ord_7-1", "ord_7"},
		{"", "ord_7-x", "", "ord_7-x", "ord_7-x"},
		{"", provider.ID("ord_1"), "Tea #ord_1", "ord_1", "ord_1"},
		{"", provider.ID("a b-2"), "Tea #1 #a b-2", "a b-2", "a b"},
		{"", provider.ID("ord_1"), "Tea #ord_2", provider.ID("ord_1"), ""},
		{"", provider.ID("ord_1"), "Tea", provider.ID("ord_1"), ""},
	} {
		c := configFor(canned.Serve(t, canned.Reply(http.StatusOK, record("DONE", map[string]any{"orderId": tc.order, "orderName": tc.name}))).URL)
		c.KeyPrefix = tc.prefix
		p := open(t, c).Look(about(t), payment.Ref{ID: paymentKey}).Payment
		require.Equal(t, payment.Payment{
			ID: paymentKey, Status: payment.Succeeded, Key: tc.key, Reference: tc.reference, CustomerUnknown: true,
			Money: payment.Money{Amount: 12900, Currency: "KRW"}, CreatedAt: now,
		}, *p)
	}
}

// Only Toss's own word is absence.
func TestTossAnswersToALookUp(t *testing.T) {
	for _, tc := range []struct {
		status                         int
		body                           string
		absent, misconfigured, failure bool
	}{
		{404, `{"code":"NOT_FOUND_PAYMENT","message":"no"}`, true, false, false},
		{404, "", false, false, false},
		{404, "<!doctype html>", false, false, true},
		{404, `{"code":"NOT_FOUND_MERCHANT","message":"no"}`, false, true, false},
		{404, `{"code":"NOT_FOUND_PAYMENT_SESSION","message":"no"}`, false, false, false},
		{400, `{"code":"NOT_FOUND_PAYMENT","message":"no"}`, false, false, false},
		{401, `{"code":"UNAUTHORIZED_KEY","message":"no"}`, false, true, false},
		{403, `{"code":"FORBIDDEN_REQUEST","message":"no"}`, false, true, false},
		{403, `{"code":"FORBIDDEN_CONSECUTIVE_REQUEST","message":"slower"}`, false, false, false},
		{403, "", false, false, false},
		{429, "", false, false, false},
		{302, "", false, false, false},
		{500, `{"code":"COMMON_ERROR","message":"no"}`, false, false, true},
		{200, "{", false, false, false},
	} {
		client := open(t, configFor(canned.Serve(t, canned.Reply(tc.status, tc.body)).URL))
		f := client.Find(t.Context(), charge(), "")
		require.Equal(t, payment.InDoubt, f.Outcome.Kind)
		require.Equal(t, []bool{tc.absent, tc.misconfigured, tc.failure}, []bool{f.Absent, f.Misconfigured, f.Outcome.Failure}, "%d %s", tc.status, tc.body)
		for _, w := range []payment.Ref{{ID: "x"}, {Key: key}} {
			s := client.Look(about(t), w)
			require.Nil(t, s.Payment)
			require.Equal(t, []bool{tc.absent, tc.misconfigured, tc.failure}, []bool{s.Absent, s.Misconfigured, s.Failure}, "%d %s", tc.status, tc.body)
		}
	}
}

func TestLook(t *testing.T) {
	s := canned.Serve(t, canned.Reply(http.StatusOK, record("PARTIAL_CANCELED", map[string]any{"balanceAmount": 12000, "requestedAt": "2026-01-31T20:59:58", "approvedAt": "2026-01-31T21:00:00"})))
	client := open(t, configFor(s.URL))
	for _, w := range []payment.Ref{{ID: paymentKey}, {Key: key}, {ID: paymentKey, Key: "other"}} {
		p := client.Look(t.Context(), w).Payment
		require.EqualValues(t, 900, p.Refunded)
		require.Equal(t, now, p.CreatedAt, "a time without a zone is Seoul's")
	}
	require.Equal(t, "/v1/payments/"+paymentKey, s.Requests()[0].Target)
	require.Equal(t, "/v1/payments/orders/"+key, s.Requests()[1].Target)
	for _, w := range []payment.Ref{{ID: "other"}, {Key: "other-order"}} {
		require.Equal(t, payment.LookupResult{Reason: "200 with another payment, " + paymentKey}, client.Look(t.Context(), w))
	}
	for _, w := range []payment.Ref{{}, {ID: "."}, {ID: ".."}} {
		require.True(t, client.Look(t.Context(), w).Unaskable)
	}
	_ = client.Look(t.Context(), payment.Ref{Key: "ord_1"})
	got := s.Requests()
	require.Equal(t, "/v1/payments/orders/"+provider.ID("ord_1"), got[len(got)-1].Target)
}

func TestPing(t *testing.T) {
	for _, tc := range []struct {
		status int
		body   string
		want   string
	}{
		{404, `{"code":"NOT_FOUND_PAYMENT","message":"no"}`, ""},
		{200, record("DONE", nil), ""},
		{401, `{"code":"UNAUTHORIZED_KEY","message":"no"}`, "gateway main: it refuses our secret key (401 UNAUTHORIZED_KEY: no)"},
		{404, "", "gateway main: 404 without an error of Toss's: is this the address of its API?"},
		{500, "", "gateway main: unexpected answer 500 Internal Server Error"},
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
