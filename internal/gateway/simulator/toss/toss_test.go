package toss_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/plan"
	"duly/internal/gateway/simulator/toss"
	"duly/internal/payment"
)

func TestACharge(t *testing.T) {
	s := newShop(t, plan.Config{Token: "test_sk_1"})
	require.Equal(t, "NOT_FOUND_PAYMENT", s.find("ord_7-1").Code)
	r := s.charge("ord_7-1", "pm_ok:=x")
	require.Equal(t, []any{200, "ord_7-1", "월 구독", "DONE", "KRW", int64(12900), int64(12900), "2026-01-31T10:00:00+09:00"},
		[]any{r.code, r.OrderID, r.OrderName, r.Status, r.Currency, r.TotalAmount, r.BalanceAmount, r.RequestedAt})
	require.Equal(t, r.RequestedAt, *r.ApprovedAt)
	require.Equal(t, r.body, s.find("ord_7-1").body)
	require.Equal(t, r.body, s.get(r.PaymentKey).body)
	require.NotContains(t, r.body, "customer_key-7", "the customer is never shown")
	require.Equal(t, []core.Entry{{
		ID: r.PaymentKey, Key: "ord_7-1", Reference: "ord_7", CustomerID: "customer_key-7", GatewayCustomer: "customer_key-7", Method: "pm_ok:=x",
		Amount: 12900, Currency: "KRW", Status: payment.Succeeded, CreatedAt: still(),
	}}, s.sim.Ledger(), "the ledger is in duly's words")
}

// The ledger has duly's own key and reference, also where the orderId is made of a hash.
func TestKeysInTheLedger(t *testing.T) {
	s := newShop(t, plan.Config{})
	for key, want := range map[string]string{"sub_7_20260131-12": "sub_7_20260131", "o_1-1": "o_1", "주문-3": "주문", "no-number": "no-number"} {
		require.Equal(t, 200, s.charge(key, "pm_ok").code)
		require.Equal(t, "DONE", s.find(key).Status)
		ledger := s.sim.Ledger()
		e := ledger[len(ledger)-1]
		require.Equal(t, []string{key, want}, []string{e.Key, e.Reference})
	}
	require.Len(t, toss.New().Handle("o_1-1"), 45)
	s.do("POST", "/v1/billing/pm_ok", "", body("주문-4"))
	require.Equal(t, toss.New().Handle("주문-4"), s.sim.Ledger()[4].Key, "nothing says what it was made of")
	require.Equal(t, 1, s.sim.Requests()["주문-3"])
}

func TestDeclines(t *testing.T) {
	s := newShop(t, plan.Config{})
	for method, want := range map[string]string{
		"pm_soft": "403 REJECT_CARD_COMPANY", "pm_insufficient_funds": "403 REJECT_CARD_PAYMENT", "pm_limit_exceeded": "400 EXCEED_MAX_DAILY_PAYMENT_COUNT",
		"pm_hard": "400 INVALID_STOPPED_CARD", "pm_stolen_card": "400 INVALID_CARD_LOST_OR_STOLEN", "pm_closed_account": "400 INVALID_CARD_NUMBER",
		"pm_action": "400 INVALID_REJECT_CARD", "pm_expired_card": "400 INVALID_CARD_EXPIRATION", "pm_try_later": "400 NOT_AVAILABLE_PAYMENT",
		"pm_processing_error": "400 MAINTAINED_METHOD", "pm_unknown_code": "400 MOON_IN_WRONG_PHASE",
	} {
		key := "ord_" + method + "-1"
		r := s.charge(key, method)
		require.Equal(t, want, fmt.Sprint(r.code, " ", r.Code))
		found := s.find(key)
		require.Equal(t, []string{"ABORTED", r.Code}, []string{found.Status, found.Failure.Code})
		require.Nil(t, found.ApprovedAt)
	}
	s.sim.Update(func(c *plan.Config) { c.HideDeclines = true })
	require.Equal(t, "NOT_FOUND_PAYMENT", s.find("ord_pm_soft-1").Code, "Toss does not say whether a decline can be looked up")
}

// Every answer is repeated: to the same key, API key, method and path, whatever the body.
func TestKeptAnswers(t *testing.T) {
	s := newShop(t, plan.Config{})
	for method, code := range map[string]int{"pm_ok": 200, "pm_soft_1_then_ok": 403, "pm_reject_1_then_ok": 400, "pm_forbidden_1_then_ok": 403} {
		key := "ord_" + method + "-1"
		first := s.charge(key, method)
		require.Equal(t, code, first.code)
		other := body("ord_other-1")
		other["amount"] = 100
		again := s.do("POST", "/v1/billing/"+method, key, other)
		require.Equal(t, first.body, again.body)
		require.Len(t, strings.Split(first.trace, ","), 1)
		require.Len(t, strings.Split(again.trace, ","), 2, "a replay names two traces")
	}
	require.Empty(t, s.find("ord_other-1").Status)
	require.Equal(t, "DUPLICATED_ORDER_ID", s.charge("ord_pm_ok-1", "pm_ok:other").Code, "another path is another key, and the order is paid")
	s.key = "test_sk_2"
	require.Equal(t, "DUPLICATED_ORDER_ID", s.charge("ord_pm_ok-1", "pm_ok").Code, "so is another API key")
	require.Equal(t, 200, s.charge("ord_pm_reject_1_then_ok-1", "pm_reject_1_then_ok").code)
	require.Equal(t, "INVALID_REQUEST", s.do("POST", "/v1/billing/pm_ok", "ord_broken-1", "{").Code)
	require.Equal(t, "INVALID_REQUEST", s.charge("ord_broken-1", "pm_ok").Code, "also what cannot be read is an answer")
	s.sim.Update(func(c *plan.Config) { c.Forbidden = true })
	require.Equal(t, "FORBIDDEN_REQUEST", s.charge("ord_8-1", "pm_ok").Code)
	s.sim.Update(func(c *plan.Config) { c.Forbidden = false })
	require.Equal(t, "FORBIDDEN_REQUEST", s.charge("ord_8-1", "pm_ok").Code, "though the account was put right")
	require.Equal(t, 200, s.charge("ord_8-2", "pm_ok").code)
}

func TestKeysAreForgottenByDay(t *testing.T) {
	s := newShop(t, plan.Config{})
	first := s.charge("ord_7-1", "pm_soft_1_then_ok")
	s.sim.Advance(14*24*time.Hour + 14*time.Hour - 1) // a moment before midnight in Seoul
	require.Equal(t, first.body, s.charge("ord_7-1", "pm_soft_1_then_ok").body)
	s.sim.Advance(1)
	require.Equal(t, 200, s.charge("ord_7-1", "pm_soft_1_then_ok").code)
}

func TestErrorsOfToss(t *testing.T) {
	s := newShop(t, plan.Config{})
	for method, status := range map[string]string{"pm_error_paid": "DONE", "pm_error_declined": "ABORTED", "pm_error_nothing": ""} {
		codes := map[string]bool{}
		for n := range 40 {
			key := fmt.Sprintf("ord_%s%d-1", method, n)
			r := s.charge(key, method)
			require.Contains(t, []int{400, 500}, r.code)
			require.Equal(t, r.body, s.charge(key, method).body)
			require.Equal(t, status, s.find(key).Status)
			codes[r.Code] = true
		}
		require.Len(t, codes, 5)
		require.Contains(t, codes, "PROVIDER_ERROR")
	}
}

func TestErrorsOnDemand(t *testing.T) {
	s := newShop(t, plan.Config{})
	s.testCode = "REJECT_CARD_PAYMENT"
	r := s.charge("ord_7-1", "pm_ok")
	require.Equal(t, []any{403, "REJECT_CARD_PAYMENT"}, []any{r.code, r.Code})
	s.testCode = "IDEMPOTENT_REQUEST_PROCESSING"
	require.Equal(t, 409, s.charge("ord_8-1", "pm_ok").code)
	require.Empty(t, s.sim.Ledger())
	s.key = "live_sk_1"
	require.Equal(t, 200, s.charge("ord_8-1", "pm_ok").code, "a live key asks in vain")
}

func TestRefusals(t *testing.T) {
	s := newShop(t, plan.Config{Token: "test_sk_1"})
	for method, want := range map[string]string{
		"pm_reject": "400 INVALID_REQUEST", "pm_unauthorized": "401 UNAUTHORIZED_KEY", "pm_forbidden": "403 FORBIDDEN_REQUEST",
		"pm_unknown_method": "404 NOT_FOUND_BILLING", "pm_deleted_method": "400 ALREADY_REMOVED_BILLING_KEY",
	} {
		r := s.charge("ord_"+method+"-1", method)
		require.Equal(t, want, fmt.Sprint(r.code, " ", r.Code))
	}
	r := s.do("DELETE", "/v1/billing/pm_ok:1", "", nil)
	require.Equal(t, []any{200, ""}, []any{r.code, r.body})
	require.Equal(t, "ALREADY_REMOVED_BILLING_KEY", s.do("DELETE", "/v1/billing/pm_ok:1", "", nil).Code)
	require.Equal(t, "NOT_FOUND_BILLING", s.do("DELETE", "/v1/billing/pm_unknown_method", "", nil).Code)
	require.Equal(t, "ALREADY_REMOVED_BILLING_KEY", s.charge("ord_9-1", "pm_ok:1").Code)
	require.Equal(t, 200, s.charge("ord_9-2", "pm_ok:2").code)
	password := httptest.NewRequest("GET", "/v1/payments/tpay_1", nil)
	password.SetBasicAuth("test_sk_1", "password")
	w := httptest.NewRecorder()
	s.sim.ServeHTTP(w, password)
	require.Equal(t, 401, w.Code, "a secret key has no password")
	for _, key := range []string{"", "test_sk_2", "test_sk_11", "live_sk_1"} {
		s.key = key
		for _, r := range []reply{
			s.charge("ord_10-1", "pm_ok"), s.find("ord_10-1"), s.get("tpay_1"), s.refund("tpay_1", "rf_1", map[string]any{}),
			s.list("2026-01-01T00:00:00", "2026-02-01T00:00:00", ""), s.do("DELETE", "/v1/billing/pm_ok", "", nil),
		} {
			require.Equal(t, []any{401, "UNAUTHORIZED_KEY"}, []any{r.code, r.Code}, key)
		}
	}
}

func TestRequestsThatCannotWork(t *testing.T) {
	s := newShop(t, plan.Config{})
	n := 0
	charge := func(change func(map[string]any)) string {
		in := body("ord_7-1")
		change(in)
		n++
		r := s.do("POST", "/v1/billing/pm_ok", fmt.Sprint("try-", n), in)
		return fmt.Sprint(r.code, " ", r.Code)
	}
	for field, wrong := range map[string]map[string]any{
		"amount": {
			"400 INVALID_REQUIRED_PARAM": nil, "400 BELOW_ZERO_AMOUNT": -1, "400 BELOW_MINIMUM_AMOUNT": 99, "400 INVALID_REQUEST": "12900",
		},
		"customerKey": {
			"400 INVALID_REQUIRED_PARAM": nil, "400 INVALID_CUSTOMER_KEY": "고객", "500 FAILED_INTERNAL_SYSTEM_PROCESSING": strings.Repeat("x", 301),
		},
		"orderId":   {"400 INVALID_REQUIRED_PARAM": nil, "400 INVALID_ORDER_ID": "ord.1-1"},
		"orderName": {"400 INVALID_REQUIRED_PARAM": "", "400 INVALID_ORDER_NAME": strings.Repeat("월", 101)},
		"reference": {"400 INVALID_REQUEST": "ord_7"},
	} {
		for want, value := range wrong {
			require.Equal(t, want, charge(func(in map[string]any) { in[field] = value }), "%s: %v", field, value)
		}
	}
	require.Equal(t, "400 INVALID_ORDER_ID", charge(func(in map[string]any) { in["orderId"] = "short" }))
	require.Equal(t, "400 INVALID_ORDER_ID", charge(func(in map[string]any) { in["orderId"] = strings.Repeat("x", 65) }))
	require.Equal(t, "INVALID_IDEMPOTENCY_KEY", s.try("ord_7-1", strings.Repeat("k", 301), "pm_ok").Code)
	require.Empty(t, s.sim.Ledger())
	require.Equal(t, "200 ", charge(func(in map[string]any) { in["customerKey"] = strings.Repeat("x", 300) }))
}

func TestRefunds(t *testing.T) {
	s := newShop(t, plan.Config{})
	id := s.charge("ord_7-1", "pm_ok").PaymentKey
	part := map[string]any{"cancelAmount": 900, "refundableAmount": 12900}
	r := s.refund(id, "rf_1", part)
	require.Equal(t, []any{200, "PARTIAL_CANCELED", int64(12000), "DONE", "test"}, []any{r.code, r.Status, r.BalanceAmount, r.Cancels[0].CancelStatus, r.Cancels[0].CancelReason})
	require.Equal(t, r.body, s.refund(id, "rf_1", map[string]any{}).body, "the body is not looked at")
	for want, in := range map[string]map[string]any{
		"400 NOT_MATCHES_REFUNDABLE_AMOUNT": part,
		"403 NOT_CANCELABLE_AMOUNT":         {"cancelAmount": 12001},
		"400 INVALID_REQUEST":               {"cancelAmount": 0},
	} {
		r := s.refund(id, want, in)
		require.Equal(t, want, fmt.Sprint(r.code, " ", r.Code))
		require.Equal(t, r.body, s.refund(id, want, map[string]any{"cancelAmount": 1}).body, "errors are kept")
	}
	require.Equal(t, 400, s.refund(id, "rf_long", map[string]any{"cancelReason": strings.Repeat("x", 201)}).code)
	r = s.refund(id, "rf_2", map[string]any{})
	require.Equal(t, []any{"PARTIAL_CANCELED", int64(0), 2}, []any{r.Status, r.BalanceAmount, len(r.Cancels)}, "nothing is left, and it is not called canceled")
	require.Equal(t, "NOT_CANCELABLE_AMOUNT", s.refund(id, "rf_3", map[string]any{}).Code)
	require.Equal(t, int64(12900), s.sim.Ledger()[0].Refunded)

	id = s.charge("ord_8-1", "pm_ok").PaymentKey
	require.Equal(t, "CANCELED", s.refund(id, "rf_1", map[string]any{"cancelAmount": 12900}).Status, "the same key for another path")
	require.Equal(t, "ALREADY_CANCELED_PAYMENT", s.refund(id, "rf_2", map[string]any{}).Code)
	require.Equal(t, "NOT_FOUND_PAYMENT", s.refund("tpay_none", "rf_3", map[string]any{}).Code)
	require.Equal(t, "NOT_FOUND_PAYMENT", s.get("tpay_none").Code)
	for n, method := range []string{"pm_soft", "pm_pending"} {
		s.charge(fmt.Sprintf("ord_no%d-1", n), method)
		id := s.find(fmt.Sprintf("ord_no%d-1", n)).PaymentKey
		require.Equal(t, "NOT_CANCELABLE_PAYMENT", s.refund(id, "rf_4", map[string]any{}).Code)
	}
}

func TestRefundsThatDoNotGoSmoothly(t *testing.T) {
	s := newShop(t, plan.Config{})
	part := map[string]any{"cancelAmount": 900}
	id := s.charge("ord_7-1", "pm_refund_later").PaymentKey
	r := s.refund(id, "rf_1", part)
	require.Equal(t, []any{"DONE", int64(12900), "IN_PROGRESS"}, []any{r.Status, r.BalanceAmount, r.Cancels[0].CancelStatus})
	require.Equal(t, "NOT_CANCELABLE_AMOUNT", s.refund(id, "rf_2", map[string]any{"cancelAmount": 12900}).Code)
	require.Equal(t, int64(12000), s.get(id).BalanceAmount)

	id = s.charge("ord_8-1", "pm_refund_never").PaymentKey
	require.Equal(t, "ABORTED", s.refund(id, "rf_1", part).Cancels[0].CancelStatus)
	require.Equal(t, int64(12900), s.get(id).BalanceAmount)

	id = s.charge("ord_9-1", "pm_refund_error").PaymentKey
	r = s.refund(id, "rf_1", part)
	require.Contains(t, []int{400, 500}, r.code)
	require.Equal(t, r.body, s.refund(id, "rf_1", part).body, "the error is kept")
	require.Equal(t, int64(12000), s.get(id).BalanceAmount, "and the money went back")
}

func TestStatuses(t *testing.T) {
	s := newShop(t, plan.Config{})
	for method, want := range map[string]string{
		"pm_pending": "IN_PROGRESS", "pm_canceled": "CANCELED", "pm_refunded": "CANCELED", "pm_wrong_currency": "DONE",
	} {
		require.Equal(t, 200, s.charge("ord_"+method+"-1", method).code)
		require.Equal(t, want, s.find("ord_"+method+"-1").Status)
	}
	require.Zero(t, s.find("ord_pm_canceled-1").BalanceAmount)
	require.Equal(t, "USD", s.find("ord_pm_wrong_currency-1").Currency)
	require.Equal(t, int64(12901), s.charge("ord_amount-1", "pm_wrong_amount").TotalAmount)
	require.Equal(t, "ord_reference-1-other", s.charge("ord_reference-1", "pm_wrong_reference").OrderID)
}

func TestListing(t *testing.T) {
	s := newShop(t, plan.Config{})
	want := []string{}
	for n := range 30 {
		key := fmt.Sprintf("ord_%d-1", n)
		r := s.charge(key, []string{"pm_ok", "pm_soft", "pm_pending"}[n%3])
		if n%3 == 0 {
			want = append(want, key+" DONE")
		}
		s.sim.Advance(time.Second)
		if n == 27 {
			s.refund(r.PaymentKey, "rf_1", map[string]any{"cancelAmount": 900})
			want = append(want, key+" PARTIAL_CANCELED")
			s.sim.Advance(time.Second)
			s.refund(r.PaymentKey, "rf_2", map[string]any{})
			want = append(want, key+" PARTIAL_CANCELED")
		}
	}
	got := []string{}
	for after := ""; ; {
		r := s.list("2026-01-31T10:00:00", "2026-01-31T11:00:00", "&limit=5"+after)
		require.Equal(t, 200, r.code, r.body)
		for _, row := range r.rows {
			got = append(got, row.OrderID+" "+row.Status)
			require.Equal(t, "customer_key-7", row.CustomerKey)
		}
		if len(r.rows) < 5 {
			break
		}
		after = "&startingAfter=" + r.rows[4].TransactionKey
	}
	require.Equal(t, want, got, "declines and what is pending are not listed")
	require.Len(t, s.list("2026-01-31T10:00:03", "2026-01-31T10:00:06", "").rows, 2, "the end is part of the window")
	require.Empty(t, s.list("2026-01-31T01:00:00", "2026-01-31T02:00:00", "").rows, "the clock is Seoul's")
	require.Len(t, s.list("2026-01-31T10:00:28", "2026-01-31T10:01:00", "").rows, 2, "cancellations are listed when they were made")
	for _, bad := range [][3]string{
		{"2026-01-31T10:00:00Z", "2026-01-31T11:00:00", ""}, {"2026-01-31T10:00:00", "2026-01-31T11:00:00+09:00", ""}, {"", "", ""}, {"2026-01-31", "2026-02-01", ""},
	} {
		require.Equal(t, "INVALID_DATE", s.list(bad[0], bad[1], "").Code)
	}
	for _, more := range []string{"&limit=0", "&limit=5001", "&limit=x", "&startingAfter=none"} {
		require.Equal(t, "INVALID_REQUEST", s.list("2026-01-31T10:00:00", "2026-01-31T11:00:00", more).Code)
	}
	s.sim.Update(func(c *plan.Config) { c.ListLag = time.Minute })
	require.Empty(t, s.list("2026-01-31T10:00:00", "2026-01-31T10:00:20", "").rows, "what is fresh may be missing")
	s.sim.Advance(time.Minute)
	require.NotEmpty(t, s.list("2026-01-31T10:00:00", "2026-01-31T10:00:20", "").rows)
}

func TestPaymentsThatNobodyAskedFor(t *testing.T) {
	s := newShop(t, plan.Config{ClockSkew: time.Hour})
	id, err := s.sim.Inject(core.Entry{Key: "ord_7-1", Reference: "ord_7", CustomerID: "customer-7", Method: "pm_ok", Amount: 12900, Currency: "KRW", Refunded: 900})
	require.NoError(t, err)
	r := s.find("ord_7-1")
	require.Equal(t, []any{id, "PARTIAL_CANCELED", int64(12000), "2026-01-31T11:00:00+09:00"}, []any{r.PaymentKey, r.Status, r.BalanceAmount, r.RequestedAt})
	require.Len(t, s.list("2026-01-31T11:00:00", "2026-01-31T11:00:00", "").rows, 2)
}

func TestLookUpsThatComeTooFast(t *testing.T) {
	s := newShop(t, plan.Config{LookupFaults: plan.Faults{Conflict: 1, First: 1}})
	s.charge("ord_7-1", "pm_ok")
	r := s.find("ord_7-1")
	require.Equal(t, []any{403, "FORBIDDEN_CONSECUTIVE_REQUEST"}, []any{r.code, r.Code})
	require.Equal(t, "DONE", s.find("ord_7-1").Status)
	require.Equal(t, 409, s.charge("ord_8-1", "pm_conflict").code)
	require.Equal(t, 200, s.charge("ord_8-1", "pm_conflict").code)
}

// Whatever becomes of a charge, the contract holds, the key repeats the answer, and money is taken once.
func TestEveryOutcome(t *testing.T) {
	s := newShop(t, plan.Config{})
	for _, name := range plan.Outcomes() {
		key := "ord_" + name + "-1"
		first := s.charge(key, "pm_"+name)
		require.NotZero(t, first.code, name)
		require.NotEmpty(t, first.trace)
		s.find(key)
		require.Equal(t, first.body, s.charge(key, "pm_"+name).body, name)
	}
	require.Empty(t, s.sim.DoubleCharged())
	var rows []row
	require.NoError(t, json.Unmarshal([]byte(s.list("2026-01-31T00:00:00", "2026-02-01T00:00:00", "").body), &rows))
	require.NotEmpty(t, rows)
}
