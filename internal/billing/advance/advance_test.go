package advance_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/billing/advance"
	"duly/internal/billing/network"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

func known(gateway string) bool { return gateway == "main" || gateway == "other" }

func policy() billing.Policy {
	return billing.Policy{RetryDays: []int{1, 3, 5}, RetryOnNewMethod: true}
}

// waiting is an invoice that was declined softly and waits for its first retry, of a subscription whose method was changed.
func waiting(change func(*advance.Invoice)) advance.Invoice {
	due := sample.Day("2026-01-31")
	i := advance.Invoice{
		Invoice: billing.Invoice{ID: 3, SubscriptionID: 42, Due: due, Money: payment.Money{Amount: 9900, Currency: "KRW"}, Stage: 1, FirstDeclined: due, AheadOf: due + 1},
		Next:    due + 1,
		Subscription: billing.Subscription{
			ID: 42, CustomerID: "cus_1", Status: billing.PastDue, Gateway: "main", Method: "pm_2", Money: payment.Money{Amount: 9900, Currency: "KRW"},
		},
		Past: []billing.PastAttempt{{ID: 7, No: 1, Key: "sub_42_20260131-1", Status: billing.AttemptDeclined, Class: payment.Soft, Gateway: "main", Method: "pm_1", Account: 1, Proof: billing.ProofAnswer}},
	}
	change(&i)
	return i
}

// then adds an attempt after those that there are.
func then(i *advance.Invoice, status billing.AttemptStatus, class payment.Class, method string) {
	n := len(i.Past) + 1
	i.Past = append(i.Past, billing.PastAttempt{
		ID: uint64(6 + n), No: n, Key: fmt.Sprintf("sub_42_20260131-%d", n), Status: status, Class: class, Gateway: "main", Method: method, Account: 1, Proof: billing.ProofAnswer,
	})
}

func TestOnNewMethod(t *testing.T) {
	today := sample.Day("2026-01-31")
	for name, c := range map[string]struct {
		change func(*advance.Invoice)
		want   bool
	}{
		"another method":              {func(*advance.Invoice) {}, true},
		"another gateway":             {func(i *advance.Invoice) { i.Subscription.Gateway, i.Subscription.Method = "other", "pm_1" }, true},
		"a paused subscription":       {func(i *advance.Invoice) { i.Subscription.Status = billing.Paused }, true},
		"after a decline for good":    {func(i *advance.Invoice) { i.Past[0].Class = payment.Hard }, true},
		"put off by the new method":   {func(i *advance.Invoice) { then(i, billing.AttemptDeclined, "", "pm_2") }, true},
		"put off by a network's rule": {func(i *advance.Invoice) { i.NextTryAt = time.Now().Add(100 * time.Hour) }, true},
		"charged ahead yesterday": {func(i *advance.Invoice) {
			i.Advanced = today - 1
			then(i, billing.AttemptDeclined, payment.Soft, "pm_3")
		}, true},
		"written after a replaced one": {func(i *advance.Invoice) { i.Replaced = [][32]byte{payment.Fingerprint("pm_3")} }, true},
		"the first one again": {func(i *advance.Invoice) {
			i.Subscription.Method = "pm_1"
			then(i, billing.AttemptDeclined, payment.Soft, "pm_2")
		}, true},
		"the same method":              {func(i *advance.Invoice) { i.Subscription.Method = "pm_1" }, false},
		"the same one, declined since": {func(i *advance.Invoice) { then(i, billing.AttemptDeclined, payment.Soft, "pm_2") }, false},
		"replaced by an answer": {func(i *advance.Invoice) {
			i.Replaced = [][32]byte{payment.Fingerprint("pm_0"), payment.Fingerprint("pm_2")}
		}, false},
		"charged ahead today":           {func(i *advance.Invoice) { i.Advanced = today }, false},
		"charged ahead on a later date": {func(i *advance.Invoice) { i.Advanced = today + 1 }, false},
		"never declined":                {func(i *advance.Invoice) { i.Past = nil }, false},
		"only put off":                  {func(i *advance.Invoice) { i.Past[0].Class = "" }, false},
		"the first one, declined for good": {func(i *advance.Invoice) {
			i.Past[0].Class, i.Subscription.Method = payment.Hard, "pm_1"
			then(i, billing.AttemptDeclined, payment.Soft, "pm_2")
		}, false},
		"no method":                          {func(i *advance.Invoice) { i.Subscription.Method = "" }, false},
		"another one is planned, and wrong":  {func(i *advance.Invoice) { i.Subscription.MethodProblem = "planned change 1 is wrong" }, false},
		"at a gateway that is nobody's":      {func(i *advance.Invoice) { i.Subscription.Gateway = "nobodys" }, false},
		"cancelled":                          {func(i *advance.Invoice) { i.Subscription.Status = billing.Cancelled }, false},
		"trialing":                           {func(i *advance.Invoice) { i.Subscription.Status = billing.Trialing }, false},
		"beside an attempt in doubt":         {func(i *advance.Invoice) { then(i, billing.AttemptInDoubt, "", "pm_2") }, false},
		"after an attempt without a proof":   {func(i *advance.Invoice) { then(i, billing.AttemptRejected, "", "pm_3"); i.Past[1].Proof = "" }, false},
		"where somebody says so of the rest": {func(i *advance.Invoice) { i.Money.Amount = 0 }, false},
	} {
		require.Equal(t, c.want, advance.OnNewMethod(waiting(c.change), policy(), today, known), name)
		off := policy()
		off.RetryOnNewMethod = false
		require.False(t, advance.OnNewMethod(waiting(c.change), off, today, known), name)
	}
}

func TestChargedAtOnce(t *testing.T) {
	today, now := sample.Day("2026-01-31"), time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		change  func(*advance.Invoice)
		refused string
	}{
		"another method":                {func(*advance.Invoice) {}, ""},
		"the same method":               {func(i *advance.Invoice) { i.Subscription.Method = "pm_1" }, ""},
		"charged ahead today":           {func(i *advance.Invoice) { i.Advanced = today }, ""},
		"never charged":                 {func(i *advance.Invoice) { i.Past = nil }, ""},
		"a wait that is over":           {func(i *advance.Invoice) { i.Subscription.Method, i.NextTryAt = "pm_1", now }, ""},
		"the old method's wait":         {func(i *advance.Invoice) { i.NextTryAt = now.Add(time.Hour) }, ""},
		"its own wait":                  {func(i *advance.Invoice) { i.Subscription.Method, i.NextTryAt = "pm_1", now.Add(time.Hour) }, "asks to wait until 2026-01-31 13:00 UTC"},
		"declined for good":             {func(i *advance.Invoice) { i.Subscription.Method, i.Past[0].Class = "pm_1", payment.Hard }, "declined for good"},
		"no method":                     {func(i *advance.Invoice) { i.Subscription.Method = "" }, "payment_method is empty"},
		"cancelled":                     {func(i *advance.Invoice) { i.Subscription.Status = billing.Cancelled }, "cancelled"},
		"at a gateway that is nobody's": {func(i *advance.Invoice) { i.Subscription.Gateway = "nobodys" }, "not configured"},
		"in doubt":                      {func(i *advance.Invoice) { then(i, billing.AttemptInDoubt, "", "pm_2") }, "not settled"},
	} {
		err := advance.AtOnce(waiting(c.change), policy(), today, now, known)
		if c.refused == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, c.refused, name)
	}
}

// dunned is an invoice that lives through days on which runs come, as the tables would hold it.
type dunned struct {
	advance.Invoice

	status   billing.InvoiceStatus
	attempts int
}

// run is what one run does with it on a date. outcome is what the gateway answers to a charge. It reports whether the charge was ahead of a stage.
func (d *dunned) run(t *rapid.T, on payment.Date, now time.Time, outcome payment.Outcome) (charged, ahead bool) {
	if d.status != billing.Open {
		return false, false
	}
	if d.Next > on {
		i := d.Invoice
		i.AheadOf = d.Next
		if !advance.OnNewMethod(i, policy(), on, known) {
			return false, false
		}
		d.AheadOf, d.Next, d.Advanced = d.Next, on, on
	}
	inv := advance.On(d.Invoice.Invoice, on)
	claim := billing.DecideClaim(inv, d.Subscription, d.Past, policy(), on, known)
	switch claim.Action {
	case billing.Charge:
	case billing.UseStage:
		d.Stage, d.Next, d.AheadOf = claim.Stage, claim.Next, 0
		return false, false
	case billing.EndInvoice:
		d.status = billing.Uncollectible
		return false, false
	default:
		t.Fatalf("%+v", claim)
	}
	if advance.Changed(d.Subscription, d.Past) {
		d.Advanced = on
	}
	d.AheadOf = inv.AheadOf
	d.attempts++
	a := billing.Attempt{ID: uint64(d.attempts), No: claim.No, Stage: inv.Stage, Gateway: "main", Invoice: inv, Charge: payment.Charge{Key: claim.Key, Method: d.Subscription.Method}}
	s := billing.Settle(a, billing.Answer{Outcome: outcome}, d.Subscription.Status, policy(), on, now)
	d.Past = append(d.Past, billing.PastAttempt{ID: a.ID, No: a.No, Key: claim.Key, Status: s.Attempt, Class: s.Decline.Class, Gateway: "main", Method: a.Charge.Method, Account: 1, Proof: s.Proof})
	d.status, d.Stage, d.FirstDeclined = s.Invoice, s.Stage, s.FirstDeclined
	if !s.Next.IsZero() {
		d.Next, d.AheadOf = s.Next, 0
	}
	return true, !inv.AheadOf.IsZero()
}

// I6, whatever the shop writes and however often runs come: a charge ahead of a stage leaves the stage and its date as they are and ends no invoice, one
// changed method a day is charged, and the stages come on their dates as if there had been no other charge.
func TestNewMethodsProperty(t *testing.T) {
	due := sample.Day("2026-01-31")
	rapid.Check(t, func(t *rapid.T) {
		answers := map[string]payment.Outcome{
			"ok": {Kind: payment.Paid, PaymentID: "pay_1"}, "soft": {Kind: payment.Refused, Decline: payment.Decline{Class: payment.Soft, Code: "no"}},
			"hard": {Kind: payment.Refused, Decline: payment.Decline{Class: payment.Hard, Code: "lost"}},
		}
		d := &dunned{Invoice: waiting(func(*advance.Invoice) {}), status: billing.Open, attempts: 1}
		d.AheadOf, d.Subscription.Method = 0, "pm_1"
		behaves := map[string]string{"pm_1": "soft"}
		day, changedOn := due, payment.Date(0)
		for n := range rapid.IntRange(1, 15).Draw(t, "runs") {
			day += payment.Date(rapid.IntRange(0, 2).Draw(t, "days"))
			if kind := rapid.SampledFrom([]string{"", "", "soft", "hard", "ok"}).Draw(t, "method"); kind != "" {
				d.Subscription.Method = fmt.Sprintf("pm_%d", n+2)
				behaves[d.Subscription.Method] = kind
			}
			stage, next, status, changed := d.Stage, d.Next, d.status, advance.Changed(d.Subscription, d.Past)
			charged, ahead := d.run(t, day, day.Time().Add(12*time.Hour), answers[behaves[d.Subscription.Method]])
			if charged && changed {
				if ahead && changedOn == day {
					t.Fatalf("two changed methods on %s", day)
				}
				changedOn = day
			}
			switch {
			case status != billing.Open, next > day && !charged:
				if d.Stage != stage || d.Next != next || d.status != status {
					t.Fatalf("it changed without a charge: %+v", d)
				}
			case ahead != (next > day):
				t.Fatalf("stage %d of %s was charged on %s, ahead: %v", stage, next, day, ahead)
			case ahead && d.status == billing.Open && (d.Stage != stage || d.Next != next), ahead && d.status == billing.Uncollectible:
				t.Fatalf("a charge on %s used up stage %d of %s: %+v", day, stage, next, d)
			case charged && !ahead && d.status == billing.Open && d.Stage != stage+1:
				t.Fatalf("stage %d was charged, and not used up: %+v", stage, d)
			}
		}
	})
}

// A rule that moved the day of the next try did not move the stage: after a decline ahead of it the retry has the stage's own date.
func TestStageDate(t *testing.T) {
	today := sample.Day("2026-01-31")
	for name, c := range map[string]struct {
		change func(*advance.Invoice)
		want   payment.Date
	}{
		"its date":                             {func(*advance.Invoice) {}, today + 1},
		"its date, kept beside an earlier one": {func(i *advance.Invoice) { i.AheadOf = today + 9 }, today + 9},
		"put off by a ceiling":                 {func(i *advance.Invoice) { i.HoldRule, i.Next, i.AheadOf = "unknown_30d", today+30, 0 }, today + 1},
		"a later stage": {func(i *advance.Invoice) {
			i.HoldRule, i.Next, i.AheadOf, i.Stage = "unknown_30d", today+30, 0, 3
		}, today + 5},
		"put off before its kept date": {func(i *advance.Invoice) { i.HoldRule, i.Next, i.AheadOf = "unknown_24h", today+1, today+3 }, today + 3},
		"its day was before": {func(i *advance.Invoice) {
			i.HoldRule, i.Next, i.AheadOf, i.FirstDeclined = "unknown_30d", today+20, 0, today-9
		}, today + 1},
		"the first charge": {func(i *advance.Invoice) { i.HoldRule, i.Next, i.AheadOf, i.Stage = "unknown_30d", today+30, 0, 0 }, 0},
		"no first decline": {func(i *advance.Invoice) {
			i.HoldRule, i.Next, i.AheadOf, i.FirstDeclined = "unknown_30d", today+30, 0, 0
		}, today + 30},
		"a stage of no policy": {func(i *advance.Invoice) { i.HoldRule, i.Next, i.AheadOf, i.Stage = "unknown_30d", today+30, 0, 7 }, today + 30},
		"days that it keeps": {func(i *advance.Invoice) {
			i.HoldRule, i.Next, i.AheadOf, i.RetryDays = "unknown_30d", today+30, 0, []int{4}
		}, today + 4},
	} {
		require.Equal(t, c.want, waiting(c.change).StageDate(policy(), today), name)
	}
}

// Where a ceiling put an invoice off before any method was declined for it, the method that it has now is judged by its own declines.
func TestPutOffBeforeAnyDecline(t *testing.T) {
	today := sample.Day("2026-01-31")
	put := func(change func(*advance.Invoice)) advance.Invoice {
		return waiting(func(i *advance.Invoice) {
			i.Past, i.Stage, i.AheadOf, i.Next, i.HoldRule, i.Judged = nil, 0, 0, today+30, "policy_30d", true
			i.NextTryAt = today.Time().Add(30 * 24 * time.Hour)
			change(i)
		})
	}
	for name, c := range map[string]struct {
		change func(*advance.Invoice)
		want   bool
	}{
		"a method that may be tried":      {func(*advance.Invoice) {}, true},
		"one that was declined too often": {func(i *advance.Invoice) { i.Hold = network.Hold{Rule: "policy_30d"} }, false},
		"only put off by its gateway":     {func(i *advance.Invoice) { then(i, billing.AttemptDeclined, "", "pm_1") }, true},
		"the same method, declined since": {func(i *advance.Invoice) { then(i, billing.AttemptDeclined, payment.Soft, "pm_2") }, false},
		"once a day":                      {func(i *advance.Invoice) { i.Advanced = today }, false},
		"not put off":                     {func(i *advance.Invoice) { i.HoldRule = "" }, false},
		"not asked":                       {func(i *advance.Invoice) { i.Judged = false }, false},
	} {
		require.Equal(t, c.want, advance.OnNewMethod(put(c.change), policy(), today, known), name)
	}
	now := today.Time()
	require.NoError(t, advance.AtOnce(put(func(*advance.Invoice) {}), policy(), today, now, known))
	err := advance.AtOnce(put(func(i *advance.Invoice) { i.Hold = network.Hold{Rule: "policy_30d", Until: now.Add(time.Hour)} }), policy(), today, now, known)
	require.EqualError(t, err, "its payment method was declined too often: as many declines in 30 days for one method and amount as its dunning policy allows (max_tries_30d); it may be tried again at 2026-01-31 01:00 UTC")
	require.ErrorContains(t, advance.AtOnce(put(func(i *advance.Invoice) { i.HoldRule = "mastercard_advice_25" }), policy(), today, now, known), "the last decline asks to wait")
}
