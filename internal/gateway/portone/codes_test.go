package portone_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway/portone"
	"duly/internal/gateway/provider"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

func newClient(s provider.Settings, store string) (*portone.Client, error) {
	return portone.New(portone.Config{Settings: s, StoreID: store})
}

// Each code, with the class that a person has given it.
func TestPortOneCodesOfCharges(t *testing.T) {
	checkCodes(t, "charge", []code{
		{"PG_PROVIDER", 502, "look"},
		{"ALREADY_PAID", 409, "look"},
		{"MAX_TRANSACTION_COUNT_REACHED", 400, "look"},
		{"IDEMPOTENCY_OUTSTANDING_REQUEST", 409, "doubt"},
		{"BILLING_KEY_NOT_FOUND", 404, "action"},
		{"BILLING_KEY_ALREADY_DELETED", 409, "action"},
		{"PAYMENT_SCHEDULE_ALREADY_EXISTS", 409, "rejected"},
		{"INVALID_REQUEST", 400, "rejected"},
		{"DISCOUNT_AMOUNT_EXCEEDS_TOTAL_AMOUNT", 400, "rejected"},
		{"PROMOTION_PAY_METHOD_DOES_NOT_MATCH", 400, "rejected"},
		{"SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT", 409, "rejected"},
		{"UNAUTHORIZED", 401, "misconfigured"},
		{"FORBIDDEN", 403, "misconfigured"},
		{"CHANNEL_NOT_FOUND", 404, "misconfigured"},
		{"*", 429, "none"},
	}, func(c code) {
		body := fmt.Sprintf(`{"type":%q,"message":"no"}`, c.code)
		o := open(t, configFor(canned.Serve(t, canned.Reply(c.status, body)).URL)).Charge(t.Context(), charge())
		require.Equal(t, map[string]payment.Outcome{
			"look":          {LookUpOnly: true, LookNow: true, Answered: true},
			"doubt":         {},
			"action":        {Kind: payment.Refused, Decline: payment.Decline{Class: payment.Action, Code: c.code, Message: "no"}, Unrecorded: true},
			"rejected":      {Kind: payment.Rejected},
			"misconfigured": {Kind: payment.Misconfigured, Answered: true},
			"none":          {Kind: payment.NotExecuted},
		}[c.class], without(o), c.code)
	})
}

// without is o without its text.
func without(o payment.Outcome) payment.Outcome {
	o.Reason = ""
	return o
}

func TestPortOneCodesOfRefunds(t *testing.T) {
	checkCodes(t, "refund", []code{
		{"PAYMENT_NOT_PAID", 409, "refused"},
		{"CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT", 409, "refused"},
		{"MAX_CANCEL_COUNT_REACHED", 409, "refused"},
		{"PAYMENT_ALREADY_CANCELLED", 409, "unknown"},
		{"CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN", 409, "unknown"},
		{"IDEMPOTENCY_OUTSTANDING_REQUEST", 409, "unknown"},
		{"PG_PROVIDER", 502, "unknown"},
		{"INVALID_REQUEST", 400, "rejected"},
		{"NEGATIVE_PROMOTION_ADJUSTED_CANCEL_AMOUNT", 400, "rejected"},
		{"PROMOTION_DISCOUNT_RETAIN_OPTION_SHOULD_NOT_BE_CHANGED", 400, "rejected"},
		{"SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT", 409, "rejected"},
		{"CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT", 409, "rejected"},
		{"CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT", 409, "rejected"},
		{"PAYMENT_NOT_FOUND", 404, "rejected"},
		{"UNAUTHORIZED", 401, "misconfigured"},
		{"FORBIDDEN", 403, "misconfigured"},
	}, func(c code) {
		s := canned.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				canned.Reply(http.StatusOK, record("PAID", nil))(w, r)
				return
			}
			canned.Reply(c.status, fmt.Sprintf(`{"type":%q,"message":"no"}`, c.code))(w, r)
		})
		r := open(t, configFor(s.URL)).Refund(about(t), payment.Refund{Key: "refund-1", ID: paymentID, Amount: 100})
		require.Equal(t, c.class, r.Effect.String(), c.code)
		require.Equal(t, fmt.Sprintf("%d %s: no", c.status, c.code), r.Reason)
		require.False(t, r.Failure)
	})
}

// The codes of payment companies, in the record of a payment that failed.
func TestCodesOfCompanies(t *testing.T) {
	toss := []code{
		{"INVALID_STOPPED_CARD", 0, "hard"},
		{"INVALID_CARD_LOST_OR_STOLEN", 0, "hard"},
		{"INVALID_CARD_NUMBER", 0, "hard"},
		{"INVALID_CARD_EXPIRATION", 0, "action"},
		{"INVALID_REJECT_CARD", 0, "action"},
		{"NOT_SUPPORTED_CARD_TYPE", 0, "action"},
		{"NOT_REGISTERED_CARD_COMPANY", 0, "action"},
		{"INVALID_BILL_KEY_REQUEST", 0, "action"},
		{"ALREADY_REMOVED_BILLING_KEY", 0, "action"},
		{"BILLING_KEY_NOT_FOUND", 0, "action"},
		{"INVALID_ACCOUNT_INFO_RE_REGISTER", 0, "action"},
		{"NOT_FOUND_BILLING", 0, "action"},
		{"FDS_ERROR", 0, "action"},
		{"EXCEED_MAX_AUTH_COUNT", 0, "action"},
		{"REJECT_TOSSPAY_INVALID_ACCOUNT", 0, "action"},
		{"INVALID_PASSWORD", 0, "action"},
		{"REJECT_CARD_PAYMENT", 0, "soft"},
		{"REJECT_ACCOUNT_PAYMENT", 0, "soft"},
		{"REJECT_CARD_COMPANY", 0, "soft"},
		{"EXCEED_MAX_ONE_DAY_AMOUNT", 0, "soft"},
		{"EXCEED_MAX_DAILY_PAYMENT_COUNT", 0, "soft"},
		{"EXCEED_MAX_PAYMENT_AMOUNT", 0, "soft"},
		{"EXCEED_MAX_AMOUNT", 0, "soft"},
		{"EXCEED_MAX_MONTHLY_PAYMENT_AMOUNT", 0, "soft"},
		{"EXCEED_MAX_ONE_DAY_WITHDRAW_AMOUNT", 0, "soft"},
		{"EXCEED_MAX_ONE_TIME_WITHDRAW_AMOUNT", 0, "soft"},
		{"NOT_AVAILABLE_PAYMENT", 0, "later"},
		{"MAINTAINED_METHOD", 0, "later"},
		{"RESTRICTED_TRANSFER_ACCOUNT", 0, "later"},
		{"NOT_AVAILABLE_BANK", 0, "later"},
	}
	kakao := []code{
		{"-780", 0, "soft"}, {"-782", 0, "soft"}, {"USER_LOCKED", 0, "later"}, {"-750", 0, "action"}, {"-751", 0, "action"}, {"-752", 0, "soft"}, {"-797", 0, "soft"},
	}
	find := func(company string) func(code) {
		return func(c code) {
			o := open(t, configFor(canned.Serve(t, canned.Reply(http.StatusOK, failed(company, c.code))).URL)).Find(t.Context(), charge(), "").Outcome
			want := payment.Outcome{Kind: payment.Refused, PaymentID: paymentID, Reason: c.code, Decline: payment.Decline{Code: c.code, Message: "no"}}
			switch c.class {
			case "later":
				want.Kind = payment.TryLater
			default:
				want.Decline.Class = payment.Class(c.class)
			}
			require.Equal(t, want, o, c.code)
		}
	}
	checkCodes(t, "record", append(append([]code(nil), toss...), kakao...), func(code) {})
	for _, c := range toss {
		find("TOSSPAYMENTS")(c)
	}
	for _, c := range kakao {
		find("KAKAOPAY")(c)
	}
	// What no table has costs a stage, and gives up no method.
	for company, codes := range map[string][]string{
		"KCP_V2": {"8801", "REJECT_CARD_PAYMENT"}, "TOSSPAYMENTS": {"NEW", "INVALID_REQUEST"}, "": {"INVALID_STOPPED_CARD"}, "KAKAOPAY": {"INVALID_STOPPED_CARD"},
	} {
		for _, c := range codes {
			find(company)(code{c, 0, "soft"})
		}
	}
	// A fault of the company's own is no decline: the money may still be taken.
	for _, c := range []string{"PROVIDER_ERROR", "FAILED_BILLING_AUTO_CANCEL", "FAILED_CARD_COMPANY_RESPONSE", "UNAUTHORIZED_KEY"} {
		server := canned.Serve(t, canned.Reply(http.StatusOK, failed("TOSSPAYMENTS", c)))
		o := open(t, configFor(server.URL)).Find(t.Context(), charge(), "").Outcome
		require.Equal(t, payment.InDoubt, o.Kind, c)
		require.True(t, o.LookUpOnly, c)
		config := configFor(server.URL)
		config.Now = func() time.Time { return now.Add(config.LongestRequest + time.Hour) }
		require.Equal(t, payment.TryLater, open(t, config).Find(t.Context(), charge(), "").Outcome.Kind, c)
	}
}

type code struct {
	code   string
	status int
	class  string
}

// checkCodes compares the table with what a person has written, and checks each row of it.
func checkCodes(t *testing.T, of string, want []code, check func(code)) {
	t.Helper()
	var got []code
	for _, c := range portone.Codes() {
		require.Regexp(t, "^[ABC]$", c.Certainty, c.Code)
		require.NotEmpty(t, c.Source, c.Code)
		require.NotEmpty(t, c.Meaning, c.Code)
		if c.Of == of {
			got = append(got, code{c.Code, c.Status, c.Class})
		}
	}
	require.ElementsMatch(t, want, got)
	for _, c := range want {
		check(c)
	}
}
