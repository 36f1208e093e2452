package kakaopay_test

import (
	"encoding/json"
	"fmt"
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
	require.Equal(t, []any{200, "ord_7-1", "user-7", "pm_ok", cid, int64(12900), "2026-01-31T09:00:00", "2026-01-31T09:00:00", ""},
		[]any{r.code, r.OrderID, r.UserID, r.SID, r.CID, r.Amount.Total, r.CreatedAt, r.ApprovedAt, r.Status}, "there is no status, and times are Korea's")
	require.Equal(t, []int{20, 20}, []int{len(r.AID), len(r.TID)})

	found := s.get(r.TID)
	require.Equal(t, []any{"SUCCESS_PAYMENT", "ord_7-1", "user-7", int64(12900), int64(0), int64(12900), "2026-01-31T09:00:00"},
		[]any{found.Status, found.OrderID, found.UserID, found.Amount.Total, found.Canceled.Total, found.Cancellable.Total, found.ApprovedAt})
	require.Len(t, found.Actions, 1)

	require.Equal(t, []core.Entry{{
		ID: r.TID, Key: "ord_7-1", Reference: "ord_7", CustomerID: "user-7", GatewayCustomer: "user-7", Method: "pm_ok", Amount: 12900, Currency: "KRW",
		Status: payment.Succeeded, CreatedAt: still(),
	}}, s.sim.Ledger(), "the ledger is in duly's words")
	require.Equal(t, map[string]int{"ord_7-1": 1}, s.sim.Requests())
	require.Equal(t, -721, s.get("T0000000000000000002").ErrorCode)
	require.Equal(t, -721, s.get("ord_7-1").ErrorCode, "our own id finds nothing")
	require.Equal(t, -721, s.do("order", fields{"cid": "TC0ONETIME", "tid": r.TID}).ErrorCode, "a payment of another contract")
}

// There is nothing that makes a second request harmless.
func TestEachRequestCharges(t *testing.T) {
	s := newShop(t, plan.Config{})
	first, second := s.charge("ord_7-1", "pm_ok"), s.charge("ord_7-1", "pm_ok")
	require.Equal(t, []int{200, 200}, []int{first.code, second.code})
	require.NotEqual(t, first.TID, second.TID)
	require.Equal(t, []string{"ord_7"}, s.sim.DoubleCharged())

	s = newShop(t, plan.Config{})
	require.Zero(t, s.charge("ord_7-1", "pm_drop_after").code)
	require.Equal(t, 200, s.charge("ord_7-2", "pm_ok").code)
	require.Equal(t, []string{"ord_7"}, s.sim.DoubleCharged(), "attempts of one reference")
}

func TestDeclines(t *testing.T) {
	s := newShop(t, plan.Config{})
	statuses := map[int]bool{}
	for method, want := range map[string]string{
		"pm_soft": "-752 ", "pm_limit_exceeded": "-797 ", "pm_insufficient_funds": "-782 INSUFFICIENT_FUNDS", "pm_stolen_card": "-782 STOLEN_CARD",
		"pm_try_later": "-782 USER_LOCKED", "pm_unknown_code": "-782 MOON_IN_WRONG_PHASE", "pm_no_code": "-782 ", "pm_action": "-782 AUTHENTICATION_REQUIRED",
	} {
		r := s.charge("ord_"+method+"-1", method)
		require.Equal(t, want, fmt.Sprint(r.ErrorCode, " ", r.Extras.Code), method)
		require.Contains(t, []int{400, 500}, r.code)
		statuses[r.code] = true
	}
	require.Len(t, statuses, 2, "the status of a decline is either")
	require.Len(t, s.sim.Ledger(), 8)
	for _, e := range s.sim.Ledger() {
		require.Equal(t, "FAIL_PAYMENT", s.get(e.ID).Status)
	}
	require.Equal(t, -752, s.charge("ord_7-1", "pm_soft_1_then_ok").ErrorCode)
	require.Equal(t, 200, s.charge("ord_7-2", "pm_soft_1_then_ok").code)
}

func TestSIDs(t *testing.T) {
	s := newShop(t, plan.Config{})
	before := s.state("pm_ok:7")
	require.Equal(t, []any{200, true, "ACTIVE", ""}, []any{before.code, before.Available, before.Status, before.LastApproved})
	s.sim.Advance(time.Hour)
	s.charge("ord_7-1", "pm_ok:7")
	s.sim.Advance(time.Hour)
	s.charge("ord_8-1", "pm_soft")
	require.Equal(t, "2026-01-31T10:00:00", s.state("pm_ok:7").LastApproved)
	require.Empty(t, s.state("pm_soft").LastApproved, "a decline is no approval")
	require.Zero(t, s.charge("ord_7-2", "pm_drop_after:7").code)
	require.Equal(t, "2026-01-31T11:00:00", s.state("pm_drop_after:7").LastApproved, "which proves a charge whose answer was lost")
	s.sim.Update(func(c *plan.Config) { c.Faults.LateBy = time.Minute })
	require.Zero(t, s.charge("ord_7-3", "pm_late:7").code)
	require.Empty(t, s.state("pm_late:7").LastApproved, "and its absence proves nothing")
	s.sim.Advance(time.Minute)
	require.Equal(t, "2026-01-31T11:01:00", s.state("pm_late:7").LastApproved)

	r := s.do("subscription", body("ord_9-1", "pm_ok:7").with("partner_user_id", "user-8"))
	require.Equal(t, []any{400, -753}, []any{r.code, r.ErrorCode}, "a SID belongs to its first user")
	require.Equal(t, 200, s.charge("ord_9-1", "pm_ok:7").code)
	require.Equal(t, "2026-01-31T11:01:00", s.state("pm_ok:7").LastApproved, "of the last one")

	ended := s.do("manage/subscription/inactive", fields{"cid": cid, "sid": "pm_ok:7"})
	require.Equal(t, []any{"INACTIVE", false, "2026-01-31T11:01:00"}, []any{ended.Status, ended.Available, ended.Inactivated})
	require.Equal(t, -751, s.charge("ord_10-1", "pm_ok:7").ErrorCode)
	require.Equal(t, "INACTIVE", s.state("pm_ok:7").Status)
	for method, want := range map[string]int{"pm_unknown_method": -750, "pm_deleted_method": -751} {
		require.Equal(t, want, s.charge("ord_11-1", method).ErrorCode)
	}
	require.Equal(t, -750, s.state("pm_unknown_method").ErrorCode)
	require.Equal(t, "INACTIVE", s.state("pm_deleted_method").Status)
	require.Empty(t, s.sim.Successes()["ord_10"])
}

func TestErrorsOfTheProvider(t *testing.T) {
	s := newShop(t, plan.Config{})
	for method, want := range map[string]int{"pm_error_paid": 20, "pm_error_declined": 20, "pm_error_nothing": 0} {
		codes, had := map[int]bool{}, len(s.sim.Ledger())
		for n := range 20 {
			r := s.charge(fmt.Sprintf("ord_%s%d-1", method, n), method)
			require.Contains(t, []int{400, 500}, r.code)
			codes[r.ErrorCode] = true
		}
		require.Equal(t, map[int]bool{-500: true, -785: true, 0: true}, codes)
		require.Len(t, s.sim.Ledger(), had+want)
	}
}

func TestRefusals(t *testing.T) {
	s := newShop(t, plan.Config{})
	for method, want := range map[string]string{"pm_reject": "400 -724", "pm_unauthorized": "401 -401", "pm_forbidden": "403 -798"} {
		r := s.charge("ord_7-1", method)
		require.Equal(t, want, fmt.Sprint(r.code, " ", r.ErrorCode))
	}
	require.Empty(t, s.sim.Ledger())
}

func TestCredentials(t *testing.T) {
	s := newShop(t, plan.Config{Token: "secret"})
	for _, token := range []string{"", "secret", "KakaoAK secret", "secret_key secret", "SECRET_KEY wrong", "SECRET_KEY secret2", "SECRET_KEY "} {
		s.token = token
		for _, r := range []reply{s.charge("ord_7-1", "pm_ok"), s.get("T0000000000000000001"), s.cancel("T0000000000000000001", 1), s.state("pm_ok")} {
			require.Equal(t, 401, r.code, token)
		}
	}
	require.Empty(t, s.sim.Ledger())
}

func TestRequestsThatCannotWork(t *testing.T) {
	s := newShop(t, plan.Config{})
	for _, bad := range []struct {
		name  string
		value any
		code  int
	}{
		{"cid", nil, -731},
		{"cid", "TC", -731},
		{"sid", nil, -750},
		{"partner_order_id", nil, -703},
		{"partner_user_id", nil, -703},
		{"partner_user_id", strings.Repeat("x", 101), -703},
		{"item_name", strings.Repeat("가", 101), -703},
		{"quantity", nil, -703},
		{"quantity", 0, -722},
		{"total_amount", nil, -703},
		{"total_amount", 0, -722},
		{"total_amount", "12900", -703},
		{"tax_free_amount", nil, -703},
		{"tax_free_amount", 12901, -722},
		{"vat_amount", -1, -722},
		{"currency", "KRW", -703},
	} {
		r := s.do("subscription", body("ord_7-1", "pm_ok").with(bad.name, bad.value))
		require.Equal(t, []any{400, bad.code}, []any{r.code, r.ErrorCode}, "%s %v", bad.name, bad.value)
	}
	for _, text := range []string{"", "{", "[]", "cid=TCSUBSCRIP", "{}{}"} {
		for _, path := range []string{"subscription", "order", "cancel", "manage/subscription/status"} {
			require.Equal(t, 400, s.do(path, text).code, "%s %s", path, text)
		}
	}
	require.Empty(t, s.sim.Ledger())
	require.Equal(t, 200, s.do("subscription", body("ord_7-1", "pm_ok").with("item_name", strings.Repeat("가", 100)).with("vat_amount", 1172)).code)
	require.Empty(t, s.sim.BodyViolations(), "what was refused was not done")
}

func TestCancellations(t *testing.T) {
	s := newShop(t, plan.Config{})
	tid := s.charge("ord_7-1", "pm_ok").TID
	r := s.cancel(tid, 900)
	require.Equal(t, []any{200, "PART_CANCEL_PAYMENT", int64(900), int64(900), int64(12000)}, []any{r.code, r.Status, r.Approved.Total, r.Canceled.Total, r.Cancellable.Total})
	require.Equal(t, 20, len(r.AID))
	require.Equal(t, int64(1800), s.cancel(tid, 900).Canceled.Total, "there is no key: twice is twice")
	require.Equal(t, -710, s.cancel(tid, 11101).ErrorCode)
	r = s.cancel(tid, 11100)
	require.Equal(t, []any{"CANCEL_PAYMENT", int64(12900), int64(0)}, []any{r.Status, r.Canceled.Total, r.Cancellable.Total})
	require.Equal(t, -711, s.cancel(tid, 1).ErrorCode)
	found := s.get(tid)
	require.Equal(t, []any{"CANCEL_PAYMENT", int64(12900), int64(0), 4}, []any{found.Status, found.Canceled.Total, found.Cancellable.Total, len(found.Actions)})
	require.Equal(t, -721, s.cancel("T0000000000000000009", 1).ErrorCode)
	for n, method := range []string{"pm_pending", "pm_canceled"} {
		require.Equal(t, -784, s.cancel(s.charge(fmt.Sprintf("ord_no%d-1", n), method).TID, 1).ErrorCode)
	}
	for name, value := range map[string]any{"cancel_amount": 0, "cancel_tax_free_amount": 901, "tid": nil, "cid": nil, "reason": "x"} {
		in := fields{"cid": cid, "tid": tid, "cancel_amount": 900, "cancel_tax_free_amount": 0}.with(name, value)
		require.Equal(t, 400, s.do("cancel", in).code, name)
	}
	require.Equal(t, []int{3, 2}, []int{s.sim.Ledger()[0].Refunds, s.sim.ChangeRequests()[tid+" 900"]})
	require.Empty(t, s.sim.BodyViolations())
}

func TestCancellationsThatFail(t *testing.T) {
	s := newShop(t, plan.Config{})
	for method, canceled := range map[string]int64{"pm_refund_later": 900, "pm_refund_never": 0} {
		tid := s.charge("ord_"+method+"-1", method).TID
		require.Equal(t, -781, s.cancel(tid, 900).ErrorCode)
		found := s.get(tid)
		require.Equal(t, []int64{canceled, 12900 - canceled}, []int64{found.Canceled.Total, found.Cancellable.Total}, method)
	}
}

func TestStatuses(t *testing.T) {
	s := newShop(t, plan.Config{})
	for method, want := range map[string]string{
		"pm_pending": "AUTH_PASSWORD", "pm_canceled": "CANCEL_PAYMENT", "pm_refunded": "CANCEL_PAYMENT", "pm_pending_1_then_ok": "AUTH_PASSWORD", "pm_requires_action": "AUTH_PASSWORD",
	} {
		r := s.charge("ord_"+method+"-1", method)
		require.Equal(t, 200, r.code)
		require.Equal(t, want == "AUTH_PASSWORD", r.ApprovedAt == "", "what is pending is not approved")
		require.Equal(t, want, s.get(r.TID).Status)
		if method == "pm_pending_1_then_ok" {
			require.Equal(t, "SUCCESS_PAYMENT", s.get(r.TID).Status)
		}
	}
}

func TestPaymentsThatAreNotTheOneAskedFor(t *testing.T) {
	s := newShop(t, plan.Config{})
	for method, differs := range map[string]func(r reply) bool{
		"pm_wrong_amount":           func(r reply) bool { return r.Amount.Total == 12901 },
		"pm_wrong_customer":         func(r reply) bool { return r.UserID == "user-7-other" },
		"pm_wrong_gateway_customer": func(r reply) bool { return r.UserID == "user-7-other" },
		"pm_wrong_reference":        func(r reply) bool { return strings.HasSuffix(r.OrderID, "-other") },
	} {
		r := s.charge("ord_"+method+"-1", method)
		require.True(t, r.ApprovedAt != "" && differs(r), r.body)
		require.True(t, differs(s.get(r.TID)))
		require.Equal(t, 200, s.charge("ord_"+method+"-2", method).code, "the SID is still the first user's")
	}
}

func TestADiscount(t *testing.T) {
	s := newShop(t, plan.Config{})
	discounted := 0
	for n := range 14 {
		r := s.charge(fmt.Sprintf("ord_%d-1", n), "pm_ok")
		require.Equal(t, int64(12900), r.Amount.Total)
		discounted += int(r.Amount.Discount)
	}
	require.Equal(t, 2, discounted)
}

func TestPaymentsThatNobodyAskedFor(t *testing.T) {
	s := newShop(t, plan.Config{})
	id, err := s.sim.Inject(core.Entry{Key: "ord_7-1", Reference: "ord_7", CustomerID: "user-7", Method: "pm_ok", Amount: 12900, Currency: "KRW"})
	require.NoError(t, err)
	r := s.get(id)
	require.Equal(t, []any{"SUCCESS_PAYMENT", "user-7", "ord_7-1"}, []any{r.Status, r.UserID, r.OrderID})
	require.NoError(t, s.sim.Amend(id, func(e *core.Entry) { e.Refunded = 900 }))
	require.Equal(t, int64(12000), s.get(id).Cancellable.Total)
	require.NotEmpty(t, s.state("pm_ok").LastApproved)
	require.Equal(t, -753, s.do("subscription", body("ord_8-1", "pm_ok").with("partner_user_id", "user-8")).ErrorCode)
}

// Each kind of fault, and what a second request would cost.
func TestFaults(t *testing.T) {
	const none = 0
	for _, c := range []struct {
		method string
		codes  []int // of the first request
		effect bool
	}{
		{"pm_drop_before", []int{none}, false},
		{"pm_drop_after", []int{none}, true},
		{"pm_5xx_before", []int{500, 502, 503, 504}, false},
		{"pm_5xx_after", []int{500, 502, 503, 504}, true},
		{"pm_429", []int{429}, false},
		{"pm_429_after", []int{none}, true},
		{"pm_not_executed", []int{503}, false},
		{"pm_garbage", []int{200}, true},
		{"pm_garbage_before", []int{200}, false},
		{"pm_half_body", []int{200}, true},
		{"pm_slow", []int{200}, true},
		{"pm_redirect", []int{307}, false},
		{"pm_redirect_after", []int{307}, true},
		{"pm_conflict", []int{400}, true},
		{"pm_conflict_before", []int{400}, false},
		{"pm_empty_400", []int{400}, true},
		{"pm_empty_400_before", []int{400}, false},
		{"pm_empty_404", []int{404}, true},
		{"pm_empty_404_before", []int{404}, false},
	} {
		t.Run(c.method, func(t *testing.T) {
			s := newShop(t, plan.Config{Seed: 1, Faults: plan.Faults{SlowBy: time.Millisecond}})
			r := s.charge("ord_7-1", c.method)
			require.Contains(t, c.codes, r.code)
			require.Equal(t, c.effect, len(s.sim.Ledger()) == 1)
			require.Equal(t, strings.HasPrefix(c.method, "pm_conflict"), r.ErrorCode == -785, "a fault on the way says nothing of KakaoPay's")
			require.Equal(t, c.method == "pm_half_body", r.err != nil)
			require.Equal(t, c.method == "pm_slow", r.ApprovedAt != "" && r.OrderID != "")
			if c.method != "pm_429_after" {
				require.Equal(t, 200, s.charge("ord_7-1", c.method).code)
				require.Equal(t, c.effect, len(s.sim.DoubleCharged()) == 1)
			}
		})
	}
}

func TestFaultsOfLookUpsAndCancellations(t *testing.T) {
	s := newShop(t, plan.Config{})
	tid := s.charge("ord_7-1", "pm_ok").TID
	s.sim.Update(func(c *plan.Config) {
		c.LookupFaults.DropBefore, c.ChangeFaults.DropAfter, c.ChangeFaults.First = 1, 1, 1
	})
	for _, r := range []reply{s.get(tid), s.state("pm_ok"), s.cancel(tid, 900)} {
		require.Zero(t, r.code)
	}
	s.sim.Update(func(c *plan.Config) { c.LookupFaults.DropBefore = 0 })
	require.Equal(t, int64(900), s.get(tid).Canceled.Total, "the look after it settles what became of it")
}

func TestGarbageIsNoPayment(t *testing.T) {
	s := newShop(t, plan.Config{LookupFaults: plan.Faults{Garbage: 1}})
	bodies := map[string]bool{}
	for range 200 {
		r := s.state("pm_ok")
		bodies[r.body] = true
		var p reply
		if json.Unmarshal([]byte(r.body), &p) == nil {
			require.False(t, p.TID != "" && p.ApprovedAt != "" && p.OrderID != "" && p.Amount.Total > 0)
		}
	}
	require.Greater(t, len(bodies), 8)
}

func TestEveryOutcome(t *testing.T) {
	s := newShop(t, plan.Config{})
	for _, name := range plan.Outcomes() {
		require.NotZero(t, s.charge("ord_"+name+"-1", "pm_"+name).code, name)
	}
	for _, e := range s.sim.Ledger() {
		require.Equal(t, 200, s.get(e.ID).code)
	}
	require.Empty(t, s.sim.DoubleCharged())
}
