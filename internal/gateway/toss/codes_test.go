package toss_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway/toss"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

type code struct {
	code   string
	status int
	class  string
}

// without is o without its text.
func without(o payment.Outcome) payment.Outcome {
	o.Reason = ""
	return o
}

// charges are Toss's codes, with the class that a person has given each.
func charges() []code {
	return []code{
		{"INVALID_STOPPED_CARD", 400, "hard"},
		{"INVALID_CARD_LOST_OR_STOLEN", 400, "hard"},
		{"INVALID_CARD_NUMBER", 400, "hard"},

		{"INVALID_CARD_EXPIRATION", 400, "action"},
		{"INVALID_REJECT_CARD", 400, "action"},
		{"NOT_SUPPORTED_CARD_TYPE", 400, "action"},
		{"NOT_REGISTERED_CARD_COMPANY", 400, "action"},
		{"INVALID_BILL_KEY_REQUEST", 400, "action"},
		{"ALREADY_REMOVED_BILLING_KEY", 400, "action"},
		{"BILLING_KEY_NOT_FOUND", 400, "action"},
		{"INVALID_ACCOUNT_INFO_RE_REGISTER", 400, "action"},
		{"NOT_FOUND_BILLING", 404, "action"},
		{"FDS_ERROR", 403, "action"},
		{"EXCEED_MAX_AUTH_COUNT", 403, "action"},
		{"REJECT_TOSSPAY_INVALID_ACCOUNT", 403, "action"},
		{"INVALID_PASSWORD", 403, "action"},

		{"REJECT_CARD_PAYMENT", 403, "soft"},
		{"REJECT_ACCOUNT_PAYMENT", 403, "soft"},
		{"REJECT_CARD_COMPANY", 403, "soft"},
		{"EXCEED_MAX_ONE_DAY_AMOUNT", 403, "soft"},
		{"EXCEED_MAX_DAILY_PAYMENT_COUNT", 400, "soft"},
		{"EXCEED_MAX_PAYMENT_AMOUNT", 400, "soft"},
		{"EXCEED_MAX_AMOUNT", 400, "soft"},
		{"EXCEED_MAX_MONTHLY_PAYMENT_AMOUNT", 400, "soft"},
		{"EXCEED_MAX_ONE_DAY_WITHDRAW_AMOUNT", 400, "soft"},
		{"EXCEED_MAX_ONE_TIME_WITHDRAW_AMOUNT", 400, "soft"},

		{"NOT_AVAILABLE_PAYMENT", 400, "later"},
		{"MAINTAINED_METHOD", 400, "later"},
		{"RESTRICTED_TRANSFER_ACCOUNT", 400, "later"},
		{"NOT_AVAILABLE_BANK", 403, "later"},

		{"PROVIDER_ERROR", 400, "look"},
		{"CARD_PROCESSING_ERROR", 400, "look"},
		{"COMMON_ERROR", 500, "look"},
		{"UNKNOWN_ERROR", 500, "look"},
		{"UNKNOWN_PAYMENT_ERROR", 500, "look"},
		{"FAILED_INTERNAL_SYSTEM_PROCESSING", 500, "look"},
		{"FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING", 500, "look"},
		{"FAILED_METHOD_HANDLING", 500, "look"},
		{"FAILED_DB_PROCESSING", 500, "look"},
		{"FAILED_CARD_COMPANY_RESPONSE", 500, "look"},
		{"FAILED_BILLING_AUTO_CANCEL", 500, "look"},
		{"ALREADY_PROCESSED_PAYMENT", 400, "look"},
		{"ALREADY_COMPLETED_PAYMENT", 400, "look"},
		{"DUPLICATED_ORDER_ID", 400, "look"},
		{"DUPLICATED_REQUEST", 400, "look"},

		{"IDEMPOTENT_REQUEST_PROCESSING", 409, "doubt"},
		{"FORBIDDEN_CONSECUTIVE_REQUEST", 403, "doubt"},

		{"INVALID_REQUEST", 400, "rejected"},
		{"INVALID_REQUIRED_PARAM", 400, "rejected"},
		{"INVALID_ORDER_ID", 400, "rejected"},
		{"INVALID_ORDER_NAME", 400, "rejected"},
		{"INVALID_CUSTOMER_KEY", 400, "rejected"},
		{"NOT_MATCHES_CUSTOMER_KEY", 400, "rejected"},
		{"INVALID_EMAIL", 400, "rejected"},
		{"INVALID_CURRENCY", 400, "rejected"},
		{"BELOW_MINIMUM_AMOUNT", 400, "rejected"},
		{"BELOW_ZERO_AMOUNT", 400, "rejected"},
		{"INVALID_IDEMPOTENCY_KEY", 400, "rejected"},
		{"*INSTALLMENT*", 400, "rejected"},

		{"UNAUTHORIZED_KEY", 401, "misconfigured"},
		{"INVALID_API_KEY", 400, "misconfigured"},
		{"NOT_SUPPORTED_METHOD", 400, "misconfigured"},
		{"API_VERSION_UPDATE_NEEDED", 400, "misconfigured"},
		{"NOT_REGISTERED_BUSINESS", 400, "misconfigured"},
		{"INVALID_UNREGISTERED_SUBMALL", 400, "misconfigured"},
		{"NOT_FOUND_TERMINAL_ID", 400, "misconfigured"},
		{"FORBIDDEN_REQUEST", 403, "misconfigured"},
		{"INCORRECT_BASIC_AUTH_FORMAT", 403, "misconfigured"},
		{"NOT_FOUND_MERCHANT*", 404, "misconfigured"},
		{"NOT_FOUND_HTTP_METHOD", 404, "misconfigured"},

		{"*", 429, "none"},
	}
}

func TestTossCodesOfCharges(t *testing.T) {
	checkCodes(t, "charge", charges())
	decline := func(class payment.Class, code string) payment.Decline {
		return payment.Decline{Class: class, Code: code, Message: "no"}
	}
	for _, c := range charges() {
		name := example(c.code)
		o := open(t, configFor(canned.Serve(t, canned.Reply(c.status, fmt.Sprintf(`{"code":%q,"message":"no"}`, name))).URL)).Charge(t.Context(), charge())
		require.Equal(t, map[string]payment.Outcome{
			"soft":          {Kind: payment.Refused, Decline: decline(payment.Soft, name)},
			"hard":          {Kind: payment.Refused, Decline: decline(payment.Hard, name)},
			"action":        {Kind: payment.Refused, Decline: decline(payment.Action, name)},
			"later":         {Kind: payment.TryLater, Decline: decline("", name)},
			"look":          {LookUpOnly: true, LookNow: true, Answered: true, Failure: c.status == 500},
			"doubt":         {},
			"rejected":      {Kind: payment.Rejected},
			"misconfigured": {Kind: payment.Misconfigured, Answered: true},
			"none":          {Kind: payment.NotExecuted},
		}[c.class], without(o), c.code)
	}
}

// example is a code that a row with a * stands for.
func example(code string) string {
	switch code {
	case "*":
		return "TOO_MANY_REQUESTS"
	case "*INSTALLMENT*":
		return "NOT_SUPPORTED_INSTALLMENT_PLAN"
	case "NOT_FOUND_MERCHANT*":
		return "NOT_FOUND_MERCHANT_ID"
	case "NOT_CANCELABLE_PAYMENT*":
		return "NOT_CANCELABLE_PAYMENT_FOR_DORMANT_USER"
	case "NOT_ALLOWED_PARTIAL_REFUND*":
		return "NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT"
	}
	return code
}

func TestTossCodesOfRefunds(t *testing.T) {
	refunds := []code{
		{"NOT_CANCELABLE_AMOUNT", 403, "refused"},
		{"NOT_CANCELABLE_PAYMENT*", 403, "refused"},
		{"EXCEED_MAX_REFUND_DUE", 403, "refused"},
		{"EXCEED_CANCEL_LIMIT", 403, "refused"},
		{"NOT_ALLOWED_PARTIAL_REFUND*", 403, "refused"},
		{"REFUND_REJECTED", 400, "refused"},
		{"NOT_MATCHES_REFUNDABLE_AMOUNT", 400, "refused"},

		{"ALREADY_CANCELED_PAYMENT", 400, "unknown"},
		{"ALREADY_REFUND_PAYMENT", 400, "unknown"},
		{"ALREADY_REFUNDING_PAYMENT", 400, "unknown"},
		{"PROVIDER_ERROR", 400, "unknown"},
		{"IDEMPOTENT_REQUEST_PROCESSING", 409, "unknown"},
		{"FORBIDDEN_CONSECUTIVE_REQUEST", 403, "unknown"},

		{"NOT_AVAILABLE_BANK", 403, "none"},
		{"*", 429, "none"},

		{"NOT_FOUND_PAYMENT", 404, "rejected"},
		{"INVALID_REQUEST", 400, "rejected"},

		{"UNAUTHORIZED_KEY", 401, "misconfigured"},
		{"INVALID_API_KEY", 400, "misconfigured"},
		{"FORBIDDEN_REQUEST", 403, "misconfigured"},
		{"INCORRECT_BASIC_AUTH_FORMAT", 403, "misconfigured"},
	}
	checkCodes(t, "refund", refunds)
	for _, c := range refunds {
		s := canned.Serve(t, canned.Reads(record("DONE", nil), canned.Reply(c.status, fmt.Sprintf(`{"code":%q,"message":"no"}`, example(c.code)))))
		r := open(t, configFor(s.URL)).Refund(about(t), refund(100))
		require.Equal(t, c.class, r.Effect.String(), c.code)
		require.False(t, r.Failure)
	}
}

// A payment that was not approved says why by the same codes. Without a reason, or for a fault, it is not certain at once that no money was
// taken.
func TestCodesInRecords(t *testing.T) {
	for _, c := range append(charges(), code{"SOMETHING_NEW", 0, "soft"}) {
		if c.code == "*" {
			continue
		}
		name := example(c.code)
		find := func(at string) payment.Outcome {
			body := record("ABORTED", map[string]any{"approvedAt": nil, "requestedAt": at, "failure": map[string]any{"code": name, "message": "no"}})
			return open(t, configFor(canned.Serve(t, canned.Reply(http.StatusOK, body)).URL)).Find(t.Context(), charge(), "").Outcome
		}
		want := payment.Outcome{Kind: payment.Refused, PaymentID: paymentKey, Reason: name, Decline: payment.Decline{Class: payment.Soft, Code: name, Message: "no"}}
		pending := payment.Outcome{PaymentID: paymentKey, LookUpOnly: true, Reason: "pending"}
		fresh := pending
		switch c.class {
		case "soft", "hard", "action":
			want.Decline.Class = payment.Class(c.class)
			fresh = want
		case "later":
			want.Kind, want.Decline.Class = payment.TryLater, ""
			fresh = want
		case "look", "misconfigured":
			want.Kind, want.Decline.Class = payment.TryLater, ""
		}
		require.Equal(t, fresh, find("2026-01-31T20:59:58+09:00"), c.code)
		require.Equal(t, want, find("2026-01-31T20:50:00+09:00"), c.code)
	}
	for at, want := range map[string]payment.Kind{"2026-01-31T20:50:01+09:00": payment.InDoubt, "2026-01-31T20:50:00+09:00": payment.Refused} {
		for _, status := range []string{"ABORTED", "EXPIRED"} {
			body := record(status, map[string]any{"approvedAt": nil, "requestedAt": at})
			o := open(t, configFor(canned.Serve(t, canned.Reply(http.StatusOK, body)).URL)).Find(t.Context(), charge(), "").Outcome
			require.Equal(t, want, o.Kind, at)
			require.Equal(t, want == payment.Refused, o.Decline == payment.Decline{Class: payment.Soft, Code: status}, at)
		}
	}
}

// checkCodes compares the table with what a person has written.
func checkCodes(t *testing.T, of string, want []code) {
	t.Helper()
	var got []code
	for _, c := range toss.Codes() {
		require.Regexp(t, "^[ABC]$", c.Certainty, c.Code)
		require.NotEmpty(t, c.Source, c.Code)
		require.NotEmpty(t, c.Meaning, c.Code)
		if c.Of == of {
			got = append(got, code{c.Code, c.Status, c.Class})
		}
	}
	require.ElementsMatch(t, want, got)
}
