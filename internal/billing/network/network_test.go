package network_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"duly/internal/billing/network"
	"duly/internal/payment"
)

const day = 24 * time.Hour

// defaults are the rules as they are configured unless told otherwise.
func defaults() network.Rules {
	return network.Rules{On: true, Ceilings: network.Ceilings{Visa30d: 15, Mastercard30d: 35, Mastercard24h: 10, Unknown30d: 15, Unknown24h: 10}}
}

// The class and the wait that each code of the networks' lists must have, beside a gateway that calls the decline soft. They are written here
// once more, so that a slip in the table is seen.
func TestCodes(t *testing.T) {
	const visa, mastercard = payment.Visa, payment.Mastercard
	type want struct {
		class payment.Class
		wait  time.Duration
	}
	hard, action, soft := want{class: payment.Hard}, want{class: payment.Action}, want{class: payment.Soft}
	after := func(d time.Duration) want { return want{payment.Soft, d} }
	expected := map[network.Code]want{}
	list := func(n payment.Network, advice bool, w want, codes ...string) {
		for _, c := range codes {
			expected[network.Code{Network: n, Advice: advice, Code: c}] = w
		}
	}
	list(visa, false, hard, "04", "07", "41", "43", "46", "R0", "R1", "R3", "12", "14", "15", "57")
	list(visa, false, action, "54", "55", "82", "6P", "N7")
	list(visa, false, soft, "03", "19", "39", "51", "52", "53", "59", "61", "62", "65", "75", "78", "83", "86", "91", "93", "96", "5C", "9G", "N3", "N4", "Z5")
	list("", false, hard, "04", "07", "41", "43", "R0", "R1", "R3")
	list("", false, action, "54")
	list(mastercard, true, hard, "03", "21")
	list(mastercard, true, action, "01", "04", "22")
	list(mastercard, true, after(72*time.Hour), "02")
	list(mastercard, true, after(time.Hour), "24")
	list(mastercard, true, after(24*time.Hour), "25")
	list(mastercard, true, after(2*day), "26")
	list(mastercard, true, after(4*day), "27")
	list(mastercard, true, after(6*day), "28")
	list(mastercard, true, after(8*day), "29")
	list(mastercard, true, after(10*day), "30")
	list(mastercard, true, soft, "40", "41", "43")

	require.Len(t, network.Codes(), len(expected), "each code once")
	for _, c := range network.Codes() {
		w, ok := expected[network.Code{Network: c.Network, Advice: c.Advice, Code: c.Code}]
		require.True(t, ok, "%+v", c)
		require.NotEmpty(t, c.Says)
		require.NotEmpty(t, c.Source)
		require.Contains(t, []network.Certainty{network.Documented, network.Reported, network.Assumed}, c.Certainty)
		d := payment.Decline{Class: payment.Soft, Network: c.Network, NetworkCode: c.Code}
		if c.Advice {
			d = payment.Decline{Class: payment.Soft, Network: c.Network, AdviceCode: c.Code}
		}
		v := defaults().Judge(d)
		require.Equal(t, w, want{v.Class, v.Wait}, "%+v", c)
		require.Equal(t, w.wait > 0, v.Rule != "", "%+v", c)
		require.Equal(t, c.Warns, network.Warning(d) != "", "%+v", c)
		if v.Rule != "" {
			require.Equal(t, "Mastercard advice "+c.Code+": "+c.Says, network.Explain(v.Rule, defaults()))
		}
		off := network.Rules{}.Judge(d)
		require.Equal(t, network.Verdict{Class: payment.Soft}, off, "switched off")
	}
}

func TestWhichCodeCounts(t *testing.T) {
	for _, c := range []struct {
		name string
		d    payment.Decline
		want payment.Class
	}{
		{"the advice before the response", payment.Decline{Class: payment.Soft, Network: payment.Mastercard, AdviceCode: "01", NetworkCode: "41"}, payment.Action},
		{"an advice that names no class leaves it to the response", payment.Decline{Class: payment.Soft, Network: payment.Mastercard, AdviceCode: "25", NetworkCode: "41"}, payment.Hard},
		{"the gateway's hard stays", payment.Decline{Class: payment.Hard, Network: payment.Mastercard, AdviceCode: "01"}, payment.Hard},
		{"the gateway's action stays", payment.Decline{Class: payment.Action, Network: payment.Visa, NetworkCode: "51"}, payment.Action},
		{"an advice without a network is Mastercard's", payment.Decline{Class: payment.Soft, AdviceCode: "03"}, payment.Hard},
		{"Visa has no advice codes", payment.Decline{Class: payment.Soft, Network: payment.Visa, AdviceCode: "03"}, payment.Soft},
		{"a Visa code of no named network says nothing", payment.Decline{Class: payment.Soft, NetworkCode: "57"}, payment.Soft},
		{"a Mastercard has no Visa codes", payment.Decline{Class: payment.Soft, Network: payment.Mastercard, NetworkCode: "46"}, payment.Soft},
		{"what all networks mean alike counts at each", payment.Decline{Class: payment.Soft, Network: payment.Mastercard, NetworkCode: "43"}, payment.Hard},
		{"a code that is not listed says nothing", payment.Decline{Class: payment.Soft, Network: payment.Visa, NetworkCode: "ZZ"}, payment.Soft},
		{"no class stays none", payment.Decline{Network: payment.Visa, NetworkCode: "91"}, ""},
		{"one digit, lower case, blanks", payment.Decline{Class: payment.Soft, Network: payment.Visa, NetworkCode: " r0 "}, payment.Hard},
		{"one digit", payment.Decline{Class: payment.Soft, Network: payment.Mastercard, AdviceCode: "3"}, payment.Hard},
	} {
		require.Equal(t, c.want, defaults().Judge(c.d).Class, c.name)
	}
}

func TestCheck(t *testing.T) {
	now := time.Date(2026, 3, 31, 3, 0, 0, 0, time.UTC)
	ago := func(n payment.Network, times ...time.Duration) (tries []network.Try) {
		for _, d := range times {
			tries = append(tries, network.Try{Network: n, At: now.Add(-d)})
		}
		return tries
	}
	many := func(n payment.Network, count int, first, step time.Duration) (tries []network.Try) {
		for i := range count {
			tries = append(tries, ago(n, first+time.Duration(i)*step)...)
		}
		return tries
	}
	pending := func(count int, doubtful bool) (tries []network.Try) {
		for range count {
			tries = append(tries, network.Try{At: now, Pending: true, Doubtful: doubtful})
		}
		return tries
	}
	for _, c := range []struct {
		name  string
		tries []network.Try
		want  network.Hold
	}{
		{"nothing before", nil, network.Hold{}},
		{"Visa, one below", many(payment.Visa, 14, day, day), network.Hold{}},
		{"Visa, at the ceiling: until the oldest is 30 days old", many(payment.Visa, 15, day, day), network.Hold{Rule: "visa_30d", Until: now.Add(15 * day)}},
		{"Visa, 30 days ago counts no more", many(payment.Visa, 15, 16*day, day), network.Hold{}},
		{"Mastercard, 9 in a day", many(payment.Mastercard, 9, time.Hour, time.Hour), network.Hold{}},
		{"Mastercard, 10 in a day: until the oldest is a day old", many(payment.Mastercard, 10, time.Hour, time.Hour), network.Hold{Rule: "mastercard_24h", Until: now.Add(14 * time.Hour)}},
		{"Mastercard, 35 in 30 days: the later of both", many(payment.Mastercard, 35, time.Hour, time.Hour), network.Hold{Rule: "mastercard_30d", Until: now.Add(30*day - 35*time.Hour)}},
		{"unknown: the lowest in a day", many("", 10, time.Hour, time.Hour), network.Hold{Rule: "unknown_24h", Until: now.Add(14 * time.Hour)}},
		{"unknown: the lowest in 30 days", many("", 15, day, day), network.Hold{Rule: "unknown_30d", Until: now.Add(15 * day)}},
		{"one decline that names the network tells of all", append(many("", 14, 2*day, day), ago(payment.Mastercard, day)...), network.Hold{}},
		{"more than the ceiling: until there is room for one", many(payment.Visa, 17, day, day), network.Hold{Rule: "visa_30d", Until: now.Add(15 * day)}},
		{"what is on its way counts, and is waited for", append(many(payment.Visa, 10, day, day), pending(5, false)...), network.Hold{Rule: "visa_30d", Waits: true}},
		{"what is in doubt is looked at again another day", append(many(payment.Visa, 10, day, day), pending(5, true)...), network.Hold{Rule: "visa_30d"}},
	} {
		require.Equal(t, c.want, defaults().Check(c.tries, 0, now), c.name)
		require.Equal(t, network.Hold{}, network.Rules{}.Check(c.tries, 0, now), "switched off")
	}
	require.Equal(t, "at most 15 declines in 30 days for one method and amount (Visa)", network.Explain("visa_30d", defaults()))
	require.Equal(t, "at most 10 declines in 24 hours for one method and amount (network unknown)", network.Explain("unknown_24h", defaults()))
	require.Equal(t, "of_a_later_version", network.Explain("of_a_later_version", defaults()))
}

// A claim takes of a method that was not tried before as many as another claim, which sees nothing of it, may take as well.
func TestLedgerTakesHalf(t *testing.T) {
	l := &network.Ledger{Rules: defaults(), Now: time.Unix(0, 0)}
	k := network.Key{Gateway: "main", Method: "pm", Money: payment.Money{Amount: 1, Currency: "KRW"}}
	for range 5 {
		require.False(t, l.Take(k, 0).Held())
	}
	require.True(t, l.Take(k, 0).Waits)
	other := k
	other.Money.Amount = 2
	require.False(t, l.Take(other, 0).Held(), "another amount")
	off := &network.Ledger{}
	for range 100 {
		require.False(t, off.Take(k, 0).Held(), "switched off")
	}
}

// Whatever is tried, when and of which network, and whatever becomes of it how late: no ceiling is exceeded in any window.
func TestCeilingsAreNeverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.SampledFrom([]payment.Network{payment.Visa, payment.Mastercard, ""}).Draw(t, "network")
		rules := defaults()
		policy := rapid.IntRange(0, 40).Draw(t, "the policy's ceiling")
		rules.Lowest = policy
		if policy > 0 {
			rules.Lowest = rapid.IntRange(1, policy).Draw(t, "the lowest of all policies")
			rules.On = rapid.Bool().Draw(t, "the networks' ceilings too")
		}
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		var tries []network.Try
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 30, 600, 1440, 2000, 20000}).Draw(t, "minutes")) * time.Minute)
			for i := range tries { // some of what is on its way is answered
				if tries[i].Pending && rapid.Bool().Draw(t, "answered") {
					tries[i] = network.Try{Network: of, At: now}
				}
			}
			l := &network.Ledger{Rules: rules, Now: now, Tries: map[network.Key][]network.Try{{}: tries}}
			if len(tries) == 0 {
				l.Tries = nil
			}
			taken := 0
			for range rapid.IntRange(1, 20).Draw(t, "siblings") {
				h := l.Take(network.Key{}, policy)
				if h.Held() {
					require.True(t, h.Waits || h.Until.IsZero() || h.Until.After(now), "%+v at %s", h, now)
					break
				}
				taken++
			}
			for range taken {
				tries = append(tries, network.Try{Network: of, At: now, Pending: true, Doubtful: rapid.Bool().Draw(t, "doubtful")})
			}
		}
		for i := range tries {
			if tries[i].Pending {
				tries[i] = network.Try{Network: of, At: now}
			}
		}
		windows := map[payment.Network]map[time.Duration]int{
			payment.Visa: {30 * day: 15}, payment.Mastercard: {30 * day: 35, day: 10}, "": {30 * day: 15, day: 10},
		}
		if !rules.On {
			windows = map[payment.Network]map[time.Duration]int{of: {}}
		}
		if least := windows[of][30*day]; policy > 0 && (least == 0 || policy < least) {
			windows[of][30*day] = policy
		}
		for _, end := range tries {
			for window, most := range windows[of] {
				n := 0
				for _, x := range tries {
					if x.At.After(end.At.Add(-window)) && !x.At.After(end.At) {
						n++
					}
				}
				require.LessOrEqual(t, n, most, "declines in %s until %s", window, end.At)
			}
		}
	})
}

// Beside a network's ceiling that of the dunning policy counts where it is lower, and alone where the networks' rules are off.
func TestTheLowerCeilingCounts(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var tries []network.Try
	for i := range 9 {
		tries = append(tries, network.Try{Network: payment.Visa, At: now.Add(-time.Duration(i+1) * day)})
	}
	require.False(t, defaults().Check(tries, 0, now).Held())
	require.False(t, defaults().Check(tries, 10, now).Held())
	require.Equal(t, network.Hold{Rule: "policy_30d", Until: now.Add(-9*day + 30*day)}, defaults().Check(tries, 9, now))
	require.Equal(t, network.Hold{Rule: "policy_30d", Until: now.Add(-4*day + 30*day)}, network.Rules{Lowest: 4}.Check(tries, 4, now))
	require.False(t, network.Rules{Lowest: 4}.Check(tries, 0, now).Held(), "another policy's")
	for range 6 {
		tries = append(tries, network.Try{Network: payment.Visa, At: now.Add(-time.Hour)})
	}
	require.Equal(t, "visa_30d", defaults().Check(tries, 40, now).Rule)

	require.Equal(t, 5, defaults().Few())
	lower := defaults()
	lower.Lowest = 4
	require.Equal(t, 2, lower.Few())
	require.Equal(t, 2, network.Rules{Lowest: 4}.Few())
	require.Zero(t, network.Rules{}.Few())
	require.Equal(t, 1, network.Rules{Lowest: 1}.Few())
	require.True(t, network.Rules{Lowest: 1, Uncounted: map[string]bool{"own": true}}.Counts("main"))
	require.False(t, network.Rules{Lowest: 1, Uncounted: map[string]bool{"own": true}}.Counts("own"))
	require.Contains(t, network.Explain("policy_30d", defaults()), "max_tries_30d")
}
