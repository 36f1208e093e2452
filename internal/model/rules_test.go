package model

import (
	"testing"

	"duly/internal/model/searchtest"
)

// breaches has at least one line for each rule. Where a rule prevents a double charge only together with
// another, both are off in one line, and covered says that either suffices.
func breaches() []searchtest.Breach[Rule] {
	without := searchtest.Without[Rule]
	return []searchtest.Breach[Rule]{
		without("POST forgets: crashes", FalseProof, DoubtSticks),
		without("mute: crashes", DoubleCharge, DoubtSticks),
		without("mute: crashes", DoubleCharge, Margin),
		without("mute: crashes", DoubleCharge, AgeAtSend),
		without("no keys: crashes", DoubleCharge, LeaseAtSend),
		without("POST forgets: crashes", FalseProof, LeaseAtSettle),
		without("POST forgets: crashes", SecondAttempt, OneAttempt),
		without("POST forgets: crashes", DoubleCharge, OneAttempt),
		without("due, POST forgets: crashes", SecondAttempt, IssueOnce),
		without("due, no keys, mute: crashes", DoubleCharge, IssueOnce),
		without("no keys, mute: crashes", DoubleCharge, ReadBackEach),
		without("due, no keys, mute: crashes", DoubleCharge, ReadBackEach),
		without("no keys: crashes", DoubleCharge, SendOnce),

		// A worker that lives and is taken for dead.
		without("POST forgets: taken for dead", FalseProof, LeaseAtSettle),
		without("no keys: taken for dead", DoubleCharge, SendOnce),
		without("mute: taken for dead", DoubleCharge, AbsenceLasts),

		// Absence believed from the wrong place, or too early.
		without("POST forgets: crashes", FalseProof, AbsenceAfterWindow),
		without("rejections", DoubleCharge, AbsenceAfterWindow),
		without("forgets all: crashes", DoubleCharge, AbsenceLasts),
		without("mute: crashes", DoubleCharge, AbsenceLasts),
		without("a wrong URL", FalseProof, Controls),
		without("a staging copy", DoubleCharge, Controls),
		without("a wrong URL", DoubleCharge, Controls, LookUpFirst),
		without("a purged history", DoubleCharge, ControlEarlier),
		without("a stale copy", DoubleCharge, ControlLater),
		without("a staging copy", DoubleCharge, ControlByID),
		without("a wrong URL", FalseProof, ControlAfterAbsence),
		without("a staging copy", DoubleCharge, ControlAfterAbsence),
		without("another account", DoubleCharge, AccountStored),
		without("another account, nothing earlier", DoubleCharge, AccountStored),
		without("another account, unseen", DoubleCharge, AccountByCredential),
		without("another account, unseen, for good", DoubleCharge, AccountByCredential, ControlBeforeResend),

		// A number that moves without proof.
		without("POST forgets: crashes", UnprovenNumber, NumberByProof),
		without("keys kept: a loss", DoubleCharge, NumberByProof),
		without("rejections", UnprovenNumber, RequeueByProof),
		without("charges and answers 400", DoubleCharge, RequeueByProof),
		without("charges and answers 400, mute", DoubleCharge, RequeueByProof),
		without("mixes up ids", DoubleCharge, ResolveByKey),
		without("no keys, mute: crashes", DoubleCharge, WordAfterWindow),
		without("declines and a restore, mute", FalseProof, WordMovesNumber),

		// Restored backups and lost commits.
		without("POST forgets: a loss", DoubleCharge, LookUpFirst),
		without("no keys: a loss", DoubleCharge, LookUpFirst),
		without("a restore within the key's life", DoubleCharge, ExemptAtSend),
		without("no keys: a loss", DoubleCharge, LookUpLater),
		without("a restore within the key's life", DoubleCharge, LookUpLaterInRecovery),
		without("mute, listed: a loss", DoubleCharge, ListFirst),
		without("no keys, mute, listed: a loss", DoubleCharge, ListFirst),
		without("mute, listed: a loss", DoubleCharge, ListStrictly),
		without("declines and a restore, mute", FalseProof, ListDeclines),
		without("no keys, mute, listed: a loss", DoubleCharge, AdoptOnly),
		without("a restore within the key's life", DoubleCharge, ResendOpenOnly),
		without("a loss with one run", DoubleCharge, SameServer, ClaimFence),
		without("no keys: a loss", DoubleCharge, SameServer),
		without("no keys, mute: a loss", DoubleCharge, RestoreStops),
		without("mute: a loss", DoubleCharge, RestoreStops),
		without("forgets all: a loss", DoubleCharge, ForgetfulStops),
		without("no keys, mute: a loss", DoubleCharge, ConfirmAfterQuiet),
		without("no keys: a loss", DoubleCharge, QuietAfterLoss),
		without("no keys, mute, late list: a loss", DoubleCharge, QuietAfterLoss),
		// Errors that are kept under the key.
		without("errors kept, crashes", DoubleCharge, ErrorsDoubt),
		without("errors kept, keys kept: crashes", DoubleCharge, ErrorsDoubt),
		without("errors kept, crashes", DoubleCharge, AnsweredWaits),
		without("errors kept, stopped and taken for dead", DoubleCharge, AllAnswered),

		without("POST forgets: a loss", FalseProof, QuietBeforeProof),
	}
}

// covered lists rules without which another rule still prevents the double charge of the same scenario.
func covered() []searchtest.Breach[Rule] {
	without := searchtest.Without[Rule]
	return []searchtest.Breach[Rule]{
		without("another account, unseen, for good", DoubleCharge, AccountByCredential),
		without("another account, unseen, for good", DoubleCharge, ControlBeforeResend),
		without("a loss with one run", DoubleCharge, SameServer),
		without("a loss with one run", DoubleCharge, ClaimFence),
	}
}

// TestBreaches switches rules off and sees the search find what they prevent.
func TestBreaches(t *testing.T) {
	t.Parallel()
	scenarios(Small(), 1_000_000).Breaches(t, AllRules, breaches())
}

func TestCovered(t *testing.T) {
	t.Parallel()
	scenarios(Small(), 1_000_000).Covered(t, AllRules, covered())
}

func TestEveryRuleIsBroken(t *testing.T) {
	t.Parallel()
	searchtest.EveryRule(t, RuleCount, breaches())
}
