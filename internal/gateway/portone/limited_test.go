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

// What an answer leaves open PortOne's record says at once, and the charge is sent once.
func TestRecordsDecideWhatAnswersLeaveOpen(t *testing.T) {
	for name, tc := range map[string]struct {
		status      int
		answer, get string // no get: PortOne knows no such payment
		want        payment.Outcome
	}{
		"paid before":           {409, `{"type":"ALREADY_PAID"}`, record("PAID", nil), payment.Outcome{Kind: payment.Paid, PaymentID: paymentID}},
		"tried too often":       {400, `{"type":"MAX_TRANSACTION_COUNT_REACHED"}`, failed("KCP_V2", "8801"), payment.Outcome{Kind: payment.Refused, PaymentID: paymentID, Reason: "8801", Decline: payment.Decline{Class: payment.Soft, Code: "8801", Message: "no"}}},
		"a number for a code":   {502, `{"type":"PG_PROVIDER","pgCode":"-751","pgMessage":"no"}`, failed("KAKAOPAY", "-751"), payment.Outcome{Kind: payment.Refused, PaymentID: paymentID, Reason: "-751", Decline: payment.Decline{Class: payment.Action, Code: "-751", Message: "no"}}},
		"an earlier success":    {200, `{"payment":{"pgTxId":"x","paidAt":"2026-01-30T12:00:00Z"}}`, record("PAID", map[string]any{"amount": amounts(99, 0)}), payment.Outcome{Kind: payment.Differs, PaymentID: paymentID, Reason: "gateway booked 99 KRW, invoice is 12,900 KRW"}},
		"not there":             {502, `{"type":"PG_PROVIDER","pgCode":"1","pgMessage":"no"}`, "", payment.Outcome{LookUpOnly: true, LookNow: true, Answered: true, Reason: "502 PG_PROVIDER 1: no"}},
		"our secret is refused": {401, `{"type":"UNAUTHORIZED","message":"no"}`, "", payment.Outcome{LookUpOnly: true, Answered: true, Reason: "401 UNAUTHORIZED: no"}},
	} {
		s := canned.Serve(t, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodPost:
				canned.Reply(tc.status, tc.answer)(w, r)
			case tc.get == "":
				canned.Reply(http.StatusNotFound, `{"type":"PAYMENT_NOT_FOUND"}`)(w, r)
			default:
				canned.Reply(http.StatusOK, tc.get)(w, r)
			}
		})
		limited := gateway.Limit("main", open(t, configFor(s.URL)), gateway.Limits{Tries: 3, Backoff: time.Millisecond, Now: time.Now})
		o, doubted := limited.Charge(t.Context(), charge(), false)
		require.Equal(t, tc.want, o, name)
		require.True(t, doubted, name)
		posts := 0
		for _, got := range s.Requests() {
			if got.Method == http.MethodPost {
				posts++
			}
		}
		require.Equal(t, 1, posts, name)
	}
}
