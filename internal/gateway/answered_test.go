package gateway_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// What is said of an attempt whose requests were all answered, and of one that had a request without an answer.
func TestEveryRequestAnswered(t *testing.T) {
	typed := payment.Outcome{LookUpOnly: true, Answered: true, Reason: "500 PROVIDER_ERROR"}
	again := payment.Outcome{Answered: true, Reason: "409 in progress"}
	kept := badToken
	kept.Answered = true
	for _, tc := range []struct {
		name     string
		answers  []payment.Outcome
		doubted  bool
		keeps    bool
		want     payment.Kind
		answered bool
		requests int
	}{
		{"an error of the gateway's own", []payment.Outcome{typed}, false, true, payment.InDoubt, true, 1},
		{"a time-out", []payment.Outcome{timeOut}, false, true, payment.InDoubt, false, 3},
		{"a time-out, then an error", []payment.Outcome{timeOut, typed}, false, true, payment.InDoubt, false, 2},
		{"not executed, then an error", []payment.Outcome{tooMany, typed}, false, true, payment.InDoubt, true, 2},
		{"two errors", []payment.Outcome{again, typed}, false, true, payment.InDoubt, true, 2},
		{"an error, then not executed", []payment.Outcome{again, tooMany, tooMany}, false, true, payment.InDoubt, true, 3},
		{"doubted before", []payment.Outcome{typed}, true, true, payment.InDoubt, false, 1},
		{"paid", []payment.Outcome{paid}, false, true, payment.Paid, false, 1},
		{"credentials refused, and the answer is kept", []payment.Outcome{kept}, false, true, payment.InDoubt, true, 1},
		{"credentials refused by nobody knows what", []payment.Outcome{badToken}, false, true, payment.InDoubt, false, 1},
		{"credentials refused, and nothing is kept", []payment.Outcome{kept}, false, false, payment.Misconfigured, false, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{keeps: tc.keeps, charge: in(tc.answers...)}
				p := pace(t, f)
				o, _ := p.Charge(t.Context(), payment.Charge{Key: "k"}, tc.doubted)
				require.Equal(t, tc.want, o.Kind)
				require.Equal(t, tc.answered, o.Answered)
				require.Equal(t, tc.requests, f.requests())
				_, left := p.Closed()
				require.Equal(t, tc.answers[0].Kind == payment.Misconfigured, left, "its gateway is left alone")
				if tc.answers[0].Kind == payment.Misconfigured && tc.keeps {
					require.True(t, o.LookUpOnly, "the key would bring the same answer")
				}
			})
		})
	}
}

// An error that answers a look-up says nothing of the requests of the charge.
func TestALookUpAnswersNoRequest(t *testing.T) {
	f := &fake{find: func(int) gateway.Finding {
		return gateway.Finding{Outcome: payment.Outcome{Answered: true, LookUpOnly: true}}
	}}
	require.False(t, pace(t, f, once).Find(t.Context(), payment.Charge{Key: "k"}, "").Outcome.Answered)
}

// A charge whose answer says less than the gateway's record is looked up once, and the record counts.
func TestTheRecordIsLookedUpAtOnce(t *testing.T) {
	unclear := payment.Outcome{LookUpOnly: true, LookNow: true, Answered: true, Reason: "409 ALREADY_PAID"}
	declined := payment.Outcome{Kind: payment.Refused, Decline: payment.Decline{Class: payment.Soft}}
	for name, tc := range map[string]struct {
		found gateway.Finding
		want  payment.Kind
	}{
		"paid":            {gateway.Finding{Outcome: paid}, payment.Paid},
		"declined":        {gateway.Finding{Outcome: declined}, payment.Refused},
		"somebody else's": {gateway.Finding{Outcome: payment.Outcome{Kind: payment.Differs}}, payment.Differs},
		"absent":          {gateway.Finding{Absent: true}, payment.InDoubt},
		"no answer":       {gateway.Finding{Outcome: timeOut}, payment.InDoubt},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{charge: in(unclear), find: func(int) gateway.Finding { return tc.found }}
				o, _ := pace(t, f).Charge(t.Context(), payment.Charge{Key: "k"}, false)
				require.Equal(t, tc.want, o.Kind)
				require.Equal(t, 1, f.requests(), "it is charged once")
				if tc.want == payment.InDoubt {
					require.True(t, o.LookUpOnly)
					require.True(t, o.Answered)
				}
			})
		})
	}
}

// A payment that the customer can still finish is a decline once its cancellation is confirmed, and in doubt until then.
func TestAnUnfinishedPaymentIsCancelled(t *testing.T) {
	unfinished := payment.Outcome{
		LookUpOnly: true, Unfinished: true, PaymentID: "pi_1", Decline: payment.Decline{Class: payment.Action, Code: "authentication_required"}, Reason: "requires_action",
	}
	for name, tc := range map[string]struct {
		reply payment.Effect
		found payment.Outcome
		want  payment.Kind
	}{
		"cancelled":                         {reply: payment.EffectDone, want: payment.Refused},
		"refused, since the customer paid":  {reply: payment.EffectRefused, found: paid, want: payment.Paid},
		"refused, and nobody knows why":     {reply: payment.EffectRefused, found: timeOut, want: payment.InDoubt},
		"refused, and still unfinished":     {reply: payment.EffectRefused, found: unfinished, want: payment.InDoubt},
		"not known whether it is cancelled": {reply: payment.EffectUnknown, want: payment.InDoubt},
		"rejected":                          {reply: payment.EffectRejected, want: payment.InDoubt},
		"credentials refused":               {reply: payment.EffectMisconfigured, want: payment.InDoubt},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				world := func() (*fake, *gateway.Limited) {
					f := &fake{
						charge: in(unfinished), change: func(int) payment.Reply { return payment.Reply{Effect: tc.reply, Reason: "said so"} },
						find: func(int) gateway.Finding { return gateway.Finding{Outcome: tc.found} },
					}
					return f, pace(t, f, once)
				}
				check := func(o payment.Outcome) {
					require.Equal(t, tc.want, o.Kind)
					switch tc.want {
					case payment.Refused:
						require.Equal(t, unfinished.Decline, o.Decline)
						require.Equal(t, "pi_1", o.PaymentID)
					case payment.InDoubt:
						require.True(t, o.LookUpOnly, "sending it again would make another payment of it")
						require.Contains(t, o.Reason, "said so")
					}
				}
				f, p := world()
				o, _ := p.Charge(t.Context(), payment.Charge{Key: "k"}, false)
				check(o)
				require.Equal(t, []string{"k", "k-cancel"}, f.keys[:2])

				f, p = world()
				first := true
				f.find = func(int) gateway.Finding {
					if first {
						first = false
						return gateway.Finding{Outcome: unfinished}
					}
					return gateway.Finding{Outcome: tc.found}
				}
				check(p.Find(t.Context(), payment.Charge{Key: "k"}, "pi_1").Outcome)
			})
		})
	}
}
