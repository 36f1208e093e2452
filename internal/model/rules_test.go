package model

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

// breaches has at least one line for each rule. Where a rule prevents a double charge only together with
// another, both are off in one line, and covered says that either suffices.
func breaches() []breach {
	off := func(rules ...Rule) []Rule { return rules }
	return []breach{
		{off(DoubtSticks), "POST forgets: crashes", FalseProof},
		{off(DoubtSticks), "mute: crashes", DoubleCharge},
		{off(Margin), "mute: crashes", DoubleCharge},
		{off(AgeAtSend), "mute: crashes", DoubleCharge},
		{off(LeaseAtSend), "no keys: crashes", DoubleCharge},
		{off(LeaseAtSettle), "POST forgets: crashes", FalseProof},
		{off(OneAttempt), "POST forgets: crashes", SecondAttempt},
		{off(OneAttempt), "POST forgets: crashes", DoubleCharge},
		{off(IssueOnce), "due, POST forgets: crashes", SecondAttempt},
		{off(IssueOnce), "due, no keys, mute: crashes", DoubleCharge},
		{off(ReadBackEach), "no keys, mute: crashes", DoubleCharge},
		{off(ReadBackEach), "due, no keys, mute: crashes", DoubleCharge},
		{off(SendOnce), "no keys: crashes", DoubleCharge},

		// A worker that lives and is taken for dead.
		{off(LeaseAtSettle), "POST forgets: taken for dead", FalseProof},
		{off(SendOnce), "no keys: taken for dead", DoubleCharge},
		{off(AbsenceLasts), "mute: taken for dead", DoubleCharge},

		// Absence believed from the wrong place, or too early.
		{off(AbsenceAfterWindow), "POST forgets: crashes", FalseProof},
		{off(AbsenceAfterWindow), "rejections", DoubleCharge},
		{off(AbsenceLasts), "forgets all: crashes", DoubleCharge},
		{off(AbsenceLasts), "mute: crashes", DoubleCharge},
		{off(Controls), "a wrong URL", FalseProof},
		{off(Controls), "a staging copy", DoubleCharge},
		{off(Controls, LookUpFirst), "a wrong URL", DoubleCharge},
		{off(ControlEarlier), "a purged history", DoubleCharge},
		{off(ControlLater), "a stale copy", DoubleCharge},
		{off(ControlByID), "a staging copy", DoubleCharge},
		{off(ControlAfterAbsence), "a wrong URL", FalseProof},
		{off(ControlAfterAbsence), "a staging copy", DoubleCharge},
		{off(AccountStored), "another account", DoubleCharge},
		{off(AccountStored), "another account, nothing earlier", DoubleCharge},
		{off(AccountByCredential), "another account, unseen", DoubleCharge},
		{off(AccountByCredential, ControlBeforeResend), "another account, unseen, for good", DoubleCharge},

		// A number that moves without proof.
		{off(NumberByProof), "POST forgets: crashes", UnprovenNumber},
		{off(NumberByProof), "keys kept: a loss", DoubleCharge},
		{off(RequeueByProof), "rejections", UnprovenNumber},
		{off(RequeueByProof), "charges and answers 400", DoubleCharge},
		{off(RequeueByProof), "charges and answers 400, mute", DoubleCharge},
		{off(ResolveByKey), "mixes up ids", DoubleCharge},
		{off(WordAfterWindow), "no keys, mute: crashes", DoubleCharge},
		{off(WordMovesNumber), "declines and a restore, mute", FalseProof},

		// Restored backups and lost commits.
		{off(LookUpFirst), "POST forgets: a loss", DoubleCharge},
		{off(LookUpFirst), "no keys: a loss", DoubleCharge},
		{off(ExemptAtSend), "a restore within the key's life", DoubleCharge},
		{off(LookUpLater), "no keys: a loss", DoubleCharge},
		{off(LookUpLaterInRecovery), "a restore within the key's life", DoubleCharge},
		{off(ListFirst), "mute, listed: a loss", DoubleCharge},
		{off(ListFirst), "no keys, mute, listed: a loss", DoubleCharge},
		{off(ListStrictly), "mute, listed: a loss", DoubleCharge},
		{off(ListDeclines), "declines and a restore, mute", FalseProof},
		{off(AdoptOnly), "no keys, mute, listed: a loss", DoubleCharge},
		{off(ResendOpenOnly), "a restore within the key's life", DoubleCharge},
		{off(SameServer, ClaimFence), "a loss with one run", DoubleCharge},
		{off(SameServer), "no keys: a loss", DoubleCharge},
		{off(RestoreStops), "no keys, mute: a loss", DoubleCharge},
		{off(RestoreStops), "mute: a loss", DoubleCharge},
		{off(ForgetfulStops), "forgets all: a loss", DoubleCharge},
		{off(ConfirmAfterQuiet), "no keys, mute: a loss", DoubleCharge},
		{off(QuietAfterLoss), "no keys: a loss", DoubleCharge},
		{off(QuietAfterLoss), "no keys, mute, late list: a loss", DoubleCharge},
		// Errors that are kept under the key.
		{off(ErrorsDoubt), "errors kept, crashes", DoubleCharge},
		{off(ErrorsDoubt), "errors kept, keys kept: crashes", DoubleCharge},
		{off(AnsweredWaits), "errors kept, crashes", DoubleCharge},
		{off(AllAnswered), "errors kept, stopped and taken for dead", DoubleCharge},

		{off(QuietBeforeProof), "POST forgets: a loss", FalseProof},
	}
}

// covered lists rules without which another rule still prevents the double charge of the same scenario.
func covered() []breach {
	off := func(rules ...Rule) []Rule { return rules }
	return []breach{
		{off(AccountByCredential), "another account, unseen, for good", DoubleCharge},
		{off(ControlBeforeResend), "another account, unseen, for good", DoubleCharge},
		{off(SameServer), "a loss with one run", DoubleCharge},
		{off(ClaimFence), "a loss with one run", DoubleCharge},
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
			r := Run(scenario(t, b.in), AllRules.Without(b.off...), 1_000_000, b.want)
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
			r := Run(scenario(t, b.in), AllRules.Without(b.off...), 1_000_000, b.want)
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
	return "without " + strings.Join(names, " and ") + ": " + b.in
}
