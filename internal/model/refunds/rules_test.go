package refunds

import (
	"testing"

	"duly/internal/model/searchtest"
)

// breaches has at least one line for each rule. Where another rule covers for one, both are off in one line, and covered says that either suffices.
func breaches() []searchtest.Breach[Rule] {
	without := searchtest.Without[Rule]
	return []searchtest.Breach[Rule]{
		without("no keys, a part: crashes", SentUnstored, FreezeFirst),
		without("no keys, a part: crashes", ExecutedTwice, FreezeFirst),
		without("no keys, two parts: crashes", NotRefunded, OneUnsettled),
		without("keys, two parts: crashes", NotRefunded, OneUnsettled),
		without("keys, two parts: crashes", NotRefunded, OwnKey, ReplyShows),
		without("keys, a part: busy, somebody at the provider", NotRefunded, BeforeSeen, Unexplained),
		without("no keys, a part: taken for dead", ExecutedTwice, LeaseAtFreeze, LeaseAtSend),
		without("keys, a part: busy, taken for dead", ExecutedTwice, LeaseAtSettle, Unexplained),
		without("no keys, a part: crashes", Forgotten, Window, LeaseAtSend),
		without("keys, a part: busy, somebody at the provider", ExecutedTwice, Margin),
		without("keys, a part: busy, somebody at the provider", ExecutedTwice, AgeAtSend),
		without("no keys, a part: crashes", ExecutedTwice, RestAlone),
		without("keys, a part: busy, somebody at the provider", NotRefunded, Exactly),
		without("keys, a part: busy, somebody at the provider", ExecutedTwice, DoubtSticks),
		without("keys, a part: busy, somebody at the provider", Forgotten, DoubtSticks),
		without("no keys, a part: crashes", Forgotten, Quiet, WordQuiet),
		without("no keys, all: taken for dead", MoreThanPaid, Capped),
		without("keys, two parts: refuses", Overbooked, WordAlone),
		without("keys, two parts: refuses", Overbooked, WordAgain),
		without("keys, a part: refuses late", Forgotten, WordQuiet),
		without("keys, a part: busy, somebody at the provider", Forgotten, WordShown),
		without("keys, a part: audited", Overbooked, RecordIdle),
		without("keys, a part: audited", Overbooked, RecordUnmoved),
		without("keys, a part: restored", ExecutedTwice, Unexplained),
		without("keys, a part: restored", ExecutedTwice, RecordWaits),
		without("keys, two parts: restored", ExecutedTwice, WordExplains),
	}
}

// covered lists rules without which another rule still prevents what both together do not.
func covered() []searchtest.Breach[Rule] {
	without := searchtest.Without[Rule]
	return []searchtest.Breach[Rule]{
		without("keys, two parts: crashes", NotRefunded, OwnKey),
		without("keys, two parts: crashes", NotRefunded, ReplyShows),
		without("no keys, a part: taken for dead", ExecutedTwice, LeaseAtFreeze),
		without("no keys, a part: taken for dead", ExecutedTwice, LeaseAtSend),
		without("no keys, a part: crashes", Forgotten, Window),
		without("no keys, a part: crashes", Forgotten, Quiet),
		without("keys, a part: busy, somebody at the provider", NotRefunded, BeforeSeen),
		without("keys, a part: busy, taken for dead", ExecutedTwice, LeaseAtSettle),
	}
}

// TestBreaches switches rules off and sees the search find what they prevent.
func TestBreaches(t *testing.T) {
	t.Parallel()
	scenarios(Small(), 500_000).Breaches(t, AllRules, breaches())
}

func TestCovered(t *testing.T) {
	t.Parallel()
	scenarios(Small(), 500_000).Covered(t, AllRules, covered())
}

func TestEveryRuleIsBroken(t *testing.T) {
	t.Parallel()
	searchtest.EveryRule(t, RuleCount, breaches())
}
