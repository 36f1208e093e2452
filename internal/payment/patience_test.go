package payment_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/payment"
)

var monday = time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC)

func TestPatience(t *testing.T) {
	pending := func(p payment.Patience, n int, every time.Duration) payment.Patience {
		for i := range n {
			p = p.Answered(true, monday.Add(time.Duration(i)*every))
		}
		return p
	}
	silent := func(n int, every time.Duration) payment.Patience {
		var p payment.Patience
		for i := range n {
			p = p.Unanswered(monday.Add(time.Duration(i) * every))
		}
		return p
	}
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		p    payment.Patience
		over bool
	}{
		"nothing":                                 {},
		"twelve pending over a day":               {pending(payment.Patience{}, 12, day/11+1), true},
		"twelve pending in a morning":             {pending(payment.Patience{}, 12, 10*time.Minute), false},
		"fifty pending in a morning":              {pending(payment.Patience{}, 50, 5*time.Minute), false},
		"eleven pending over a week":              {pending(payment.Patience{}, 11, day), false},
		"twelve pending, a moment short of a day": {pending(payment.Patience{}, 12, day/12), false},
		"a morning of pending, and a day of no answer": {
			pending(payment.Patience{}, 12, 10*time.Minute).Unanswered(monday.Add(2 * day)), false,
		},
		"no answer on eight days":                 {silent(8, day), true},
		"no answer on seven days, six days apart": {silent(7, day), false},
		"one try, and a week's pause":             {silent(2, 7*day), false},
		"ten quick re-runs of a morning":          {silent(10, 5*time.Minute), false},
		"ten quick re-runs, and a week's pause":   {silent(10, 5*time.Minute).Unanswered(monday.Add(8 * day)), false},
		"a thousand tries in six days":            {silent(1000, 6*day/1000), false},
		"an answer on the seventh day begins it anew": {
			silent(7, day).Answered(false, monday.Add(6*day+time.Hour)).Unanswered(monday.Add(7 * day)), false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.over, c.p.Over(), "%+v", c.p)
			require.Equal(t, c.p, payment.ParsePatience(c.p.Text()))
		})
	}
}

// Whatever is asked when: it is over only after twelve answers over a day, or seven days of asking in vain, as counted anew from all
// that was asked.
func TestPatienceProperty(t *testing.T) {
	type look struct {
		at   time.Time
		what string
	}
	rapid.Check(t, func(t *rapid.T) {
		now, looks := monday, []look{}
		var p payment.Patience
		for range rapid.IntRange(0, 60).Draw(t, "looks") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "hours")) * time.Hour)
			what := rapid.SampledFrom([]string{"pending", "silent", "silent", "silent", "silent", "other"}).Draw(t, "what")
			switch looks = append(looks, look{now, what}); what {
			case "pending":
				p = p.Answered(true, now)
			case "silent":
				p = p.Unanswered(now)
			default:
				p = p.Answered(false, now)
			}
			var answers, vain []time.Time
			days := map[string]bool{}
			for _, l := range looks {
				switch l.what {
				case "silent":
					vain = append(vain, l.at)
					days[l.at.Format(time.DateOnly)] = true
					continue
				case "pending":
					answers = append(answers, l.at)
				}
				vain = nil
				clear(days)
			}
			over := len(answers) >= 12 && answers[len(answers)-1].Sub(answers[0]) >= 24*time.Hour ||
				len(days) >= 7 && vain[len(vain)-1].Sub(vain[0]) >= 7*24*time.Hour
			require.Equal(t, over, p.Over(), "%+v", p)
			p = payment.ParsePatience(p.Text())
		}
	})
}

func TestPatienceIsTold(t *testing.T) {
	require.Empty(t, payment.Patience{}.String())
	require.Empty(t, payment.Patience{}.Limit())
	require.Empty(t, payment.Patience{}.Text())
	require.Equal(t, payment.Patience{}, payment.ParsePatience("not what was written"))

	p := payment.Patience{}.Answered(true, monday)
	require.Equal(t, "the gateway said once since 2026-03-02 02:00 UTC that it is pending", p.String())
	require.Equal(t, "it is left to an operator after 12 such answers, not before 2026-03-03 02:00 UTC", p.Limit())
	p = p.Answered(true, monday.Add(time.Hour)).Unanswered(monday.Add(2 * time.Hour)).Unanswered(monday.Add(26 * time.Hour))
	require.Equal(t, "the gateway said 2 times since 2026-03-02 02:00 UTC that it is pending; the gateway was asked in vain on 2 days since 2026-03-02 04:00 UTC", p.String())
	require.Equal(t, "it is left to an operator after 7 days of asking in vain, not before 2026-03-09 04:00 UTC", p.Limit())
	for day := range 7 {
		p = p.Unanswered(monday.Add(time.Duration(26+24*day) * time.Hour))
	}
	require.Contains(t, p.Limit(), "at the next look-up")
}
