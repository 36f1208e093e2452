package portone_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/plan"
	"duly/internal/payment"
)

func TestACharge(t *testing.T) {
	s := newShop(t, plan.Config{Token: "secret"})
	require.Equal(t, 404, s.get("ord_7-1").code)
	r := s.charge("ord_7-1", "pm_ok")
	require.Equal(t, 200, r.code)
	require.NotEmpty(t, r.Payment.PgTxID)
	require.Equal(t, "2026-01-31T00:00:00Z", r.Payment.PaidAt)
	require.NotContains(t, r.body, "12900", "the answer shows no amount")

	found := s.get("ord_7-1")
	require.Equal(t, []any{"PAID", idOf("ord_7-1"), int64(12900), int64(12900), int64(0), "KRW", "customer-7", "monthly", r.Payment.PgTxID},
		[]any{found.Status, found.ID, found.Amount.Total, found.Amount.Paid, found.Amount.Cancelled, found.Currency, found.Customer.ID, found.OrderName, found.PgTxID})
	require.Equal(t, body("ord_7-1", "pm_ok")["customData"], found.CustomData)

	require.Equal(t, []core.Entry{{
		ID: idOf("ord_7-1"), Key: "ord_7-1", Reference: "ord_7", CustomerID: "customer-7", Method: "pm_ok", Amount: 12900, Currency: "KRW",
		Status: payment.Succeeded, CreatedAt: still(),
	}}, s.sim.Ledger(), "the ledger is in duly's words")
	require.Equal(t, map[string]int{"ord_7-1": 1}, s.sim.Requests())
}

func TestWithoutCustomData(t *testing.T) {
	s := newShop(t, plan.Config{})
	in := body("ord_7-1", "pm_ok")
	in["customData"] = "anything"
	s.do("POST", "/payments/a-payment/billing-key", "", in)
	e := s.sim.Ledger()[0]
	require.Equal(t, []string{"a-payment", "a-payment", "customer-7"}, []string{e.Key, e.Reference, e.CustomerID})
	require.Equal(t, "anything", s.do("GET", "/payments/a-payment", "", nil).CustomData)

	in = body("ord_7-1", "pm_ok")
	in["customer"] = map[string]any{"id": "customer-8"}
	s.do("POST", "/payments/"+idOf("ord_7-1")+"/billing-key", "", in)
	require.Equal(t, in["customData"], s.get("ord_7-1").CustomData, "it is shown as it was sent")
	delete(in, "customer")
	s.do("POST", "/payments/"+idOf("ord_7-2")+"/billing-key", "", in)
	require.Equal(t, "customer-8", s.sim.Ledger()[1].CustomerID, "PortOne's own field counts")
	require.Equal(t, "customer-7", s.sim.Ledger()[2].CustomerID)
}

func TestDeclines(t *testing.T) {
	s := newShop(t, plan.Config{})
	for method, code := range map[string]string{
		"pm_soft": "REJECT_CARD_COMPANY", "pm_insufficient_funds": "REJECT_CARD_PAYMENT", "pm_stolen_card": "INVALID_CARD_LOST_OR_STOLEN",
		"pm_expired_card": "INVALID_CARD_EXPIRATION", "pm_try_later": "NOT_AVAILABLE_PAYMENT", "pm_unknown_code": "MOON_IN_WRONG_PHASE", "pm_no_code": "",
	} {
		key := "ord_" + method + "-1"
		r := s.charge(key, method)
		require.Equal(t, []any{502, "PG_PROVIDER", code}, []any{r.code, r.Type, r.PgCode}, "declines arrive as errors of the gateway")
		require.Equal(t, r, s.charge(key, method), "the key answers with its first answer")
		found := s.get(key)
		require.Equal(t, "FAILED", found.Status)
		require.Equal(t, code, found.Failure.PgCode)
		require.Equal(t, method == "pm_no_code", !strings.Contains(found.body, "pgCode"))
		require.Zero(t, found.Amount.Paid)
	}
	require.Len(t, s.sim.Ledger(), 7)
}

func TestAnIDIsTriedSeveralTimesAndPaidOnce(t *testing.T) {
	s := newShop(t, plan.Config{})
	key, other := "ord_7-1", func(n int) string { return fmt.Sprintf("another-key-of-ours-%d", n) }
	require.Equal(t, 502, s.try(key, other(1), "pm_soft_2_then_ok").code)
	require.Equal(t, 502, s.try(key, other(2), "pm_soft_2_then_ok").code)
	require.Equal(t, "FAILED", s.get(key).Status)
	require.Equal(t, 200, s.try(key, other(3), "pm_soft_2_then_ok").code)
	r := s.try(key, other(4), "pm_soft_2_then_ok")
	require.Equal(t, []any{409, "ALREADY_PAID"}, []any{r.code, r.Type})
	require.Equal(t, "PAID", s.get(key).Status, "what took money is shown")
	require.Empty(t, s.sim.DoubleCharged())
	require.Len(t, s.list(map[string]any{"from": still(), "until": still().Add(time.Hour)}).Items, 1, "a payment is listed once")

	for n := range 30 {
		require.Equal(t, 502, s.try("ord_8-1", other(100+n), "pm_soft").code)
	}
	r = s.try("ord_8-1", other(131), "pm_soft")
	require.Equal(t, []any{400, "MAX_TRANSACTION_COUNT_REACHED"}, []any{r.code, r.Type})
}

func TestKeys(t *testing.T) {
	s := newShop(t, plan.Config{})
	first := s.charge("ord_7-1", "pm_ok")
	require.Equal(t, first, s.charge("ord_7-1", "pm_ok"))
	changed := body("ord_7-1", "pm_ok")
	changed["orderName"] = "yearly"
	r := s.do("POST", "/payments/"+idOf("ord_7-1")+"/billing-key", `"`+idOf("ord_7-1")+`"`, changed)
	require.Equal(t, 422, r.code)
	require.Empty(t, r.Type, "PortOne does not say which")
	require.Equal(t, 422, s.try("ord_8-1", idOf("ord_7-1"), "pm_ok").code, "a key stands for one request, of any payment")
	require.Equal(t, 422, s.do("POST", "/payments/another-payment/billing-key", `"`+idOf("ord_7-1")+`"`, body("ord_7-1", "pm_ok")).code, "though the body is the same")
	s.sim.Advance(3*time.Hour - 1)
	require.Equal(t, first, s.charge("ord_7-1", "pm_ok"))
	s.sim.Advance(1)
	r = s.charge("ord_7-1", "pm_ok")
	require.Equal(t, "ALREADY_PAID", r.Type, "the key is forgotten, the payment is not")
	require.Equal(t, []string{"ord_7-1"}, s.sim.BodyViolations())
}

func TestErrorsAreKeptUnlessItIsSaidOtherwise(t *testing.T) {
	for _, forgets := range []bool{false, true} {
		s := newShop(t, plan.Config{ForgetErrors: forgets})
		require.Equal(t, 502, s.charge("ord_7-1", "pm_soft_1_then_ok").code)
		require.Equal(t, forgets, s.charge("ord_7-1", "pm_soft_1_then_ok").code == 200)
		require.Equal(t, 400, s.charge("ord_8-1", "pm_reject_1_then_ok").code)
		require.Equal(t, forgets, s.charge("ord_8-1", "pm_reject_1_then_ok").code == 200)
	}
}

func TestErrorsOfTheProvider(t *testing.T) {
	s := newShop(t, plan.Config{})
	for method, status := range map[string]string{"pm_error_paid": "PAID", "pm_error_declined": "FAILED", "pm_error_nothing": ""} {
		types := map[string]bool{}
		for n := range 20 {
			key := fmt.Sprintf("ord_%s%d-1", method, n)
			r := s.charge(key, method)
			require.Contains(t, []int{500, 502}, r.code)
			require.Equal(t, r, s.charge(key, method))
			require.Equal(t, status, s.get(key).Status)
			types[r.Type+r.PgCode] = true
		}
		require.Len(t, types, 3)
	}
}

func TestRefusals(t *testing.T) {
	s := newShop(t, plan.Config{})
	for method, want := range map[string]string{
		"pm_reject": "400 INVALID_REQUEST", "pm_unauthorized": "401 UNAUTHORIZED", "pm_forbidden": "403 FORBIDDEN",
		"pm_unknown_method": "404 BILLING_KEY_NOT_FOUND", "pm_deleted_method": "409 BILLING_KEY_ALREADY_DELETED",
	} {
		r := s.charge("ord_"+method+"-1", method)
		require.Equal(t, want, fmt.Sprint(r.code, " ", r.Type))
		require.Equal(t, "PAYMENT_NOT_FOUND", s.get("ord_"+method+"-1").Type)
	}
	for method, want := range map[string]string{"pm_ok:1": "ISSUED", "pm_soft": "ISSUED", "pm_deleted_method": "DELETED", "pm_unknown_method": ""} {
		require.Equal(t, want, s.do("GET", "/billing-keys/"+url.PathEscape(method), "", nil).Status, method)
	}
	require.Empty(t, s.sim.Ledger())
}

func TestCredentials(t *testing.T) {
	s := newShop(t, plan.Config{Token: "secret"})
	for _, token := range []string{"", "secret", "Bearer secret", "portone secret", "PortOne wrong", "PortOne secret2", "PortOne "} {
		s.token = token
		for _, r := range []reply{
			s.charge("ord_7-1", "pm_ok"), s.get("ord_7-1"), s.refund("ord_7-1", idOf("r"), map[string]any{}), s.list(nil), s.do("GET", "/billing-keys/pm_ok", "", nil),
		} {
			require.Equal(t, []any{401, "UNAUTHORIZED"}, []any{r.code, r.Type}, token)
		}
	}
	s.token = "PortOne secret"
	require.Equal(t, 200, s.charge("ord_7-1", "pm_ok").code, "a 401 is not kept")
}

func TestRequestsThatCannotWork(t *testing.T) {
	s := newShop(t, plan.Config{})
	path := "/payments/" + idOf("ord_7-1") + "/billing-key"
	key := func(n int) string { return fmt.Sprintf(`"a-key-of-ours-%06d"`, n) }
	good, _ := json.Marshal(body("ord_7-1", "pm_ok"))
	for n, bad := range []string{
		"", "{}", "[]", "null", "{", string(good) + string(good),
		strings.Replace(string(good), `"billingKey":"pm_ok"`, `"billingKey":""`, 1),
		strings.Replace(string(good), `"orderName":"monthly"`, `"orderName":""`, 1),
		strings.Replace(string(good), `12900`, `0`, 1),
		strings.Replace(string(good), `12900`, `"12900"`, 1),
		strings.Replace(string(good), `12900`, `12900.5`, 1),
		strings.Replace(string(good), `"KRW"`, `"krw"`, 1),
		strings.Replace(string(good), `"currency":"KRW",`, ``, 1),
		strings.Replace(string(good), `"orderName"`, `"reference":"x","orderName"`, 1),
	} {
		r := s.do("POST", path, key(n), bad)
		require.Equal(t, []any{400, "INVALID_REQUEST"}, []any{r.code, r.Type}, bad)
	}
	for _, wrong := range []string{
		"not-quoted-but-long-enough", `"short"`, `"` + strings.Repeat("x", 257) + `"`, `"한국어한국어한국어한국어한국어한국어"`, `"unfinished-key-of-ours`,
	} {
		require.Equal(t, 400, s.do("POST", path, wrong, string(good)).code, wrong)
	}
	for n, id := range []string{"short", strings.Repeat("x", 65), "with.a.dot", "with%20space"} {
		require.Equal(t, 400, s.do("POST", "/payments/"+id+"/billing-key", key(200+n), string(good)).code, id)
	}
	parts := strings.Replace(string(good), `"total":12900`, `"total":12900,"taxFree":12000,"vat":901`, 1)
	require.Equal(t, "SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT", s.do("POST", path, key(100), parts).Type)
	require.Empty(t, s.sim.Ledger())
	require.Equal(t, 200, s.do("POST", path, key(101), string(good)).code)
	require.Equal(t, 404, s.do("GET", "/payments/"+idOf("ord_7-1")+"/nonsense", "", nil).code)
}

func TestRefunds(t *testing.T) {
	s := newShop(t, plan.Config{})
	key := func(n int) string { return fmt.Sprintf("a-refund-of-ours-%d", n) }
	s.charge("ord_7-1", "pm_ok")
	part := map[string]any{"amount": 900, "currentCancellableAmount": 12900}
	r := s.refund("ord_7-1", key(1), part)
	require.Equal(t, []any{200, "SUCCEEDED", int64(900)}, []any{r.code, r.Cancellation.Status, r.Cancellation.TotalAmount})
	require.Equal(t, r, s.refund("ord_7-1", key(1), part), "the key answers with its first answer")
	found := s.get("ord_7-1")
	require.Equal(t, []any{"PARTIAL_CANCELLED", int64(900), 1}, []any{found.Status, found.Amount.Cancelled, len(found.Cancellations)})
	for want, in := range map[string]map[string]any{
		"409 CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN":    {"amount": 900, "currentCancellableAmount": 12900},
		"409 CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT": {"amount": 12001},
		"400 INVALID_REQUEST":                          {"amount": 0},
	} {
		r := s.refund("ord_7-1", key(len(want)), in)
		require.Equal(t, want, fmt.Sprint(r.code, " ", r.Type))
	}
	require.Equal(t, 400, s.do("POST", "/payments/"+idOf("ord_7-1")+"/cancel", `"`+key(50)+`"`, `{"amount":1}`).code, "without a reason")
	require.Equal(t, 400, s.refund("ord_7-1", key(51), map[string]any{"requester": "duly"}).code)
	r = s.refund("ord_7-1", key(2), map[string]any{})
	require.Equal(t, int64(12000), r.Cancellation.TotalAmount, "without an amount all that is left")
	found = s.get("ord_7-1")
	require.Equal(t, []any{"CANCELLED", int64(12900)}, []any{found.Status, found.Amount.Cancelled})
	require.Equal(t, "PAYMENT_ALREADY_CANCELLED", s.refund("ord_7-1", key(3), map[string]any{}).Type)
	require.Equal(t, "PAYMENT_NOT_FOUND", s.refund("ord_9-1", key(4), map[string]any{}).Type)
	for n, method := range []string{"pm_soft", "pm_pending"} {
		other := fmt.Sprintf("ord_no%d-1", n)
		s.charge(other, method)
		require.Equal(t, "PAYMENT_NOT_PAID", s.refund(other, key(60+n), map[string]any{}).Type)
	}
	require.Equal(t, []int{2, 1}, []int{s.sim.Ledger()[0].Refunds, s.sim.ChangeRequests()[key(2)]})
}

func TestRefundsThatAreNotDoneAtOnce(t *testing.T) {
	s := newShop(t, plan.Config{})
	s.charge("ord_7-1", "pm_refund_later")
	in := map[string]any{"amount": 900, "currentCancellableAmount": 12900}
	require.Equal(t, "REQUESTED", s.refund("ord_7-1", "a-refund-of-ours-1", in).Cancellation.Status)
	require.Equal(t, "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN", s.refund("ord_7-1", "a-refund-of-ours-2", in).Type, "what is on its way is not left")
	require.Zero(t, s.sim.Ledger()[0].Refunded)
	found := s.get("ord_7-1")
	require.Equal(t, []any{"PARTIAL_CANCELLED", int64(900), "SUCCEEDED"}, []any{found.Status, found.Amount.Cancelled, found.Cancellations[0].Status})

	s.charge("ord_8-1", "pm_refund_never")
	require.Equal(t, "FAILED", s.refund("ord_8-1", "a-refund-of-ours-3", in).Cancellation.Status)
	found = s.get("ord_8-1")
	require.Equal(t, []any{"PAID", int64(0)}, []any{found.Status, found.Amount.Cancelled})
}

func TestStatuses(t *testing.T) {
	s := newShop(t, plan.Config{})
	for method, want := range map[string]string{"pm_pending": "PENDING", "pm_canceled": "CANCELLED", "pm_refunded": "CANCELLED", "pm_pending_1_then_ok": "PENDING"} {
		require.Equal(t, 200, s.charge("ord_"+method+"-1", method).code)
		require.Equal(t, want, s.get("ord_"+method+"-1").Status)
	}
	require.Equal(t, "PAID", s.get("ord_pm_pending_1_then_ok-1").Status)
	require.Equal(t, "ALREADY_PAID", s.try("ord_pm_pending-1", "another-key-of-ours", "pm_pending").Type, "it may yet be paid")
}

func TestPaymentsThatAreNotTheOneAskedFor(t *testing.T) {
	s := newShop(t, plan.Config{})
	asked := body("ord_x-1", "pm_ok")["customData"]
	for method, differs := range map[string]func(r reply) bool{
		"pm_wrong_amount":   func(r reply) bool { return r.Amount.Total == 12901 },
		"pm_wrong_currency": func(r reply) bool { return r.Currency == "USD" },
		"pm_wrong_customer": func(r reply) bool {
			return r.Customer.ID == "customer-7-other" && strings.Contains(r.CustomData, "-other")
		},
		"pm_wrong_reference": func(r reply) bool { return r.CustomData != asked && strings.Contains(r.CustomData, "-other") },
	} {
		require.Equal(t, 200, s.charge("ord_"+method+"-1", method).code)
		r := s.get("ord_" + method + "-1")
		require.True(t, r.Status == "PAID" && differs(r), r.body)
	}
}

func TestADiscountOfTheCardCompany(t *testing.T) {
	s := newShop(t, plan.Config{})
	discounted := 0
	for n := range 14 {
		key := fmt.Sprintf("ord_%d-1", n)
		s.charge(key, "pm_ok")
		r := s.get(key)
		require.Equal(t, int64(12900), r.Amount.Total)
		require.Equal(t, r.Amount.Total, r.Amount.Paid+r.Amount.Discount)
		if r.Amount.Discount > 0 {
			discounted++
		}
	}
	require.Equal(t, 2, discounted)
}

func TestListing(t *testing.T) {
	s := newShop(t, plan.Config{})
	var want []string
	for n := range 57 {
		key := fmt.Sprintf("ord_%d-1", n)
		s.charge(key, []string{"pm_ok", "pm_soft", "pm_pending"}[n%3])
		want = append(want, idOf(key))
		s.sim.Advance(time.Second)
	}
	require.Len(t, s.do("GET", "/payments-by-cursor", "", nil).Items, 10, "the default")
	window := map[string]any{"from": still(), "until": s.sim.Now()}
	var got []string
	for window["size"] = 8; ; {
		r := s.list(window)
		require.Equal(t, 200, r.code, r.body)
		for _, item := range r.Items {
			got = append(got, item.Payment.ID)
		}
		if len(r.Items) == 0 {
			break
		}
		window["cursor"] = r.Items[len(r.Items)-1].Cursor
	}
	require.NotEqual(t, want, got, "it is in no order")
	require.ElementsMatch(t, want, got)
	require.Len(t, s.list(map[string]any{"from": still().Add(5 * time.Second), "until": still().Add(10 * time.Second), "size": 1000}).Items, 5)
	s.sim.Advance(89 * 24 * time.Hour)
	require.Len(t, s.list(map[string]any{"size": 1000}).Items, 57)
	s.sim.Advance(24 * time.Hour)
	require.Empty(t, s.list(map[string]any{"size": 1000}).Items, "without a beginning it is 90 days")
	for _, bad := range []map[string]any{{"size": 0}, {"size": 1001}, {"cursor": "x"}, {"from": "yesterday"}, {"page": 1}} {
		require.Equal(t, "INVALID_REQUEST", s.list(bad).Type, "%v", bad)
	}
}

func TestPaymentsThatNobodyAskedFor(t *testing.T) {
	s := newShop(t, plan.Config{})
	id, err := s.sim.Inject(core.Entry{Key: "ord_7-1", Reference: "ord_7", CustomerID: "customer-7", Method: "pm_ok", Amount: 12900, Currency: "KRW"})
	require.NoError(t, err)
	require.Equal(t, idOf("ord_7-1"), id)
	r := s.get("ord_7-1")
	require.Equal(t, []any{"PAID", "customer-7"}, []any{r.Status, r.Customer.ID})
	require.JSONEq(t, fmt.Sprint(body("ord_7-1", "")["customData"]), r.CustomData)
	require.Equal(t, "ALREADY_PAID", s.charge("ord_7-1", "pm_ok").Type)
	require.NoError(t, s.sim.Amend(id, func(e *core.Entry) { e.Refunded = 900 }))
	require.Equal(t, "PARTIAL_CANCELLED", s.get("ord_7-1").Status)
}

// Whatever becomes of a charge and of the request, the contract holds for what is PortOne's own answer, and money is taken once.
func TestEveryOutcome(t *testing.T) {
	s := newShop(t, plan.Config{})
	for _, name := range plan.Outcomes() {
		key := "ord_" + name + "-1"
		first := s.charge(key, "pm_"+name)
		require.NotZero(t, first.code, name)
		s.get(key)
		require.Equal(t, first.body, s.charge(key, "pm_"+name).body, name)
	}
	require.Empty(t, s.sim.DoubleCharged())
	require.NotEmpty(t, s.list(map[string]any{"size": 1000, "until": still().Add(time.Hour)}).Items)
}
