package stripe_test

import (
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
	r := s.charge("ord_7-1", "pm_ok")
	require.Equal(t, []any{200, "succeeded", int64(12900), int64(12900), "krw", "cus_7", "monthly", still().Unix()},
		[]any{r.code, r.Status, r.intent.Amount, r.AmountReceived, r.Currency, r.Customer, r.Description, r.Created})
	require.Equal(t, map[string]string{"duly_key": "ord_7-1", "duly_reference": "ord_7", "duly_customer": "customer-7"}, r.Metadata)
	require.JSONEq(t, `"ch_0000000001"`, string(r.LatestCharge), "a charge is an id, unless it is expanded")
	require.Equal(t, "2026-02-25.clover", r.header.Get("Stripe-Version"))
	require.NotEmpty(t, r.header.Get("Request-Id"))

	found := s.get(r.ID)
	require.Equal(t, "succeeded", found.Status)
	require.Equal(t, charge{ID: "ch_0000000001", Status: "succeeded"}.ID, found.expanded(t).ID)

	require.Equal(t, []core.Entry{{
		ID: r.ID, Key: "ord_7-1", Reference: "ord_7", CustomerID: "customer-7", GatewayCustomer: "cus_7", Method: "pm_ok", Amount: 12900, Currency: "KRW",
		Status: payment.Succeeded, CreatedAt: still(),
	}}, s.sim.Ledger(), "the ledger is in duly's words")
	require.Equal(t, map[string]int{"ord_7-1": 1}, s.sim.Requests())
	require.Equal(t, 404, s.get("pi_0000000002").code)
}

func TestWithoutMetadata(t *testing.T) {
	s := newShop(t, plan.Config{})
	plain := with(form("ord_7-1", "pm_ok"), "metadata[duly_key]", "", "metadata[duly_reference]", "", "metadata[duly_customer]", "", "metadata[shop]", "x")
	require.Equal(t, map[string]string{"shop": "x"}, s.do("POST", "/v1/payment_intents", "a-key", plain).Metadata)
	e := s.sim.Ledger()[0]
	require.Equal(t, []string{"a-key", "a-key", ""}, []string{e.Key, e.Reference, e.CustomerID})
}

func TestDeclines(t *testing.T) {
	s := newShop(t, plan.Config{})
	for method, want := range map[string]failure{
		"pm_soft":               {Code: "card_declined", DeclineCode: "do_not_honor", AdviceCode: "try_again_later", NetworkDeclineCode: "05", NetworkAdviceCode: "02"},
		"pm_insufficient_funds": {Code: "card_declined", DeclineCode: "insufficient_funds", AdviceCode: "try_again_later", NetworkDeclineCode: "51"},
		"pm_stolen_card":        {Code: "card_declined", DeclineCode: "stolen_card", NetworkDeclineCode: "43"},
		"pm_closed_account":     {Code: "card_declined", DeclineCode: "generic_decline", AdviceCode: "do_not_try_again", NetworkDeclineCode: "46", NetworkAdviceCode: "03"},
		"pm_expired_card":       {Code: "expired_card", DeclineCode: "expired_card", AdviceCode: "confirm_card_data", NetworkDeclineCode: "54", NetworkAdviceCode: "01"},
		"pm_action":             {Code: "authentication_required", DeclineCode: "authentication_required"},
		"pm_processing_error":   {Code: "processing_error", DeclineCode: "processing_error", AdviceCode: "try_again_later", NetworkDeclineCode: "96"},
		"pm_unknown_code":       {Code: "card_declined", DeclineCode: "moon_in_wrong_phase"},
		"pm_no_code":            {Code: "card_declined"},
	} {
		key := "ord_" + method + "-1"
		r := s.charge(key, method)
		require.Equal(t, []any{402, "card_error", "requires_payment_method"}, []any{r.code, r.Error.Type, r.Error.PaymentIntent.Status}, method)
		id := r.Error.PaymentIntent.ID
		got := r.Error
		require.NotEmpty(t, got.Charge)
		got.Type, got.Message, got.Charge, got.PaymentIntent = "", "", "", nil
		require.Equal(t, want, got, method)
		again := s.charge(key, method)
		require.True(t, again.replayed())
		require.Equal(t, r.body, again.body, "the key answers with its first answer")
		found := s.get(id)
		require.Equal(t, []any{"requires_payment_method", want.DeclineCode, int64(0)}, []any{found.Status, found.LastPaymentError.DeclineCode, found.AmountReceived})
		c := found.expanded(t)
		require.Equal(t, []string{"failed", want.DeclineCode, want.AdviceCode, want.NetworkDeclineCode},
			[]string{c.Status, c.Outcome.Reason, c.Outcome.Advice, c.Outcome.Network}, "the charge's outcome says the same")
	}
	require.Len(t, s.sim.Ledger(), 9)
}

func TestKeys(t *testing.T) {
	s := newShop(t, plan.Config{})
	first := s.charge("ord_7-1", "pm_ok")
	require.False(t, first.replayed())
	again := s.charge("ord_7-1", "pm_ok")
	require.Equal(t, []any{true, first.body}, []any{again.replayed(), again.body})
	reordered := "payment_method_types[0]=card&" + with(form("ord_7-1", "pm_ok"), "payment_method_types[]", "").Encode()
	require.True(t, s.do("POST", "/v1/payment_intents", "ord_7-1", reordered).replayed(), "parameters count, not bytes")

	for name, r := range map[string]reply{
		"another amount": s.do("POST", "/v1/payment_intents", "ord_7-1", with(form("ord_7-1", "pm_ok"), "amount", "12901")),
		"another path":   s.refund(first.ID, "ord_7-1"),
	} {
		require.Equal(t, []any{400, "idempotency_error", ""}, []any{r.code, r.Error.Type, r.Error.Code}, name)
	}
	require.Len(t, s.sim.Ledger(), 1)
	s.sim.Advance(24*time.Hour - 1)
	require.True(t, s.charge("ord_7-1", "pm_ok").replayed())
	s.sim.Advance(1)
	require.Equal(t, "succeeded", s.charge("ord_7-1", "pm_ok").Status)
	require.Equal(t, []string{"ord_7"}, s.sim.DoubleCharged(), "a key that is forgotten charges again")
	require.Equal(t, []string{"ord_7-1"}, s.sim.BodyViolations())
}

func TestWithoutAKeyEveryRequestCharges(t *testing.T) {
	s := newShop(t, plan.Config{})
	for range 3 {
		require.Equal(t, 200, s.do("POST", "/v1/payment_intents", "", form("ord_7-1", "pm_ok")).code)
	}
	require.Len(t, s.sim.Successes()["ord_7"], 3)
	require.Equal(t, 400, s.charge(strings.Repeat("k", 256), "pm_ok").code, "a key has at most 255 characters")
}

// What began to execute is kept, whatever it said. What did not can be sent again under its key.
func TestWhatIsKept(t *testing.T) {
	s := newShop(t, plan.Config{})
	for method, want := range map[string]string{
		"pm_reject": "400 payment_intent_invalid_parameter", "pm_unknown_method": "400 resource_missing", "pm_deleted_method": "400 payment_method_unexpected_state",
		"pm_soft": "402 card_declined", "pm_error_nothing": "500 ",
	} {
		key := "ord_" + method + "-1"
		r := s.charge(key, method+"_1_then_ok")
		require.Equal(t, want, fmt.Sprint(r.code, " ", r.Error.Code))
		again := s.charge(key, method+"_1_then_ok")
		require.Equal(t, []any{r.code, true}, []any{again.code, again.replayed()}, method)
		require.Equal(t, 200, s.do("POST", "/v1/payment_intents", key+"b", form(key, method+"_1_then_ok")).code, "another key")
	}
	small := with(form("usd_1-1", "pm_ok"), "amount", "49", "currency", "usd")
	require.Equal(t, "amount_too_small", s.do("POST", "/v1/payment_intents", "usd_1-1", small).Error.Code)
	require.True(t, s.do("POST", "/v1/payment_intents", "usd_1-1", small).replayed())

	for method, want := range map[string]int{"pm_unauthorized": 401, "pm_forbidden": 403, "pm_429": 429, "pm_conflict_before": 409, "pm_not_executed": 429} {
		key := "ord_" + method + "-1"
		then := method
		if want == 401 || want == 403 {
			then += "_1_then_ok"
		}
		require.Equal(t, want, s.charge(key, then).code)
		again := s.charge(key, then)
		require.Equal(t, []any{200, false}, []any{again.code, again.replayed()}, method)
	}
	broken := with(form("ord_9-1", "pm_ok"), "currency", "")
	require.Equal(t, "parameter_missing", s.do("POST", "/v1/payment_intents", "ord_9-1", broken).Error.Code)
	require.Equal(t, 200, s.charge("ord_9-1", "pm_ok").code, "validation is not kept, and another body not a violation")
	require.Empty(t, s.sim.BodyViolations())

	s = newShop(t, plan.Config{ForgetErrors: true})
	require.Equal(t, 402, s.charge("ord_7-1", "pm_soft_1_then_ok").code)
	require.Equal(t, 200, s.charge("ord_7-1", "pm_soft_1_then_ok").code)
}

func TestRateLimits(t *testing.T) {
	s := newShop(t, plan.Config{})
	r := s.charge("ord_7-1", "pm_429")
	require.Equal(t, []any{429, "rate_limit", "global-rate"}, []any{r.code, r.Error.Code, r.header.Get("Stripe-Rate-Limited-Reason")})
	r = s.charge("ord_8-1", "pm_not_executed")
	require.Equal(t, []any{429, "lock_timeout", "true"}, []any{r.code, r.Error.Code, r.header.Get("Stripe-Should-Retry")})
	require.Empty(t, s.sim.Ledger())
}

func TestErrorsOfTheProvider(t *testing.T) {
	s := newShop(t, plan.Config{})
	for method, status := range map[string]string{"pm_error_paid": "succeeded", "pm_error_declined": "requires_payment_method", "pm_error_nothing": ""} {
		retries := map[string]bool{}
		for n := range 20 {
			key := fmt.Sprintf("ord_%s%d-1", method, n)
			r := s.charge(key, method)
			require.Equal(t, []any{500, "api_error"}, []any{r.code, r.Error.Type})
			require.True(t, s.charge(key, method).replayed(), "the key repeats it")
			retries[r.header.Get("Stripe-Should-Retry")] = true
		}
		require.Equal(t, map[string]bool{"": true, "false": true}, retries)
		shown := s.list("limit=1")
		if status == "" {
			continue
		}
		require.Equal(t, status, shown.Data[0].Status, "the list leads back to it")
	}
	require.Len(t, s.sim.Ledger(), 40)
}

func TestCredentials(t *testing.T) {
	s := newShop(t, plan.Config{Token: "secret"})
	for _, token := range []string{"", "secret", "Basic secret", "bearer secret", "Bearer wrong", "Bearer secret2", "Bearer "} {
		s.token = token
		for _, r := range []reply{
			s.charge("ord_7-1", "pm_ok"), s.get("pi_0000000001"), s.refund("pi_0000000001", "r"), s.cancel("pi_0000000001", "c"), s.list(""),
			s.do("GET", "/v1/refunds", "", "payment_intent=pi_0000000001"),
		} {
			require.Equal(t, []any{401, "invalid_request_error"}, []any{r.code, r.Error.Type}, token)
		}
	}
	s.token = "Bearer secret"
	require.Equal(t, 200, s.charge("ord_7-1", "pm_ok").code, "a 401 is not kept")
	s.sim.Update(func(c *plan.Config) { c.Forbidden = true })
	require.Equal(t, 403, s.charge("ord_8-1", "pm_ok").code)
	s.sim.Update(func(c *plan.Config) { c.Forbidden = false })
	require.Equal(t, 200, s.charge("ord_8-1", "pm_ok").code, "nor is a 403")
}

func TestRequestsThatCannotWork(t *testing.T) {
	s := newShop(t, plan.Config{})
	for name, bad := range map[string][]string{
		"parameter_missing payment_method":       {"payment_method", ""},
		"parameter_missing currency":             {"currency", ""},
		"parameter_missing amount":               {"amount", ""},
		"parameter_missing confirm":              {"confirm", ""},
		"parameter_missing return_url":           {"payment_method_types[]", ""},
		"parameter_invalid_integer amount":       {"amount", "129.00"},
		" currency":                              {"currency", "KRW"},
		" description":                           {"description", strings.Repeat("x", 1001)},
		" payment_method_types":                  {"payment_method_types[]", "kakao_pay"},
		"parameter_unknown reference":            {"reference", "ord_7"},
		"parameter_unknown off_session":          {"off_session", "one_off"},
		" expand":                                {"expand[]", "customer"},
		"parameter_unknown metadata":             {"metadata", "x"},
		"parameter_unknown payment_method_types": {"payment_method_types", "card"},
	} {
		r := s.do("POST", "/v1/payment_intents", "ord_7-1", with(form("ord_7-1", "pm_ok"), bad...))
		require.Equal(t, []any{400, name}, []any{r.code, r.Error.Code + " " + r.Error.Param})
		require.Equal(t, "invalid_request_error", r.Error.Type)
	}
	automatic := with(form("ord_7-1", "pm_ok"), "payment_method_types[]", "", "automatic_payment_methods[enabled]", "true")
	require.Equal(t, "return_url", s.do("POST", "/v1/payment_intents", "ord_7-1", automatic).Error.Param, "redirects want a return_url")
	for amount, currency := range map[string]string{"0": "krw", "-1": "krw", "1250": "isk", "1255": "kwd"} {
		r := s.do("POST", "/v1/payment_intents", "ord_7-1", with(form("ord_7-1", "pm_ok"), "amount", amount, "currency", currency))
		require.Equal(t, "parameter_invalid_integer", r.Error.Code, amount)
	}
	for _, text := range []string{`{"amount":12900,"currency":"krw"}`, "", "%zz", form("ord_7-1", "pm_ok").Encode() + "&amount=1"} {
		require.Equal(t, 400, s.do("POST", "/v1/payment_intents", "ord_7-1", text).code, text)
	}
	for _, version := range []string{"2026", "latest"} {
		s.version = version
		require.Equal(t, 400, s.charge("ord_7-1", "pm_ok").code)
		require.Equal(t, 400, s.list("").code)
	}
	require.Empty(t, s.sim.Ledger())
	s.version = ""
	r := s.do("POST", "/v1/payment_intents", "ord_7-1", with(automatic, "automatic_payment_methods[allow_redirects]", "never", "expand[]", "latest_charge"))
	require.Equal(t, []any{200, "succeeded"}, []any{r.code, r.expanded(t).Status})
	require.NotEmpty(t, r.header.Get("Stripe-Version"), "the account has a version of its own")
}

func TestStatuses(t *testing.T) {
	s := newShop(t, plan.Config{})
	for method, want := range map[string]string{
		"pm_pending": "processing", "pm_canceled": "canceled", "pm_refunded": "succeeded", "pm_pending_1_then_ok": "processing", "pm_requires_action": "requires_action",
	} {
		r := s.charge("ord_"+method+"-1", method)
		require.Equal(t, []any{200, want}, []any{r.code, r.Status})
		require.Equal(t, want, s.get(r.ID).Status)
		if method == "pm_pending_1_then_ok" {
			require.Equal(t, "succeeded", s.get(r.ID).Status)
			require.Equal(t, "processing", s.charge("ord_"+method+"-1", method).Status, "the key answers with its first answer")
		}
	}
	r := s.charge("ord_x-1", "pm_pending_1_then_soft")
	s.get(r.ID)
	require.Equal(t, "do_not_honor", s.get(r.ID).LastPaymentError.DeclineCode)
}

func TestOffSessionDecidesWhatAnAuthenticationBecomes(t *testing.T) {
	s := newShop(t, plan.Config{})
	require.Equal(t, 402, s.charge("ord_1-1", "pm_action").code)
	on := s.do("POST", "/v1/payment_intents", "ord_2-1", with(form("ord_2-1", "pm_action"), "off_session", ""))
	require.Equal(t, []any{200, "requires_action"}, []any{on.code, on.Status}, "it waits for a customer who is not there")
	fails := s.do("POST", "/v1/payment_intents", "ord_3-1", with(form("ord_3-1", "pm_requires_action"), "error_on_requires_action", "true"))
	require.Equal(t, []any{402, "authentication_required"}, []any{fails.code, fails.Error.Code})
}

// A payment that waits for the customer takes money later, beside that of the next attempt, unless it is cancelled first.
func TestTheCustomerFinishesAPaymentThatNobodyCancelled(t *testing.T) {
	for _, cancels := range []bool{false, true} {
		s := newShop(t, plan.Config{Pending: plan.Pending{For: time.Hour}})
		left := s.charge("ord_7-1", "pm_requires_action_then_ok")
		require.Equal(t, "requires_action", left.Status)
		if cancels {
			r := s.cancel(left.ID, "ord_7-1-cancel")
			require.Equal(t, []any{200, "canceled", "abandoned"}, []any{r.code, r.Status, r.CancellationReason})
		}
		require.Equal(t, "succeeded", s.charge("ord_7-2", "pm_ok").Status)
		require.Empty(t, s.sim.DoubleCharged())
		s.sim.Advance(time.Hour)
		require.Equal(t, cancels, len(s.sim.DoubleCharged()) == 0)
		require.Equal(t, cancels, s.get(left.ID).Status == "canceled")
	}
	s := newShop(t, plan.Config{})
	left := s.charge("ord_8-1", "pm_requires_action")
	require.Equal(t, "succeeded", s.charge("ord_8-2", "pm_ok").Status)
	require.NoError(t, s.sim.Amend(left.ID, func(e *core.Entry) { e.Status = payment.Succeeded }), "by hand at any time")
	require.Equal(t, []string{"ord_8"}, s.sim.DoubleCharged())
}

func TestCancellations(t *testing.T) {
	s := newShop(t, plan.Config{})
	for method, status := range map[string]string{"pm_ok": "succeeded", "pm_canceled": "canceled", "pm_pending_2_then_ok": "processing"} {
		id := s.charge("ord_"+method+"-1", method).ID
		r := s.cancel(id, "c"+method)
		require.Equal(t, []any{400, "payment_intent_unexpected_state", status}, []any{r.code, r.Error.Code, r.Error.PaymentIntent.Status})
		require.True(t, s.cancel(id, "c"+method).replayed())
	}
	declined := s.charge("ord_1-1", "pm_soft").Error.PaymentIntent.ID
	for method, id := range map[string]string{"pm_soft": declined, "pm_pending": s.charge("ord_2-1", "pm_pending").ID, "pm_requires_action": s.charge("ord_3-1", "pm_requires_action").ID} {
		r := s.cancel(id, "c"+method)
		require.Equal(t, []any{200, "canceled"}, []any{r.code, r.Status}, method)
		require.Equal(t, r.body, s.cancel(id, "c"+method).body)
		require.Equal(t, method == "pm_soft", r.LastPaymentError != nil)
		require.Equal(t, 400, s.cancel(id, "another"+method).code)
	}
	require.Equal(t, "resource_missing", s.cancel("pi_1", "x").Error.Code)
	r := s.do("POST", "/v1/payment_intents/"+declined+"/cancel", "y", "cancellation_reason=bored")
	require.Equal(t, "cancellation_reason", r.Error.Param)
}

func TestRefunds(t *testing.T) {
	s := newShop(t, plan.Config{})
	id := s.charge("ord_7-1", "pm_ok").ID
	r := s.refund(id, "r1", "amount", "900", "reason", "requested_by_customer")
	require.Equal(t, []any{200, "succeeded", int64(900), "requested_by_customer"}, []any{r.code, r.Status, r.Amount, r.Reason})
	require.Equal(t, r.body, s.refund(id, "r1", "amount", "900", "reason", "requested_by_customer").body, "the key answers with its first answer")
	require.Equal(t, int64(900), s.get(id).expanded(t).AmountRefunded)
	require.Equal(t, "succeeded", s.get(id).Status, "the payment itself does not show it")
	more := s.refund(id, "r2", "amount", "12001")
	require.Equal(t, []any{400, "", "amount"}, []any{more.code, more.Error.Code, more.Error.Param})
	all := s.refund(id, "r3")
	require.Equal(t, int64(12000), all.Amount, "without an amount all that is left")
	c := s.get(id).expanded(t)
	require.Equal(t, []any{int64(12900), true}, []any{c.AmountRefunded, c.Refunded})
	require.Equal(t, "charge_already_refunded", s.refund(id, "r4", "amount", "1").Error.Code)
	for n, method := range []string{"pm_soft", "pm_pending", "pm_canceled"} {
		r := s.charge(fmt.Sprintf("ord_no%d-1", n), method)
		if r.Error.PaymentIntent != nil {
			r.ID = r.Error.PaymentIntent.ID
		}
		require.Equal(t, "charge_not_refundable", s.refund(r.ID, "no"+method).Error.Code)
	}
	require.Equal(t, "resource_missing", s.refund("pi_1", "r5").Error.Code)
	for _, bad := range [][]string{{"amount", "0"}, {"amount", "1.5"}, {"reason", "bored"}, {"charge", "ch_1"}, {"payment_intent", ""}} {
		require.Equal(t, 400, s.refund(id, "bad", bad...).code, bad)
	}
	require.Equal(t, []int{2, 2, 1}, []int{s.sim.Ledger()[0].Refunds, s.sim.ChangeRequests()["r1"], s.sim.ChangeRequests()["r3"]})

	shown := s.do("GET", "/v1/refunds", "", "limit=1&payment_intent="+id)
	require.Equal(t, []any{1, true, "r3"}, []any{len(shown.Data), shown.HasMore, shown.Data[0].Metadata["duly_key"]}, "newest first")
	shown = s.do("GET", "/v1/refunds", "", url.Values{"payment_intent": {id}, "starting_after": {shown.Data[0].ID}})
	require.Equal(t, []any{1, false, "r1"}, []any{len(shown.Data), shown.HasMore, shown.Data[0].Metadata["duly_key"]})
	require.Equal(t, 400, s.do("GET", "/v1/refunds", "", "").code)
}

func TestRefundsThatAreNotDoneAtOnce(t *testing.T) {
	s := newShop(t, plan.Config{})
	status := func(id string) string {
		return s.do("GET", "/v1/refunds", "", "payment_intent="+id).Data[0].Status
	}
	later := s.charge("ord_7-1", "pm_refund_later").ID
	require.Equal(t, "pending", s.refund(later, "r1", "amount", "12000").Status)
	require.Equal(t, "amount", s.refund(later, "r2", "amount", "901").Error.Param, "what is on its way is not left")
	require.Zero(t, s.sim.Ledger()[0].Refunded)
	require.Equal(t, "succeeded", status(later))
	require.Equal(t, int64(12000), s.get(later).expanded(t).AmountRefunded)

	never := s.charge("ord_8-1", "pm_refund_never").ID
	require.Equal(t, "pending", s.refund(never, "r3").Status)
	require.Equal(t, "failed", status(never))
	require.Zero(t, s.get(never).expanded(t).AmountRefunded)
}

func TestPaymentsThatAreNotTheOneAskedFor(t *testing.T) {
	s := newShop(t, plan.Config{})
	for method, differs := range map[string]func(r reply) bool{
		"pm_wrong_currency":         func(r reply) bool { return r.Currency == "usd" },
		"pm_wrong_customer":         func(r reply) bool { return r.Metadata["duly_customer"] == "customer-7-other" },
		"pm_wrong_gateway_customer": func(r reply) bool { return r.Customer == "cus_7-other" },
		"pm_wrong_reference":        func(r reply) bool { return strings.HasSuffix(r.Metadata["duly_reference"], "-other") },
	} {
		r := s.charge("ord_"+method+"-1", method)
		require.True(t, r.Status == "succeeded" && differs(r), r.body)
		require.True(t, differs(s.get(r.ID)))
	}
	faces := map[int64]bool{}
	for n := range 20 {
		r := s.charge(fmt.Sprintf("ord_%d-1", n), "pm_wrong_amount")
		require.Equal(t, int64(12901), r.AmountReceived)
		faces[r.intent.Amount] = true
	}
	require.Equal(t, map[int64]bool{12900: true, 12901: true}, faces, "some differ in what was received alone")
}

func TestPaymentsThatNobodyAskedFor(t *testing.T) {
	s := newShop(t, plan.Config{})
	id, err := s.sim.Inject(core.Entry{Key: "ord_7-1", Reference: "ord_7", CustomerID: "customer-7", GatewayCustomer: "cus_7", Method: "pm_ok", Amount: 12900, Currency: "KRW"})
	require.NoError(t, err)
	r := s.get(id)
	require.Equal(t, []any{"succeeded", "cus_7", "ord_7-1"}, []any{r.Status, r.Customer, r.Metadata["duly_key"]})
	require.NoError(t, s.sim.Amend(id, func(e *core.Entry) { e.Refunded = 900 }))
	require.Equal(t, int64(900), s.get(id).expanded(t).AmountRefunded)
	require.Equal(t, "succeeded", s.charge("ord_7-1", "pm_ok").Status)
	require.Equal(t, []string{"ord_7"}, s.sim.DoubleCharged(), "an older payment is known by its key to nobody")

	waits, err := s.sim.Inject(core.Entry{Key: "ord_8-1", Reference: "ord_8", Method: "pm_x", Amount: 1, Currency: "KRW", Status: payment.Pending})
	require.NoError(t, err)
	r = s.cancel(waits, "c")
	require.Equal(t, []any{"canceled", "ord_8-1", "abandoned"}, []any{r.Status, r.Metadata["duly_key"], r.CancellationReason})
}

func TestEveryOutcome(t *testing.T) {
	s := newShop(t, plan.Config{})
	for _, name := range plan.Outcomes() {
		key := "ord_" + name + "-1"
		first := s.charge(key, "pm_"+name)
		require.NotZero(t, first.code, name)
		require.Equal(t, first.body, s.charge(key, "pm_"+name).body, name)
	}
	for _, p := range s.list("limit=100").Data {
		s.get(p.ID)
	}
	require.Empty(t, s.sim.DoubleCharged())
}
