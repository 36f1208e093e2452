package billing_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/billing/network"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

// networked is a policy with the rules of card networks, in the time zone of Seoul: 3 o'clock UTC is noon there.
func networked() billing.Policy {
	p := sample.Policy()
	p.Zone = time.FixedZone("KST", 9*3600)
	p.Network = network.Rules{On: true, Ceilings: network.Ceilings{Visa30d: 15, Mastercard30d: 35, Mastercard24h: 10, Unknown30d: 15, Unknown24h: 10}}
	return p
}

func refused(d payment.Decline) billing.Answer {
	return billing.Answer{Outcome: payment.Outcome{Kind: payment.Refused, Decline: d}}
}

// A wait moves the next stage to the first day that does not begin before its end, and uses no stage up.
func TestSettleWaitsAsTheNetworkAsks(t *testing.T) {
	for _, c := range []struct{ advice, next, rule string }{
		{"", "2026-02-01", ""},
		{"24", "2026-02-01", ""},                     // an hour is over by tomorrow
		{"25", "2026-02-02", "mastercard_advice_25"}, // 24 hours end at noon tomorrow
		{"30", "2026-02-11", "mastercard_advice_30"},
		{"40", "2026-02-01", ""},
	} {
		d := payment.Decline{Class: payment.Soft, Code: "do_not_honor", Network: payment.Mastercard, AdviceCode: c.advice}
		s := billing.Settle(sample.Attempt(), refused(d), billing.Active, networked(), sample.Day("2026-01-31"), sample.Noon)
		require.Equal(t, sample.Day(c.next), s.Next, c.advice)
		require.Equal(t, 1, s.Stage, c.advice)
		require.Equal(t, c.rule, s.HoldRule, c.advice)
		require.Equal(t, payment.Mastercard, s.Decline.Network)
		if c.rule != "" {
			require.Equal(t, c.next, s.NextTryAt.In(networked().Zone).AddDate(0, 0, 1).Format("2006-01-02"), "no run that began before may try")
		}
		event, err := json.Marshal(s.Events[0].Payload)
		require.NoError(t, err)
		require.Contains(t, string(event), fmt.Sprintf(`"next_date":%q`, c.next))
		require.Equal(t, c.rule != "", strings.Contains(string(event), `"network_rule":"`+c.rule+`"`), "%s", event)
		require.Equal(t, c.advice == "40", strings.Contains(string(event), `"warning"`), "%s", event)

		p := networked()
		p.Network.On = false
		s = billing.Settle(sample.Attempt(), refused(d), billing.Active, p, sample.Day("2026-01-31"), sample.Noon)
		require.Equal(t, sample.Day("2026-02-01"), s.Next, "switched off")
		require.Zero(t, s.NextTryAt)
	}
	midnight := time.Date(2026, time.January, 31, 15, 0, 0, 0, time.UTC) // the first of February in Seoul
	d := payment.Decline{Class: payment.Soft, Network: payment.Mastercard, AdviceCode: "25"}
	s := billing.Settle(sample.Attempt(), refused(d), billing.Active, networked(), sample.Day("2026-02-01"), midnight)
	require.Equal(t, sample.Day("2026-02-02"), s.Next, "24 hours after midnight")
	require.Empty(t, s.HoldRule, "it is the stage's own date")
}

func TestSettleClassOfTheNetwork(t *testing.T) {
	d := payment.Decline{Class: payment.Soft, Code: "do_not_honor", Network: payment.Mastercard, AdviceCode: "03"}
	s := billing.Settle(sample.Attempt(), refused(d), billing.Active, networked(), sample.Day("2026-01-31"), sample.Noon)
	require.Equal(t, payment.Hard, s.Decline.Class)
	d.AdviceCode = "01"
	s = billing.Settle(sample.Attempt(), refused(d), billing.Active, networked(), sample.Day("2026-01-31"), sample.Noon)
	require.Equal(t, payment.Action, s.Decline.Class)
	require.Equal(t, []string{"payment.failed", "payment.action_required"}, sample.EventTypes(s.Events))

	later := billing.Answer{Outcome: payment.Outcome{Kind: payment.TryLater, Decline: payment.Decline{Code: "processing_error", Network: payment.Visa, NetworkCode: "43"}}}
	s = billing.Settle(sample.Attempt(), later, billing.Active, networked(), sample.Day("2026-01-31"), sample.Noon)
	require.Equal(t, payment.Hard, s.Decline.Class, "what the network forbids is not tried later")
	require.Equal(t, 1, s.Stage)

	later.Outcome.Decline = payment.Decline{Code: "processing_error", AdviceCode: "26"}
	s = billing.Settle(sample.Attempt(), later, billing.Active, networked(), sample.Day("2026-01-31"), sample.Noon)
	require.Equal(t, payment.Class(""), s.Decline.Class)
	require.Equal(t, 0, s.Stage, "the stage waits")
	require.Equal(t, sample.Day("2026-02-03"), s.Next)
	require.Equal(t, "mastercard_advice_26", s.HoldRule)

	later.Outcome.Decline.AdviceCode = "24"
	s = billing.Settle(sample.Attempt(), later, billing.Active, networked(), sample.Day("2026-01-31"), sample.Noon)
	require.Zero(t, s.Next, "an hour later it is still today")
	require.Equal(t, sample.Noon.Add(time.Hour), s.NextTryAt)

	d = payment.Decline{Class: payment.Soft, Network: "a network that is none"}
	s = billing.Settle(sample.Attempt(), refused(d), billing.Active, networked(), sample.Day("2026-01-31"), sample.Noon)
	require.Empty(t, s.Decline.Network)
}

func TestHold(t *testing.T) {
	today := sample.Day("2026-01-31")
	c := billing.Hold(network.Hold{Rule: "visa_30d", Until: sample.Noon.Add(48 * time.Hour)}, networked(), today)
	require.Equal(t, billing.Claim{Action: billing.HoldInvoice, Next: sample.Day("2026-02-03"), HoldRule: "visa_30d", HoldUntil: sample.Noon.Add(48 * time.Hour)}, c)
	c = billing.Hold(network.Hold{Rule: "visa_30d"}, networked(), today)
	require.Equal(t, billing.Claim{Action: billing.HoldInvoice, Next: sample.Day("2026-02-01"), HoldRule: "visa_30d"}, c, "nobody knows until when")
	c = billing.Hold(network.Hold{Rule: "visa_30d", Until: sample.Noon}, networked(), sample.Day("2026-03-31"))
	require.Equal(t, sample.Day("2026-04-01"), c.Next, "a run ahead of time does not meet it again")
}

// A method that came with the answer replaces the attempt's, but not after a decline for good.
func TestSettleReplacesTheMethod(t *testing.T) {
	settle := func(o payment.Outcome) billing.Settlement {
		return billing.Settle(sample.Attempt(), billing.Answer{Outcome: o}, billing.Active, networked(), sample.Day("2026-01-31"), sample.Noon)
	}
	decline := func(class payment.Class, advice string) payment.Outcome {
		return payment.Outcome{Kind: payment.Refused, NewMethod: "pm_new", Decline: payment.Decline{Class: class, AdviceCode: advice, Message: "use pm_new"}}
	}
	require.Equal(t, "pm_new", settle(payment.Outcome{Kind: payment.Paid, NewMethod: "pm_new"}).NewMethod)
	require.Equal(t, "pm_new", settle(decline(payment.Soft, "")).NewMethod)
	require.Equal(t, "pm_new", settle(decline(payment.Action, "")).NewMethod, "the account updater has put it right")
	require.Empty(t, settle(decline(payment.Hard, "")).NewMethod)
	require.Empty(t, settle(decline(payment.Soft, "03")).NewMethod, "the network forbids it for good")
	for _, kind := range payment.Kinds() {
		if kind != payment.Paid && kind != payment.Refused && kind != payment.TryLater {
			require.Empty(t, settle(payment.Outcome{Kind: kind, NewMethod: "pm_new"}).NewMethod, kind)
		}
	}
	for _, bad := range []string{sample.Attempt().Charge.Method, "two words", "line\n", strings.Repeat("x", 256), "\xff"} {
		require.Empty(t, settle(payment.Outcome{Kind: payment.Paid, NewMethod: bad}).NewMethod, "%q", bad)
	}
	for _, e := range append(settle(decline(payment.Soft, "")).Events, billing.MethodUpdated(sample.Attempt())) {
		text, err := json.Marshal(e)
		require.NoError(t, err)
		require.NotContains(t, string(text), "pm_", "no event names a method")
	}
}

// Whatever the networks answer, at whatever time: an invoice that stays open has a day on which it goes on, no try is made before a network's wait is
// over, a wait uses no stage up, and its ceilings hold.
func TestOpenInvoicesAlwaysGoOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := networked()
		of := sample.Draw(t, "network", payment.Visa, payment.Mastercard, "")
		inv, sub, next := sample.Invoice(), billing.Active, sample.Day("2026-01-31")
		now := time.Date(2026, time.January, 30, 17, 0, 0, 0, time.UTC)
		var tries []network.Try
		var earliest, notBefore time.Time
		for range 60 {
			now = now.Add(time.Duration(rapid.IntRange(1, 72*60).Draw(t, "minutes")) * time.Minute)
			today := payment.DateOf(now.In(p.Zone))
			if next > today || notBefore.After(now) {
				continue
			}
			require.False(t, now.Before(earliest), "the network asked to wait until %s", earliest)
			if h := p.Network.Check(tries, 0, now); h.Held() {
				c := billing.Hold(h, p, today)
				require.Greater(t, c.Next, today)
				require.Less(t, c.Next, today+32)
				next, notBefore = c.Next, c.HoldUntil
				continue
			}
			a := sample.Attempt()
			a.Invoice, a.Stage = inv, inv.Stage
			d := payment.Decline{Class: payment.Soft, Network: of, AdviceCode: sample.Draw(t, "advice", "", "02", "24", "25", "26", "30", "40")}
			ans := refused(d)
			if rapid.Bool().Draw(t, "later") {
				ans.Outcome.Kind, ans.Outcome.Decline.Class = payment.TryLater, ""
			}
			s := billing.Settle(a, ans, sub, p, today, now)
			tries = append(tries, network.Try{Network: s.Decline.Network, At: now})
			if s.Invoice == billing.Uncollectible {
				require.Equal(t, len(p.RetryDays), inv.Stage, "only the last stage ends it")
				return
			}
			require.Equal(t, billing.Open, s.Invoice)
			require.LessOrEqual(t, s.Stage, inv.Stage+1)
			if !s.Next.IsZero() {
				next = s.Next
			}
			require.Less(t, next, today+12, "it goes on")
			notBefore, earliest = s.NextTryAt, now.Add(p.Network.Judge(d).Wait)
			inv.Stage, inv.FirstDeclined, inv.RetryDays, inv.TryLaterSince = s.Stage, s.FirstDeclined, s.RetryDays, s.TryLaterSince
			if s.SubscriptionTo != "" {
				sub = s.SubscriptionTo
			}
		}
	})
}
