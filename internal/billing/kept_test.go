package billing_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/billing/answers"
	"duly/internal/payment"
	"duly/internal/test/golden"
	"duly/internal/test/sample"
)

// kept is the answer o to attempt as it is kept.
func kept(o payment.Outcome) answers.Kept {
	r := billing.Result{Answer: billing.Answer{Outcome: o}}
	r.Claimed.Attempt = sample.Attempt()
	return r.Keep()
}

func success(id string) payment.Outcome { return payment.Outcome{Kind: payment.Paid, PaymentID: id} }

func refusal(class payment.Class) payment.Outcome {
	return payment.Outcome{Kind: payment.Refused, PaymentID: "pay_1", Reason: "code", Decline: payment.Decline{
		Class: class, Code: "code", NetworkCode: "51", AdviceCode: "02", Message: "the bank says no",
	}}
}

// TestKeptAnswersGolden pins the documents in gateway_answers: other versions read them.
func TestKeptAnswersGolden(t *testing.T) {
	var text strings.Builder
	for _, o := range []payment.Outcome{
		success("pay_1"), refusal(payment.Soft), refusal(payment.Hard), refusal(payment.Action),
		{Kind: payment.TryLater, PaymentID: "pay_1", Reason: "processing_error", Decline: payment.Decline{Code: "processing_error"}},
		{Kind: payment.Differs, PaymentID: "pay_1", Reason: "amount is not ours"},
		{Kind: payment.InDoubt, Reason: "timeout", LookUpOnly: true, Failure: true, RetryAfter: 5},
		{Kind: payment.NotExecuted},
		{Kind: payment.Rejected},
		{Kind: payment.Misconfigured},
	} {
		document, err := json.Marshal(kept(o))
		require.NoError(t, err)
		fmt.Fprintln(&text, string(document))

		var back answers.Kept
		require.NoError(t, json.Unmarshal(document, &back))
		o.LookUpOnly, o.Failure, o.RetryAfter = false, false, 0
		require.Equal(t, kept(o), back)
	}
	golden.Equal(t, "kept.golden", text.String())
}

func TestAKindWithoutAWordIsNotKept(t *testing.T) {
	_, err := json.Marshal(kept(payment.Outcome{Kind: 99}))
	require.ErrorContains(t, err, "unknown outcome")
}

// numbered is a document of the first release, byte for byte but for its outcome.
func numbered(outcome string) string {
	return `{"reference":"sub_42_20260131","customer_id":"cus_7","money":{"Amount":12900,"Currency":"KRW"},"outcome":` + outcome + `}`
}

// The numbers that the first release stored are frozen: they are in rows that are still read. This table is
// changed by nobody.
func TestKeptAnswersOfTheFirstRelease(t *testing.T) {
	for number, word := range map[int]string{
		0: "in_doubt", 1: "succeeded", 2: "declined", 3: "not_executed", 4: "try_later", 5: "differs", 6: "rejected", 7: "misconfigured",
	} {
		document := numbered(fmt.Sprintf(`{"Kind":%d,"Decline":{"Class":"hard","Code":"stolen_card","NetworkCode":"43","AdviceCode":"03",`+
			`"Message":"no"},"PaymentID":"pay_1","Reason":"why","LookUpOnly":true,"Failure":true,"RetryAfter":1000000000}`, number))
		var got answers.Kept
		require.NoError(t, json.Unmarshal([]byte(document), &got), number)
		require.Equal(t, word, got.Outcome.Kind.String(), number)
		got.Outcome.Kind = 0
		require.Equal(t, kept(payment.Outcome{PaymentID: "pay_1", Reason: "why", Decline: payment.Decline{
			Class: payment.Hard, Code: "stolen_card", NetworkCode: "43", AdviceCode: "03", Message: "no",
		}}), got)
	}

	var paid answers.Kept
	require.NoError(t, json.Unmarshal([]byte(numbered(`{"Kind":1,"Decline":{"Class":"","Code":"","NetworkCode":"","AdviceCode":"",`+
		`"Message":""},"PaymentID":"pay_1","Reason":"","LookUpOnly":false,"Failure":false,"RetryAfter":0}`)), &paid))
	require.Equal(t, new(success("pay_1")), billing.SavedOutcome(sample.Attempt(), []answers.Kept{paid}))
}

func TestKeptAnswersThatCannotBeRead(t *testing.T) {
	words := func(outcome string) string {
		return `{"reference":"sub_42_20260131","customer_id":"cus_7","money":{"amount":12900,"currency":"KRW"},"outcome":` + outcome + `}`
	}
	var got answers.Kept
	require.NoError(t, json.Unmarshal([]byte(words(`{"kind":"succeeded","payment_id":"pay_1","added":"by a later version"}`)), &got))
	require.Equal(t, kept(success("pay_1")), got)
	for _, document := range []string{
		`{}`, `[]`, `null`, `7`, `{"reference": 7}`, `{"reference":"sub_42_20260131"}`, words(`null`), words(`{}`), words(`"succeeded"`),
		words(`{"kind":null}`), words(`{"kind":"paid"}`), words(`{"kind":""}`), words(`{"kind":1}`), words(`{"kind":"1"}`),
		words(`{"KIND":"succeeded"}`), words(`{"kind":"succeeded","Kind":1}`), words(`{"kind":"succeeded","payment_id":7}`),
		numbered(`{"Kind":8}`), numbered(`{"Kind":-1}`), numbered(`{"Kind":257}`), numbered(`{"Kind":1.5}`), numbered(`{"Kind":null}`),
		numbered(`{"Kind":"1"}`), numbered(`{"Kind":"succeeded"}`), numbered(`{"KIND":1}`),
	} {
		var got answers.Kept
		if err := json.Unmarshal([]byte(document), &got); err == nil {
			require.Nil(t, billing.SavedOutcome(sample.Attempt(), []answers.Kept{got}), document)
		}
	}
}

// What settles an attempt without asking the gateway is complete, definite and about this very charge.
func TestSavedOutcome(t *testing.T) {
	other := func(change func(*answers.Kept)) answers.Kept {
		k := kept(success("pay_1"))
		change(&k)
		return k
	}
	pending := sample.Attempt()
	pending.PaymentID = "pay_1"
	for name, c := range map[string]struct {
		attempt billing.Attempt
		kept    []answers.Kept
		want    *payment.Outcome
	}{
		"nothing kept":                                  {attempt: sample.Attempt()},
		"a success":                                     {sample.Attempt(), []answers.Kept{kept(success("pay_1"))}, new(success("pay_1"))},
		"a success without a payment id":                {sample.Attempt(), []answers.Kept{kept(success(""))}, nil},
		"a success with a decline":                      {sample.Attempt(), []answers.Kept{other(func(k *answers.Kept) { k.Outcome.Decline.Code = "x" })}, nil},
		"a soft decline":                                {sample.Attempt(), []answers.Kept{kept(refusal(payment.Soft))}, new(refusal(payment.Soft))},
		"a hard decline":                                {sample.Attempt(), []answers.Kept{kept(refusal(payment.Hard))}, new(refusal(payment.Hard))},
		"an action that is needed":                      {sample.Attempt(), []answers.Kept{kept(refusal(payment.Action))}, new(refusal(payment.Action))},
		"a decline without a class":                     {sample.Attempt(), []answers.Kept{kept(refusal(""))}, nil},
		"a decline of an unknown class":                 {sample.Attempt(), []answers.Kept{kept(refusal("lukewarm"))}, nil},
		"try later":                                     {sample.Attempt(), []answers.Kept{kept(payment.Outcome{Kind: payment.TryLater})}, &payment.Outcome{Kind: payment.TryLater}},
		"try later with a class":                        {sample.Attempt(), []answers.Kept{kept(payment.Outcome{Kind: payment.TryLater, Decline: payment.Decline{Class: payment.Hard}})}, nil},
		"differs, by an id that may be somebody else's": {sample.Attempt(), []answers.Kept{kept(payment.Outcome{Kind: payment.Differs, PaymentID: "pay_9"})}, &payment.Outcome{Kind: payment.Differs}},
		"differs":                                       {sample.Attempt(), []answers.Kept{kept(payment.Outcome{Kind: payment.Differs})}, &payment.Outcome{Kind: payment.Differs}},
		"in doubt":                                      {sample.Attempt(), []answers.Kept{kept(payment.Outcome{PaymentID: "pay_1"})}, nil},
		"one request did nothing":                       {sample.Attempt(), []answers.Kept{kept(payment.Outcome{Kind: payment.NotExecuted})}, nil},
		"one request was rejected":                      {sample.Attempt(), []answers.Kept{kept(payment.Outcome{Kind: payment.Rejected})}, nil},
		"credentials were refused":                      {sample.Attempt(), []answers.Kept{kept(payment.Outcome{Kind: payment.Misconfigured})}, nil},
		"no kind at all":                                {sample.Attempt(), []answers.Kept{kept(payment.Outcome{Kind: 99, PaymentID: "pay_1"})}, nil},
		"of another reference":                          {sample.Attempt(), []answers.Kept{other(func(k *answers.Kept) { k.Reference = "sub_42_20260228" })}, nil},
		"of another customer":                           {sample.Attempt(), []answers.Kept{other(func(k *answers.Kept) { k.CustomerID = "cus_8" })}, nil},
		"of another amount":                             {sample.Attempt(), []answers.Kept{other(func(k *answers.Kept) { k.Money.Amount++ })}, nil},
		"in another currency":                           {sample.Attempt(), []answers.Kept{other(func(k *answers.Kept) { k.Money.Currency = "JPY" })}, nil},
		"of the payment that is known":                  {pending, []answers.Kept{kept(success("pay_1"))}, new(success("pay_1"))},
		"of another payment than is known":              {pending, []answers.Kept{kept(success("pay_2"))}, nil},
		"beside one of another customer": {sample.Attempt(), []answers.Kept{
			kept(success("pay_1")), other(func(k *answers.Kept) { k.CustomerID = "cus_8" }),
		}, new(success("pay_1"))},
		"twice the same":    {sample.Attempt(), []answers.Kept{kept(success("pay_1")), kept(success("pay_1"))}, new(success("pay_1"))},
		"two that disagree": {sample.Attempt(), []answers.Kept{kept(success("pay_1")), kept(refusal(payment.Soft))}, nil},
		"two payments":      {sample.Attempt(), []answers.Kept{kept(success("pay_1")), kept(success("pay_2"))}, nil},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, billing.SavedOutcome(c.attempt, c.kept)) })
	}
}
