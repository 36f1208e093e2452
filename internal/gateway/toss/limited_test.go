package toss_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/internal/test/canned"
)

// What an answer leaves open Toss's record says at once. The key would repeat the answer, so that it is not sent again.
func TestRecordsDecideWhatAnswersLeaveOpen(t *testing.T) {
	for name, tc := range map[string]struct {
		status       int
		code, record string // no record: Toss knows no such payment
		want         payment.Outcome
	}{
		"paid before":         {400, "ALREADY_PROCESSED_PAYMENT", record("DONE", nil), payment.Outcome{Kind: payment.Paid, PaymentID: paymentKey}},
		"a fault, and paid":   {500, "FAILED_CARD_COMPANY_RESPONSE", record("DONE", nil), payment.Outcome{Kind: payment.Paid, PaymentID: paymentKey}},
		"a fault, and absent": {400, "PROVIDER_ERROR", "", payment.Outcome{LookUpOnly: true, LookNow: true, Answered: true, Reason: "400 PROVIDER_ERROR: no"}},
		"a new code":          {400, "SOMETHING_NEW", failed("REJECT_CARD_PAYMENT"), payment.Outcome{Kind: payment.Refused, PaymentID: paymentKey, Reason: "REJECT_CARD_PAYMENT", Decline: payment.Decline{Class: payment.Soft, Code: "REJECT_CARD_PAYMENT", Message: "no"}}},
		"our key is refused":  {401, "UNAUTHORIZED_KEY", "", payment.Outcome{LookUpOnly: true, Answered: true, Reason: "401 UNAUTHORIZED_KEY: no"}},
	} {
		posts := 0
		s := canned.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodPost:
				posts++
				canned.Reply(tc.status, `{"code":"`+tc.code+`","message":"no"}`)(w, r)
			case tc.record == "":
				canned.Reply(http.StatusNotFound, `{"code":"NOT_FOUND_PAYMENT","message":"no"}`)(w, r)
			default:
				canned.Reply(http.StatusOK, tc.record)(w, r)
			}
		})
		limited := gateway.Limit("main", open(t, configFor(s.URL)), gateway.Limits{Tries: 3, Backoff: time.Millisecond, Now: time.Now})
		o, doubted := limited.Charge(t.Context(), charge(), false)
		require.Equal(t, tc.want, o, name)
		require.True(t, doubted, name)
		require.Equal(t, 1, posts, name)
	}
}
