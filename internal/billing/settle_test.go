package billing_test

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/test/golden"
	"duly/internal/test/sample"
)

// everyAnswer lists one answer of every kind, and of every class where there are some.
func everyAnswer() []billing.Answer {
	list := []billing.Answer{}
	for _, kind := range payment.Kinds() {
		if kind != payment.Refused {
			list = append(list, sample.Answered(kind, ""))
			continue
		}
		for _, class := range []payment.Class{payment.Soft, payment.Hard, payment.Action} {
			list = append(list, sample.Answered(kind, class))
		}
	}
	return list
}

func statuses() []billing.SubscriptionStatus {
	return []billing.SubscriptionStatus{billing.Active, billing.PastDue, billing.Paused, billing.Cancelled}
}

// at is attempt, made at that stage of an invoice that was first declined on its due date.
func at(stage int) billing.Attempt {
	a := sample.Attempt()
	a.Stage, a.Invoice = stage, atStage(stage)
	return a
}

// TestSettleGolden writes what follows from every outcome, at every stage, for every status of the
// subscription; and, in a second part, what a doubt or a look-up changes about it.
func TestSettleGolden(t *testing.T) {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	row := func(cells ...string) {
		_, err := fmt.Fprintln(table, strings.Join(cells, "\t"))
		require.NoError(t, err)
	}
	settle := func(before []string, a billing.Attempt, ans billing.Answer, sub billing.SubscriptionStatus) {
		got := billing.Settle(a, ans, sub, sample.Policy(), sample.Day("2026-02-03"), sample.Noon)
		row(append(before, words(a, got)...)...)
	}
	name := func(ans billing.Answer) string {
		return strings.TrimSpace(ans.Outcome.Kind.String() + " " + string(ans.Outcome.Decline.Class))
	}
	result := []string{"attempt", "class", "doubted", "invoice", "stage", "next", "first declined", "subscription", "again", "alert", "events"}

	row(append([]string{"outcome", "stage", "subscription", "->"}, result...)...)
	for _, ans := range everyAnswer() {
		for stage := range 4 {
			for _, sub := range statuses() {
				settle([]string{name(ans), fmt.Sprint(stage), string(sub), "->"}, at(stage), ans, sub)
			}
		}
	}
	row()
	row(append([]string{"outcome", "found", "doubted", "->"}, result...)...)
	for _, ans := range everyAnswer() {
		for _, ans.Found = range []bool{false, true} {
			for _, doubted := range []bool{false, true} {
				a := at(0)
				a.Doubted = doubted
				settle([]string{name(ans), fmt.Sprint(ans.Found), fmt.Sprint(doubted), "->"}, a, ans, billing.Active)
			}
		}
	}
	require.NoError(t, table.Flush())
	lines := strings.Split(text.String(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	golden.Equal(t, "settle.golden", strings.Join(lines, "\n"))
}

// words writes a settlement in cells.
func words(a billing.Attempt, s billing.Settlement) []string {
	or := func(text string) string {
		if text == "" {
			return "."
		}
		return text
	}
	change, again, alert := ".", ".", "."
	if s.SubscriptionTo != "" {
		change = string(s.SubscriptionFrom) + ">" + string(s.SubscriptionTo)
	}
	switch {
	case !s.NextTryAt.IsZero():
		again = "later run"
	case !s.NextCheckAt.IsZero():
		again = "ask in " + s.NextCheckAt.Sub(sample.Noon).String()
	}
	if s.Alert {
		alert = "alert"
	}
	events := []string{}
	for _, e := range s.Events {
		events = append(events, e.Type)
	}
	return []string{
		string(s.Attempt), or(string(s.Decline.Class)), fmt.Sprint(s.Doubted), string(s.Invoice), fmt.Sprint(s.Stage), or(s.Next.String()),
		or(s.FirstDeclined.String()), change, again, alert, or(strings.Join(events, " ")),
	}
}

func TestSettlePaid(t *testing.T) {
	a := at(2)
	a.Doubted, a.LookUp, a.Checks, a.PaymentID = true, true, 4, "pay_old"
	a.Invoice.TryLaterSince = sample.Noon
	ans := billing.Answer{Outcome: payment.Outcome{Kind: payment.Paid, PaymentID: "pay_1"}}
	got := billing.Settle(a, ans, billing.PastDue, sample.Policy(), sample.Day("2026-02-03"), sample.Noon)
	require.Equal(t, billing.Settlement{
		Attempt: billing.AttemptSucceeded, Proof: billing.ProofAnswer, Doubted: true, LookUp: true, Checks: 4, PaymentID: "pay_1", Message: "succeeded",
		Invoice: billing.Paid, Stage: 2, FirstDeclined: sample.Day("2026-01-31"),
		SubscriptionFrom: billing.PastDue, SubscriptionTo: billing.Active, Events: got.Events,
	}, got, "a try later is forgotten")
}

func TestSettleDeclined(t *testing.T) {
	a := at(3)
	a.Invoice.TryLaterSince = sample.Noon
	ans := sample.Answered(payment.Refused, payment.Hard)
	ans.Outcome.PaymentID = "pay_1"
	ans.Outcome.Decline.NetworkCode, ans.Outcome.Decline.AdviceCode = "43", "03"
	got := billing.Settle(a, ans, billing.PastDue, sample.Policy(), sample.Day("2026-02-05"), sample.Noon)
	require.Equal(t, billing.Settlement{
		Attempt: billing.AttemptDeclined, Proof: billing.ProofAnswer, PaymentID: "pay_1", Message: "the bank says no",
		Decline: payment.Decline{Class: payment.Hard, Code: "hard_code", NetworkCode: "43", AdviceCode: "03", Message: "the bank says no"},
		Invoice: billing.Uncollectible, Stage: 3, FirstDeclined: sample.Day("2026-01-31"),
		SubscriptionFrom: billing.PastDue, SubscriptionTo: billing.Cancelled, CancelReason: "unpaid after the last retry: the bank says no",
		Events: got.Events,
	}, got, "a try later is forgotten")
}

func TestSettleADeclineWithoutAClassCountsAsSoft(t *testing.T) {
	for _, class := range []payment.Class{"", "firm"} {
		got := billing.Settle(at(0), sample.Answered(payment.Refused, class), billing.Active, sample.Policy(), sample.Day("2026-01-31"), sample.Noon)
		require.Equal(t, payment.Soft, got.Decline.Class)
		require.Equal(t, 1, got.Stage)
	}
}

func TestSettleWithoutRetriesEndsAtOnce(t *testing.T) {
	got := billing.Settle(at(0), sample.Answered(payment.Refused, payment.Soft), billing.Active, billing.Policy{}, sample.Day("2026-01-31"), sample.Noon)
	require.Equal(t, billing.Uncollectible, got.Invoice)
	require.Equal(t, billing.Cancelled, got.SubscriptionTo)
}

func TestSettleReleased(t *testing.T) {
	for _, kind := range []payment.Kind{payment.NotExecuted, payment.Misconfigured} {
		a := at(2)
		a.Invoice.TryLaterSince = sample.Noon.Add(-time.Hour)
		require.Equal(t, billing.Settlement{
			Attempt: billing.AttemptReleased, Message: "because", Invoice: billing.Open, Stage: 2, NextTryAt: sample.Noon,
			FirstDeclined: sample.Day("2026-01-31"), TryLaterSince: sample.Noon.Add(-time.Hour),
		}, billing.Settle(a, sample.Answered(kind, ""), billing.PastDue, sample.Policy(), sample.Day("2026-02-03"), sample.Noon))
	}
}

func TestSettleTryLater(t *testing.T) {
	ans := sample.Answered(payment.TryLater, "")
	ans.Outcome.Decline = payment.Decline{Class: payment.Hard, Code: "processing_error", Message: "come back"}
	settle := func(since time.Time) billing.Settlement {
		a := at(1)
		a.Invoice.TryLaterSince = since
		return billing.Settle(a, ans, billing.PastDue, sample.Policy(), sample.Day("2026-02-03"), sample.Noon)
	}

	first := settle(time.Time{})
	require.Equal(t, billing.Settlement{
		Attempt: billing.AttemptDeclined, Proof: billing.ProofAnswer, Decline: payment.Decline{Code: "processing_error", Message: "come back"}, Message: "come back",
		Invoice: billing.Open, Stage: 1, NextTryAt: sample.Noon, FirstDeclined: sample.Day("2026-01-31"), TryLaterSince: sample.Noon,
	}, first, "no class, no stage, no event")

	since := sample.Noon.Add(-72*time.Hour + time.Microsecond)
	require.Equal(t, since, settle(since).TryLaterSince, "it is the first one that counts")
	require.Equal(t, 1, settle(since).Stage)

	over := settle(sample.Noon.Add(-72 * time.Hour))
	require.Equal(t, 2, over.Stage, "three days are a soft decline")
	require.Equal(t, payment.Soft, over.Decline.Class)
	require.Zero(t, over.TryLaterSince)
	require.Equal(t, []string{"payment.failed"}, sample.EventTypes(over.Events))
}

func TestSettleInDoubt(t *testing.T) {
	waits := []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour, time.Hour, time.Hour}
	a := at(2)
	a.PaymentID, a.Invoice.TryLaterSince = "pay_1", sample.Noon
	for checks, wait := range waits {
		a.Checks = checks
		require.Equal(t, billing.Settlement{
			Attempt: billing.AttemptInDoubt, Doubted: true, PaymentID: "pay_1", Message: "because", NextCheckAt: sample.Noon.Add(wait), SentBy: sample.Noon, Checks: checks + 1,
			Invoice: billing.Charging, Stage: 2, FirstDeclined: sample.Day("2026-01-31"), TryLaterSince: sample.Noon,
		}, billing.Settle(a, sample.Answered(payment.InDoubt, ""), billing.PastDue, sample.Policy(), sample.Day("2026-02-03"), sample.Noon))
	}

	pending := sample.Answered(payment.InDoubt, "")
	pending.Outcome.LookUpOnly, pending.Outcome.PaymentID = true, "pay_2"
	got := billing.Settle(a, pending, billing.PastDue, sample.Policy(), sample.Day("2026-02-03"), sample.Noon)
	require.True(t, got.LookUp)
	require.Equal(t, "pay_2", got.PaymentID)

	a.LookUp = true
	got = billing.Settle(a, sample.Answered(payment.InDoubt, ""), billing.PastDue, sample.Policy(), sample.Day("2026-02-03"), sample.Noon)
	require.True(t, got.LookUp, "it sticks")
}

func TestSettleReview(t *testing.T) {
	for kind, want := range map[payment.Kind]billing.AttemptStatus{payment.Differs: billing.AttemptReview, payment.Rejected: billing.AttemptRejected} {
		ans := sample.Answered(kind, "")
		ans.Outcome.PaymentID = "pay_1"
		got := billing.Settle(at(1), ans, billing.PastDue, sample.Policy(), sample.Day("2026-02-03"), sample.Noon)
		require.Equal(t, []string{"review.needed"}, sample.EventTypes(got.Events))
		require.Equal(t, billing.Settlement{
			Attempt: want, PaymentID: "pay_1", Message: "because", Invoice: billing.Review, Stage: 1, FirstDeclined: sample.Day("2026-01-31"),
			ReviewReason: "because", Alert: kind == payment.Differs, Events: got.Events,
		}, got)
	}
}

func TestSettleFitsTheColumnsAndHidesTheMethod(t *testing.T) {
	ans := sample.Answered(payment.Refused, payment.Soft)
	ans.Outcome.PaymentID = strings.Repeat("p", 300)
	ans.Outcome.Decline = payment.Decline{
		Class: payment.Soft, Code: strings.Repeat("c", 300), NetworkCode: strings.Repeat("n", 300), AdviceCode: strings.Repeat("a", 300),
		Message: "pm_secret_1 \xff " + strings.Repeat("가", 300),
	}
	got := billing.Settle(at(3), ans, billing.Active, sample.Policy(), sample.Day("2026-02-05"), sample.Noon)
	require.Len(t, got.PaymentID, 255)
	require.Len(t, got.Decline.Code, 64)
	require.Len(t, got.Decline.NetworkCode, 16)
	require.Len(t, got.Decline.AdviceCode, 16)
	require.Equal(t, got.Message, got.Decline.Message)
	for _, text := range []string{got.Message, got.CancelReason} {
		require.Len(t, []rune(text), 255)
		require.Contains(t, text, "[redacted] \uFFFD 가")
	}
	for _, e := range got.Events {
		require.NotContains(t, payload(t, e), "pm_secret_1")
	}

	ans = sample.Answered(payment.Rejected, "")
	ans.Outcome.Reason = "no such method: pm_secret_1"
	require.Equal(t, "no such method: [redacted]", billing.Settle(at(0), ans, billing.Active, sample.Policy(), sample.Day("2026-01-31"), sample.Noon).ReviewReason)

	ans.Outcome.Reason = "no such customer: cus_8812"
	c := at(0)
	c.Charge.CustomerID, c.Charge.Method = "cus_8812", "cus_8812"
	require.Equal(t, "no such customer: [redacted]", billing.Settle(c, ans, billing.Active, sample.Policy(), sample.Day("2026-01-31"), sample.Noon).ReviewReason)

	ans.Outcome.Reason = "no such customer: cus_9913"
	c.Charge.GatewayCustomer = "cus_9913"
	require.Equal(t, "no such customer: [redacted]", billing.Settle(c, ans, billing.Active, sample.Policy(), sample.Day("2026-01-31"), sample.Noon).ReviewReason)

	// Amounts, ids and words that hold a short value stay as they are.
	ans.Outcome.PaymentID = "pay_77-11"
	ans.Outcome.Reason = "it has 12,900.11 KRW, payment pay_77-11, customer 11"
	c.Charge.CustomerID, c.Charge.Method = "11", "77"
	require.Equal(t, ans.Outcome.Reason, billing.Settle(c, ans, billing.Active, sample.Policy(), sample.Day("2026-01-31"), sample.Noon).ReviewReason)

	a := at(0)
	a.Charge.Method = ""
	require.Equal(t, "because", billing.Settle(a, sample.Answered(payment.InDoubt, ""), billing.Active, sample.Policy(), sample.Day("2026-01-31"), sample.Noon).Message)
}

// Whatever was answered: a doubted attempt is settled only by what the gateway says of the charge itself
// (I5), a stage moves by a decline alone (I6), and a subscription changes in three ways only.
func TestSettleProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := at(rapid.IntRange(0, 5).Draw(t, "stage"))
		a.Doubted, a.LookUp = rapid.Bool().Draw(t, "doubted"), rapid.Bool().Draw(t, "look up")
		if rapid.Bool().Draw(t, "put off") {
			a.Invoice.TryLaterSince = sample.Noon.Add(-time.Duration(rapid.IntRange(0, 100).Draw(t, "hours")) * time.Hour)
		}
		ans := sample.Draw(t, "answer", everyAnswer()...)
		ans.Found = rapid.Bool().Draw(t, "found")
		sub := sample.Draw(t, "subscription", statuses()...)
		effective := sample.Day("2026-01-31") + payment.Date(rapid.IntRange(0, 30).Draw(t, "late"))
		got := billing.Settle(a, ans, sub, sample.Policy(), effective, sample.Noon)

		kind := ans.Outcome.Kind
		aboutTheCharge := kind == payment.Paid || kind == payment.Refused || kind == payment.Differs || ans.Found && kind == payment.TryLater
		if a.Doubted && !aboutTheCharge {
			require.Equal(t, billing.AttemptInDoubt, got.Attempt)
		}
		if a.Doubted {
			require.True(t, got.Doubted)
		}
		require.Equal(t, got.Attempt == billing.AttemptInDoubt, got.Invoice == billing.Charging)
		require.Equal(t, got.Attempt == billing.AttemptInDoubt, !got.NextCheckAt.IsZero())
		require.NotEqual(t, billing.AttemptInFlight, got.Attempt)

		if got.Stage != a.Invoice.Stage || got.Invoice == billing.Uncollectible {
			require.Equal(t, billing.AttemptDeclined, got.Attempt)
			require.NotEmpty(t, got.Decline.Class)
			require.Contains(t, sample.EventTypes(got.Events), "payment.failed")
		}
		if got.Next != 0 {
			require.Equal(t, a.Invoice.Stage+1, got.Stage)
			require.Greater(t, got.Next, effective)
		}
		switch change := [2]billing.SubscriptionStatus{got.SubscriptionFrom, got.SubscriptionTo}; change {
		case [2]billing.SubscriptionStatus{}:
		case [2]billing.SubscriptionStatus{billing.Active, billing.PastDue}, [2]billing.SubscriptionStatus{billing.PastDue, billing.Active},
			[2]billing.SubscriptionStatus{billing.Active, billing.Cancelled}, [2]billing.SubscriptionStatus{billing.PastDue, billing.Cancelled}:
			require.Equal(t, sub, got.SubscriptionFrom)
		default:
			require.Fail(t, "a change that is not ours to make", "%v", change)
		}
		require.Equal(t, got.SubscriptionTo == billing.Cancelled, got.CancelReason != "")
	})
}

func TestSettleKeepsWhenTheFirstRequestHadLeft(t *testing.T) {
	a := at(1)
	a.SentBy = sample.Noon.Add(-time.Hour)
	got := billing.Settle(a, sample.Answered(payment.InDoubt, ""), billing.Active, sample.Policy(), sample.Day("2026-02-03"), sample.Noon)
	require.Equal(t, a.SentBy, got.SentBy, "the earliest instant bounds the first request best")
}

func TestSettleSaysWhatEndedTheAttempt(t *testing.T) {
	for _, kind := range []payment.Kind{payment.Paid, payment.Refused, payment.TryLater} {
		for _, tc := range []struct {
			found, kept bool
			want        billing.Proof
		}{{false, false, billing.ProofAnswer}, {true, false, billing.ProofLookUp}, {true, true, billing.ProofAnswer}} {
			ans := sample.Answered(kind, payment.Soft)
			ans.Found, ans.Kept = tc.found, tc.kept
			require.Equal(t, tc.want, billing.Settle(at(1), ans, billing.Active, sample.Policy(), sample.Day("2026-02-03"), sample.Noon).Proof, "%s %+v", kind, tc)
		}
	}
	for _, kind := range []payment.Kind{payment.InDoubt, payment.NotExecuted, payment.Differs, payment.Rejected, payment.Misconfigured} {
		require.Empty(t, billing.Settle(at(1), sample.Answered(kind, ""), billing.Active, sample.Policy(), sample.Day("2026-02-03"), sample.Noon).Proof, "%s ends nothing", kind)
	}
}

// A request that was refused may have done something all the same; one that was never sent did not.
func TestOnlyWhatWasNeverSentIsProvenByARejection(t *testing.T) {
	for _, c := range []struct {
		unsent, doubted bool
		status          billing.AttemptStatus
		proof           billing.Proof
	}{
		{false, false, billing.AttemptRejected, ""},
		{true, false, billing.AttemptRejected, billing.ProofAnswer},
		{true, true, billing.AttemptInDoubt, ""}, // an earlier request was sent
		{false, true, billing.AttemptInDoubt, ""},
	} {
		a := sample.Attempt()
		a.Doubted = c.doubted
		ans := sample.Answered(payment.Rejected, "")
		ans.Outcome.Unsent = c.unsent
		got := billing.Settle(a, ans, billing.Active, sample.Policy(), sample.Day("2026-01-31"), sample.Noon)
		require.Equal(t, c.status, got.Attempt)
		require.Equal(t, c.proof, got.Proof)
	}
}
