package billing_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

func TestDecideAbsent(t *testing.T) {
	const ns = time.Nanosecond
	lasting := billing.Guarantees{KeyLife: 24 * time.Hour, Longest: 2 * time.Minute, LookupOutlivesKey: true}
	fading := billing.Guarantees{KeyLife: 24 * time.Hour, Longest: 2 * time.Minute}
	keyless := billing.Guarantees{Longest: 2 * time.Minute, LookupOutlivesKey: true}
	short := billing.Guarantees{KeyLife: time.Hour, Longest: 2 * time.Minute, LookupOutlivesKey: true}
	slow := billing.Guarantees{KeyLife: time.Minute, Longest: time.Hour, LookupOutlivesKey: true}
	window, over := 24*time.Hour-2*time.Minute, 24*time.Hour+2*time.Minute

	type row = billing.Attempt
	lookUp := func(a *row) { a.LookUp = true }
	seen := func(a *row) { a.LookUp, a.PaymentID = true, "pay_1" }
	answered := func(a *row) { a.LookUp, a.AllAnswered, a.SentBy = true, true, a.CreatedAt.Add(time.Minute) }
	pending := func(a *row) { a.Patience = asked(billing.Undecided, 12, 3*time.Hour) }
	silent := func(a *row) { a.Patience = asked(billing.Unanswered, 8, 24*time.Hour) }
	for _, c := range []struct {
		name        string
		change      func(*row)
		guarantees  billing.Guarantees
		asked       billing.Asked
		unavailable bool // the subscription may not be charged any more, or not by this method
		age         time.Duration
		want        billing.AbsentAction
	}{
		{name: "absent, young", guarantees: lasting, asked: billing.Absent, age: time.Second, want: billing.Resend},
		{name: "absent, at the end of the window", guarantees: lasting, asked: billing.Absent, age: window - ns, want: billing.Resend},
		{name: "absent, past the window", guarantees: lasting, asked: billing.Absent, age: window, want: billing.CheckLater},
		{name: "absent, a late request may still land", guarantees: lasting, asked: billing.Absent, age: over, want: billing.CheckLater},
		{name: "absent for good", guarantees: lasting, asked: billing.Absent, age: over + ns, want: billing.Release},
		{name: "absent, cancelled meanwhile", guarantees: lasting, asked: billing.Absent, unavailable: true, age: time.Second, want: billing.CheckLater},
		{name: "absent for good, cancelled meanwhile", guarantees: lasting, asked: billing.Absent, unavailable: true, age: over + ns, want: billing.Release},
		{name: "absent, not to be sent again", change: lookUp, guarantees: lasting, asked: billing.Absent, age: time.Second, want: billing.CheckLater},
		{name: "absent for good, not to be sent again", change: lookUp, guarantees: lasting, asked: billing.Absent, age: over + ns, want: billing.Release},
		{name: "absent, though it was seen once", change: seen, guarantees: lasting, asked: billing.Absent, age: time.Second, want: billing.CheckLater},
		{name: "absent for good, though it was seen once", change: seen, guarantees: lasting, asked: billing.Absent, age: over + ns, want: billing.GiveUp},
		{name: "absent, its id known", change: func(a *row) { a.PaymentID = "pay_1" }, guarantees: lasting, asked: billing.Absent, age: time.Second, want: billing.CheckLater},
		{name: "absent, every request answered, and begun work may still be done", change: answered, guarantees: lasting, asked: billing.Absent, age: 3 * time.Minute, want: billing.CheckLater},
		{name: "absent, every request answered", change: answered, guarantees: lasting, asked: billing.Absent, age: 3*time.Minute + ns, want: billing.Release},
		{name: "absent, every request answered, look-up does not last", change: answered, guarantees: fading, asked: billing.Absent, age: 3*time.Minute + ns, want: billing.GiveUp},
		{name: "absent, every request answered, nobody knows when", change: func(a *row) { a.LookUp, a.AllAnswered = true, true }, guarantees: lasting, asked: billing.Absent, age: over, want: billing.CheckLater},
		{name: "absent, every request answered, its key young", change: func(a *row) { a.AllAnswered = true }, guarantees: lasting, asked: billing.Absent, age: time.Second, want: billing.CheckLater},
		{name: "absent, look-up does not last, young", guarantees: fading, asked: billing.Absent, age: time.Second, want: billing.Resend},
		{name: "absent, look-up does not last", guarantees: fading, asked: billing.Absent, age: over, want: billing.CheckLater},
		{name: "absent for good, look-up does not last", guarantees: fading, asked: billing.Absent, age: over + ns, want: billing.GiveUp},
		{name: "absent, no keys, young", guarantees: keyless, asked: billing.Absent, age: time.Second, want: billing.CheckLater},
		{name: "absent, no keys, a late request may still land", guarantees: keyless, asked: billing.Absent, age: 2 * time.Minute, want: billing.CheckLater},
		{name: "absent, no keys", guarantees: keyless, asked: billing.Absent, age: 2*time.Minute + ns, want: billing.GiveUp},
		{name: "absent, no keys, by a clock that was set back", guarantees: billing.Guarantees{}, asked: billing.Absent, age: -time.Second, want: billing.CheckLater},
		{name: "absent, requests outlive keys", guarantees: slow, asked: billing.Absent, age: 0, want: billing.CheckLater},

		{name: "unaskable, young", guarantees: fading, asked: billing.Unaskable, age: time.Second, want: billing.Resend},
		{name: "unaskable, at the end of the window", guarantees: fading, asked: billing.Unaskable, age: window - ns, want: billing.Resend},
		{name: "unaskable, past the window", guarantees: fading, asked: billing.Unaskable, age: window, want: billing.GiveUp},
		{name: "unaskable, cancelled meanwhile", guarantees: fading, asked: billing.Unaskable, unavailable: true, age: time.Second, want: billing.GiveUp},
		{name: "unaskable, not to be sent again", change: lookUp, guarantees: fading, asked: billing.Unaskable, age: time.Second, want: billing.GiveUp},
		{name: "unaskable, no keys", guarantees: keyless, asked: billing.Unaskable, age: time.Second, want: billing.GiveUp},

		{name: "undecided, young", guarantees: lasting, asked: billing.Undecided, age: time.Second, want: billing.CheckLater},
		{name: "undecided, at the limit", change: pending, guarantees: lasting, asked: billing.Undecided, age: over, want: billing.CheckLater},
		{name: "undecided for good", change: pending, guarantees: lasting, asked: billing.Undecided, age: over + ns, want: billing.GiveUp},
		{name: "undecided for good, short keys", change: pending, guarantees: short, asked: billing.Undecided, age: 62*time.Minute + ns, want: billing.GiveUp},
		{name: "undecided, and hardly asked", guarantees: lasting, asked: billing.Undecided, age: 1000 * time.Hour, want: billing.CheckLater},
		{name: "unanswered, young", guarantees: lasting, asked: billing.Unanswered, age: time.Second, want: billing.CheckLater},
		{name: "unanswered in an outage, no keys", guarantees: keyless, asked: billing.Unanswered, age: time.Hour, want: billing.CheckLater},
		{name: "unanswered, at the limit", change: silent, guarantees: lasting, asked: billing.Unanswered, age: over, want: billing.CheckLater},
		{name: "unanswered for good", change: silent, guarantees: lasting, asked: billing.Unanswered, age: over + ns, want: billing.GiveUp},
		{name: "unanswered, and hardly asked", guarantees: lasting, asked: billing.Unanswered, age: 1000 * time.Hour, want: billing.CheckLater},
		{name: "not asked, after a week of no answer", change: silent, guarantees: lasting, asked: billing.NotAsked, age: 1000 * time.Hour, want: billing.CheckLater},
		{name: "not asked, young", guarantees: lasting, asked: billing.NotAsked, age: time.Second, want: billing.CheckLater},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := sample.Attempt()
			if a.Doubted = true; c.change != nil {
				c.change(&a)
			}
			require.Equal(t, c.want, billing.DecideAbsent(a, c.guarantees, c.asked, !c.unavailable, c.age))
		})
	}
}

// asked is what has been counted after n look-ups that brought the same.
func asked(what billing.Asked, n int, every time.Duration) payment.Patience {
	var p payment.Patience
	for i := range n {
		p = what.Counted(p, sample.Noon.Add(time.Duration(i)*every))
	}
	return p
}

// What was not asked counts for nothing, and what can be answered by no look-up neither.
func TestWhatALookUpCountsFor(t *testing.T) {
	before := asked(billing.Undecided, 3, time.Hour).Unanswered(sample.Noon.Add(4 * time.Hour))
	for _, what := range []billing.Asked{billing.NotAsked, billing.Unaskable} {
		require.Equal(t, before, what.Counted(before, sample.Noon.Add(5*time.Hour)))
	}
	after := billing.Absent.Counted(before, sample.Noon.Add(5*time.Hour))
	require.Zero(t, after.SilentDays)
	require.Equal(t, 3, after.Pending)
}

// Whatever a gateway declares: nothing is sent later than L-R, and nothing is released before L+R, without
// keys, or on the word of a look-up that does not last.
func TestDecideAbsentProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		minutes := func(label string, most int) time.Duration {
			return time.Duration(rapid.IntRange(0, most).Draw(t, label)) * time.Minute
		}
		k := billing.Guarantees{KeyLife: minutes("life", 30), Longest: minutes("longest", 10), LookupOutlivesKey: rapid.Bool().Draw(t, "lasts")}
		a := sample.Attempt()
		a.LookUp = rapid.Bool().Draw(t, "look up")
		if a.AllAnswered = rapid.Bool().Draw(t, "all answered"); a.AllAnswered {
			a.SentBy = a.CreatedAt.Add(minutes("answered after", 20))
		}
		a.PaymentID = sample.Draw(t, "id", "", "pay_1")
		chargeable := rapid.Bool().Draw(t, "chargeable")
		age := minutes("age", 60)
		asked := sample.Draw(t, "asked", billing.NotAsked, billing.Unanswered, billing.Undecided, billing.Absent, billing.Unaskable)

		switch billing.DecideAbsent(a, k, asked, chargeable, age) {
		case billing.Resend:
			require.Less(t, age, k.KeyLife-k.Longest)
			require.False(t, a.LookUp)
			require.False(t, a.AllAnswered)
			require.True(t, chargeable)
			require.Contains(t, []billing.Asked{billing.Absent, billing.Unaskable}, asked)
		case billing.Release:
			if a.AllAnswered {
				require.Greater(t, a.CreatedAt.Add(age), a.SentBy.Add(k.Longest))
			} else {
				require.Greater(t, age, k.KeyLife+k.Longest)
			}
			require.Positive(t, k.KeyLife)
			require.True(t, k.LookupOutlivesKey)
			require.Equal(t, billing.Absent, asked)
			require.Empty(t, a.PaymentID)
		case billing.CheckLater:
			require.NotEqual(t, billing.Unaskable, asked, "it would never be known")
		case billing.GiveUp:
		}
	})
}

// A key that brings the gateway's error for as long as it lives is left behind, and no stage is used, however often.
func TestSettleAbsentOfAKeptAnswer(t *testing.T) {
	a := sample.Attempt()
	a.Doubted, a.LookUp, a.AllAnswered, a.SentBy, a.Checks = true, true, true, sample.Noon, 9
	a.Invoice.Stage, a.Invoice.FirstDeclined, a.Invoice.TryLaterSince = 2, sample.Day("2026-02-01"), sample.Noon.Add(-30*24*time.Hour)
	const why = "answered with an error, and never executed"
	require.Equal(t, billing.Settlement{
		Attempt: billing.AttemptDeclined, Decline: payment.Decline{Code: "kept_error", Message: why}, Proof: billing.ProofLookUp, Message: why, Checks: 9, SentBy: sample.Noon,
		Invoice: billing.Open, Stage: 2, FirstDeclined: sample.Day("2026-02-01"), TryLaterSince: sample.Noon.Add(-30 * 24 * time.Hour),
	}, billing.SettleAbsent(a))
}

func TestSettleAbsent(t *testing.T) {
	a := sample.Attempt()
	a.Doubted, a.LookUp, a.Checks = true, true, 9
	a.Invoice.Stage, a.Invoice.FirstDeclined, a.Invoice.TryLaterSince = 2, sample.Day("2026-02-01"), sample.Noon
	require.Equal(t, billing.Settlement{
		Attempt: billing.AttemptReleased, Proof: billing.ProofLookUp, Message: "never seen by the gateway", Checks: 9,
		Invoice: billing.Open, Stage: 2, FirstDeclined: sample.Day("2026-02-01"), TryLaterSince: sample.Noon,
	}, billing.SettleAbsent(a))
}

func TestToReview(t *testing.T) {
	a := sample.Attempt()
	a.Doubted, a.LookUp, a.PaymentID, a.Checks = true, true, "pay_1", 9
	a.Invoice.Stage, a.Invoice.FirstDeclined, a.Invoice.TryLaterSince = 2, sample.Day("2026-02-01"), sample.Noon
	why := strings.Repeat("가", 300)
	got := billing.ToReview(a, why)
	require.Equal(t, []string{"review.needed"}, sample.EventTypes(got.Events))
	why = strings.Repeat("가", 255)
	require.Equal(t, billing.Settlement{
		Attempt: billing.AttemptReview, Doubted: true, LookUp: true, PaymentID: "pay_1", Message: why, Checks: 9,
		Invoice: billing.Review, Stage: 2, FirstDeclined: sample.Day("2026-02-01"), TryLaterSince: sample.Noon, ReviewReason: why,
		Events: got.Events,
	}, got)
}
