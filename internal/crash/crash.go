// Package crash names every point of the money protocol at which a process may die. In a program built with
// the tag crashpoints, the one named in DULY_TEST_CRASH_AT acts; in any other build At does nothing.
package crash

import "strings"

// Point is a place in the protocol.
type Point string

// The points, in the order in which one invoice meets them. The check is that of lease and age, right before
// a request is written.
const (
	StartBeforeCommit      Point = "start.before-commit"
	StartAfterCommit       Point = "start.after-commit"
	IssueBeforeCommit      Point = "issue.before-commit"
	IssueAfterCommit       Point = "issue.after-commit"
	IssueClaimBeforeCommit Point = "issue-claim.before-commit"
	IssueClaimAfterCommit  Point = "issue-claim.after-commit"
	ClaimBeforeCommit      Point = "claim.before-commit"
	ClaimAfterCommit       Point = "claim.after-commit"
	BeforeCheck            Point = "charge.before-check"
	BeforeSend             Point = "charge.before-send"
	AfterSend              Point = "charge.after-send"
	Answered               Point = "charge.answered"
	SettleBeforeCommit     Point = "settle.before-commit"
	SettleAfterCommit      Point = "settle.after-commit"
	BeatBeforeCommit       Point = "heartbeat.before-commit"
	BeatAfterCommit        Point = "heartbeat.after-commit"
	AbandonBeforeCommit    Point = "abandon.before-commit"
	AbandonAfterCommit     Point = "abandon.after-commit"
	TakeOverBeforeCommit   Point = "takeover.before-commit"
	TakeOverAfterCommit    Point = "takeover.after-commit"
	AnswersBeforeCommit    Point = "answers.before-commit"
	AnswersAfterCommit     Point = "answers.after-commit"
	FinishBeforeCommit     Point = "finish.before-commit"
	FinishAfterCommit      Point = "finish.after-commit"
)

// The points that an order meets beside those of every run, from its check to its settlement, and from the claim of
// its refunds to theirs.
const (
	CheckBeforeCommit       Point = "check.before-commit"
	CheckAfterCommit        Point = "check.after-commit"
	ReconcileBeforeCommit   Point = "reconcile.before-commit"
	ReconcileAfterCommit    Point = "reconcile.after-commit"
	RefundClaimBeforeCommit Point = "refund-claim.before-commit"
	RefundClaimAfterCommit  Point = "refund-claim.after-commit"
	RefundBeforeCommit      Point = "refund.before-commit"
	RefundAfterCommit       Point = "refund.after-commit"
)

// The points of a row of refunds, in addition to those of every run: its claim, the write before its request, and its settlement.
const (
	RefundRequestBeforeCommit Point = "refund-request.before-commit"
	RefundRequestAfterCommit  Point = "refund-request.after-commit"
	RefundFreezeBeforeCommit  Point = "refund-freeze.before-commit"
	RefundFreezeAfterCommit   Point = "refund-freeze.after-commit"
	RefundSettleBeforeCommit  Point = "refund-settle.before-commit"
	RefundSettleAfterCommit   Point = "refund-settle.after-commit"
)

// RefundPoints lists the points of rows of refunds.
func RefundPoints() []Point {
	return []Point{
		RefundRequestBeforeCommit, RefundRequestAfterCommit, RefundFreezeBeforeCommit, RefundFreezeAfterCommit,
		RefundSettleBeforeCommit, RefundSettleAfterCommit,
	}
}

// Points lists every point. A test kills the program at each.
func Points() []Point {
	return []Point{
		StartBeforeCommit, StartAfterCommit,
		IssueBeforeCommit, IssueAfterCommit,
		IssueClaimBeforeCommit, IssueClaimAfterCommit,
		ClaimBeforeCommit, ClaimAfterCommit,
		BeforeCheck, BeforeSend, AfterSend, Answered,
		SettleBeforeCommit, SettleAfterCommit,
		BeatBeforeCommit, BeatAfterCommit,
		AbandonBeforeCommit, AbandonAfterCommit,
		TakeOverBeforeCommit, TakeOverAfterCommit,
		AnswersBeforeCommit, AnswersAfterCommit,
		FinishBeforeCommit, FinishAfterCommit,
	}
}

// OrderPoints lists the points of the reconcile job that no other job has.
func OrderPoints() []Point {
	return []Point{
		CheckBeforeCommit, CheckAfterCommit, ReconcileBeforeCommit, ReconcileAfterCommit,
		RefundClaimBeforeCommit, RefundClaimAfterCommit, RefundBeforeCommit, RefundAfterCommit,
	}
}

// Before is the point right before the transaction called name commits.
func Before(name string) Point { return Point(name + beforeCommit) }

// After is the point right after the transaction called name has committed.
func After(name string) Point { return Point(name + afterCommit) }

const (
	beforeCommit = ".before-commit"
	afterCommit  = ".after-commit"
)

// Transaction is the name of the transaction that p is at, if it is at one.
func (p Point) Transaction() (name string, ok bool) {
	if name, ok = strings.CutSuffix(string(p), beforeCommit); ok {
		return name, true
	}
	return strings.CutSuffix(string(p), afterCommit)
}
