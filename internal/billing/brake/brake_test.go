package brake_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing"
	"duly/internal/billing/brake"
	"duly/internal/payment"
	"duly/internal/test/sample"
)

// wave is n answers of as many customers, a second apart, from an instant on.
func wave(n, from int, change func(*brake.Answer)) []brake.Answer {
	list := make([]brake.Answer, n)
	for i := range list {
		list[i] = brake.Answer{
			Customer: fmt.Sprintf("cus_%d", from+i), Method: fmt.Sprintf("pm_%d", from+i), Status: billing.AttemptSucceeded,
			At: sample.Noon.Add(time.Duration(from+i) * time.Second),
		}
		if change != nil {
			change(&list[i])
		}
	}
	return list
}

func hard(a *brake.Answer)     { a.Status, a.Class = billing.AttemptDeclined, payment.Hard }
func soft(a *brake.Answer)     { a.Status, a.Class = billing.AttemptDeclined, payment.Soft }
func action(a *brake.Answer)   { a.Status, a.Class = billing.AttemptDeclined, payment.Action }
func rejected(a *brake.Answer) { a.Status = billing.AttemptRejected }
func differs(a *brake.Answer)  { a.Status = billing.AttemptReview }
func retry(a *brake.Answer)    { hard(a); a.Stage = 1 }
func proven(a *brake.Answer)   { a.PaidBefore = true }

func provenHard(a *brake.Answer) { hard(a); proven(a) }

// ago moves answers back.
func ago(d time.Duration, list []brake.Answer) []brake.Answer {
	for i := range list {
		list[i].At = list[i].At.Add(-d)
	}
	return list
}

// unusual is a share that must not be read.
func unusual() (brake.Share, error) {
	return brake.Share{}, errors.New("nobody needs it")
}

func share(bad, all int64) func() (brake.Share, error) {
	return func() (brake.Share, error) { return brake.Share{Bad: bad, All: all}, nil }
}

func TestDecideBrake(t *testing.T) {
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		answers []brake.Answer
		percent int
		usual   func() (brake.Share, error)
		stops   bool
		room    int
	}{
		"no answer":                        {nil, 50, unusual, false, 20},
		"19 first tries":                   {wave(19, 0, hard), 50, unusual, false, 1},
		"20 first tries":                   {wave(20, 0, hard), 50, unusual, true, 0},
		"20 actions":                       {wave(20, 0, action), 50, unusual, true, 0},
		"20 rejections":                    {wave(20, 0, rejected), 50, unusual, true, 0},
		"20 that differ":                   {wave(20, 0, differs), 50, unusual, true, 0},
		"20 soft declines":                 {wave(20, 0, soft), 50, unusual, false, 20},
		"20 put off":                       {wave(20, 0, func(a *brake.Answer) { a.Status = billing.AttemptDeclined }), 50, unusual, false, 20},
		"20 that nobody could say of":      {wave(20, 0, func(a *brake.Answer) { differs(a); a.Doubted = true }), 50, unusual, false, 20},
		"20 retries":                       {wave(20, 0, retry), 50, unusual, false, 20},
		"20 first tries beside soft ones":  {slices.Concat(wave(20, 0, hard), wave(30, 20, soft)), 50, unusual, true, 0},
		"one success beside 100":           {slices.Concat(wave(1, 0, nil), wave(100, 1, hard)), 50, unusual, false, 1},
		"a success of yesterday beside 20": {slices.Concat(ago(day, wave(150, 0, nil)), wave(20, 150, hard)), 50, unusual, true, 0},
		"a success of yesterday alone":     {ago(day, wave(150, 0, nil)), 50, unusual, false, 20},
		"a success after 20 of yesterday":  {slices.Concat(ago(2*day, wave(20, 0, hard)), ago(day, wave(1, 20, nil)), wave(5, 21, hard)), 50, unusual, false, 15},
		"one customer 30 times":            {wave(30, 0, func(a *brake.Answer) { hard(a); a.Customer = "cus_0" }), 50, unusual, false, 19},
		"199 of which 100 are bad":         {slices.Concat(wave(99, 0, nil), wave(100, 99, hard)), 50, unusual, false, 1},
		"200 of which 100 are bad":         {slices.Concat(wave(100, 0, nil), wave(100, 100, hard)), 50, unusual, false, 1},
		"200 of which 101 are bad":         {slices.Concat(wave(99, 0, nil), wave(101, 99, hard)), 50, share(0, 0), true, 0},
		"200 of which 101 are retries":     {slices.Concat(wave(99, 0, nil), wave(101, 99, retry)), 50, share(0, 0), true, 0},
		"older ones do not count":          {slices.Concat(wave(150, 0, hard), wave(100, 150, nil), wave(100, 250, hard)), 50, unusual, false, 1},
		"a customer who was declined and paid": {
			slices.Concat(wave(150, 0, hard), wave(150, 0, func(a *brake.Answer) { a.At = a.At.Add(time.Hour) }), wave(60, 150, hard)), 50, unusual, false, 51,
		},
		"a usual share of a quarter":       {slices.Concat(wave(50, 0, nil), wave(150, 50, hard)), 50, share(250, 1000), false, 1},
		"more than thrice the usual share": {slices.Concat(wave(49, 0, nil), wave(151, 49, hard)), 50, share(250, 1000), true, 0},
		"a usual share of a half":          {slices.Concat(wave(20, 0, nil), wave(180, 20, hard)), 50, share(500, 1000), false, 1},
		"at most 90 %":                     {slices.Concat(wave(19, 0, nil), wave(181, 19, hard)), 50, share(500, 1000), true, 0},
		"a usual share of a few":           {slices.Concat(wave(50, 0, nil), wave(150, 50, hard)), 50, share(25, 100), true, 0},
		"what the operator allows":         {slices.Concat(wave(80, 0, nil), wave(120, 80, hard)), 60, unusual, false, 1},
		"switched off":                     {wave(300, 0, hard), 100, unusual, false, 1 << 20},
		"new methods beside proven ones":   {slices.Concat(wave(200, 0, proven), wave(200, 200, hard)), 50, unusual, false, 101},
		"new methods beside a few proven":  {slices.Concat(wave(90, 0, proven), wave(200, 200, hard)), 50, share(0, 0), true, 0},
		"proven methods, all of them bad":  {slices.Concat(wave(200, 0, nil), wave(101, 200, provenHard), wave(99, 301, nil)), 50, share(0, 0), true, 0},
		"a customer's proven method":       {slices.Concat(wave(20, 0, hard), wave(20, 0, func(a *brake.Answer) { soft(a); proven(a); a.At = a.At.Add(-time.Hour) })), 50, unusual, false, 20},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := brake.Decide(c.answers, c.percent, sample.Noon.Add(time.Hour), c.usual)
			require.NoError(t, err)
			require.Equal(t, c.stops, got.Reason != "", got.Reason)
			if c.room == 1<<20 {
				require.Greater(t, got.Room, c.room)
				return
			}
			require.Equal(t, c.room, got.Room)
		})
	}
}

func TestDecideBrakeWithoutAShare(t *testing.T) {
	_, err := brake.Decide(wave(200, 0, retry), 50, sample.Noon, unusual)
	require.ErrorContains(t, err, "nobody needs it")
}

// What is drawn is judged as the rule says it in words. Nothing but the answers themselves matters: not the order in which
// they are given, and not which methods have paid where there are not more bad ones than allowed.
func TestDecideBrakeByTheRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		percent := rapid.IntRange(1, 99).Draw(t, "percent")
		odds := rapid.IntRange(0, 100).Draw(t, "bad of 100")
		answers := wave(rapid.IntRange(0, 400).Draw(t, "answers"), 0, func(a *brake.Answer) {
			a.Customer = fmt.Sprintf("cus_%d", rapid.IntRange(0, 399).Draw(t, "customer"))
			a.PaidBefore = rapid.Bool().Draw(t, "paid before")
			a.Stage = rapid.IntRange(0, 1).Draw(t, "stage")
			if rapid.IntRange(0, 99).Draw(t, "bad") < odds {
				sample.Draw(t, "how", hard, action, rejected, differs)(a)
			}
		})
		usual := brake.Share{Bad: rapid.Int64Range(0, 1000).Draw(t, "usually bad"), All: 1000}
		got, err := brake.Decide(answers, percent, sample.Noon.Add(time.Hour), func() (brake.Share, error) { return usual, nil })
		require.NoError(t, err)

		window := map[string]brake.Answer{}
		for _, proven := range []bool{true, false} {
			for _, a := range slices.Backward(answers) {
				if _, there := window[a.Customer]; !there && a.PaidBefore == proven && len(window) < 200 {
					window[a.Customer] = a
				}
			}
		}
		bad, first := 0, 0
		for _, a := range window {
			if a.Bad() {
				bad++
				if a.Stage == 0 {
					first++
				}
			}
		}
		paid := slices.ContainsFunc(answers, func(a brake.Answer) bool { return a.Status == billing.AttemptSucceeded })
		allowed := max(percent, int(min(3*usual.Bad/10, 90)))
		want := !paid && first >= 20
		if len(window) == 200 {
			want = bad > 2*allowed
		}
		require.Equal(t, want, got.Reason != "", "%d of %d bad, %d first: %s", bad, len(window), first, got.Reason)
		require.Equal(t, want, got.Room == 0)

		shuffled := rapid.Permutation(answers).Draw(t, "order")
		again, err := brake.Decide(shuffled, percent, sample.Noon.Add(time.Hour), func() (brake.Share, error) { return usual, nil })
		require.NoError(t, err)
		require.Equal(t, got, again)
		if !brake.Weighs(answers, percent) && len(window) == 200 {
			require.Empty(t, got.Reason)
		}
	})
}

// What a run counts by itself is what the tables will show as bad.
func TestAlarming(t *testing.T) {
	for _, kind := range payment.Kinds() {
		for _, class := range []payment.Class{payment.Soft, payment.Hard, payment.Action} {
			a := sample.Attempt()
			answer := sample.Answered(kind, class)
			s := billing.Settle(a, answer, billing.Active, sample.Policy(), sample.Day("2026-01-31"), sample.Noon)
			stored := brake.Answer{Status: s.Attempt, Class: s.Decline.Class, Doubted: s.Doubted}
			require.Equal(t, stored.Bad(), brake.Alarming(answer.Outcome), "%s %s", kind, class)
		}
	}
}
