package refunds

import (
	"strings"
	"testing"
)

// breach is a set of rules that are off, and what the search must find without them in a scenario.
type breach struct {
	off  []Rule
	in   string
	want Violation
}

// breaches has at least one line for each rule. Where another rule covers for one, both are off in one line, and covered says that either suffices.
func breaches() []breach {
	off := func(rules ...Rule) []Rule { return rules }
	return []breach{
		{off(FreezeFirst), "no keys, a part: crashes", SentUnstored},
		{off(FreezeFirst), "no keys, a part: crashes", ExecutedTwice},
		{off(OneUnsettled), "no keys, two parts: crashes", NotRefunded},
		{off(OneUnsettled), "keys, two parts: crashes", NotRefunded},
		{off(OwnKey, ReplyShows), "keys, two parts: crashes", NotRefunded},
		{off(BeforeSeen), "keys, a part: busy, somebody at the provider", NotRefunded},
		{off(LeaseAtFreeze, LeaseAtSend), "no keys, a part: taken for dead", ExecutedTwice},
		{off(LeaseAtSettle), "keys, a part: busy, taken for dead", ExecutedTwice},
		{off(Window, LeaseAtSend), "no keys, a part: crashes", Forgotten},
		{off(Margin), "keys, a part: busy, somebody at the provider", ExecutedTwice},
		{off(AgeAtSend), "keys, a part: busy, somebody at the provider", ExecutedTwice},
		{off(RestAlone), "no keys, a part: crashes", ExecutedTwice},
		{off(Exactly), "keys, a part: busy, somebody at the provider", NotRefunded},
		{off(DoubtSticks), "keys, a part: busy, somebody at the provider", ExecutedTwice},
		{off(DoubtSticks), "keys, a part: busy, somebody at the provider", Forgotten},
		{off(Quiet), "no keys, a part: crashes", Forgotten},
		{off(Capped), "no keys, all: taken for dead", MoreThanPaid},
		{off(WordAlone), "keys, two parts: refuses", Overbooked},
		{off(WordAgain), "keys, two parts: refuses", Overbooked},
		{off(RecordIdle), "keys, a part: audited", Overbooked},
		{off(RecordUnmoved), "keys, a part: audited", Overbooked},
	}
}

// covered lists rules without which another rule still prevents what both together do not.
func covered() []breach {
	off := func(rules ...Rule) []Rule { return rules }
	return []breach{
		{off(OwnKey), "keys, two parts: crashes", NotRefunded},
		{off(ReplyShows), "keys, two parts: crashes", NotRefunded},
		{off(LeaseAtFreeze), "no keys, a part: taken for dead", ExecutedTwice},
		{off(LeaseAtSend), "no keys, a part: taken for dead", ExecutedTwice},
		{off(Window), "no keys, a part: crashes", Forgotten},
	}
}

func scenario(t *testing.T, name string) Scenario {
	t.Helper()
	for _, sc := range Small().Scenarios() {
		if sc.Name == name {
			return sc
		}
	}
	t.Fatalf("no scenario %q", name)
	return Scenario{}
}

// TestBreaches switches rules off and sees the search find what they prevent.
func TestBreaches(t *testing.T) {
	t.Parallel()
	for _, b := range breaches() {
		t.Run(b.name(), func(t *testing.T) {
			t.Parallel()
			r := Run(scenario(t, b.in), AllRules.Without(b.off...), 500_000, b.want)
			if r.Violation != b.want {
				t.Fatalf("%s: found %s in %d states, not %s", b.in, r.Violation, r.States, b.want)
			}
			t.Logf("%s, %d states:\n%s", r.Violation, r.States, Format(r.Trace))
		})
	}
}

func TestCovered(t *testing.T) {
	t.Parallel()
	for _, b := range covered() {
		t.Run(b.name(), func(t *testing.T) {
			t.Parallel()
			r := Run(scenario(t, b.in), AllRules.Without(b.off...), 500_000, b.want)
			if r.Violation != NoViolation || !r.Full {
				t.Fatalf("%s after %d states (all of them: %v):\n%s", r.Violation, r.States, r.Full, Format(r.Trace))
			}
		})
	}
}

func TestEveryRuleIsBroken(t *testing.T) {
	t.Parallel()
	var broken Rules
	for _, b := range breaches() {
		broken |= AllRules &^ AllRules.Without(b.off...)
	}
	for rule := range RuleCount {
		if !broken.on(rule) {
			t.Errorf("no breach for %q: %s", rule, rule.Text())
		}
		if rule.String() == "" || rule.Text() == "" {
			t.Errorf("rule %d has no text", rule)
		}
	}
}

func (b breach) name() string {
	names := make([]string, len(b.off))
	for i, rule := range b.off {
		names[i] = rule.String()
	}
	return "without " + strings.Join(names, " and ") + ": " + b.in + ": " + b.want.String()
}
