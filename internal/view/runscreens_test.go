package view

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	pretty "github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/cli"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/test/golden"
	"duly/jobs"
)

// ofStep is a step of a run that has ended.
func ofStep(name string, v Step) Step {
	v.Step, v.label = name, jobs.LabelOf(name)
	if v.Status == "" {
		v.Status = string(batch.Completed)
	}
	return v
}

// goodRun is a run that leaves two rows to people.
func goodRun() Summary {
	return Summary{
		Run: 44, Job: jobs.BillingJob, Exit: batch.ExitReview, Collected: map[string]int64{"KRW": 23_719_100, "USD": 596_241},
		Steps: []Step{
			ofStep(jobs.StepRecover, Step{}),
			ofStep(jobs.StepIssue, Step{Read: 2000, Succeeded: 1998, Review: 2, Seconds: 0.1}),
			ofStep(jobs.StepCollect, Step{Read: 1998, Succeeded: 1833, Declined: 165, Seconds: 32}),
			ofStep("retry-1", Step{}), ofStep("retry-2", Step{}), ofStep("retry-3", Step{}),
			ofStep(jobs.StepRecoverLast, Step{}),
		},
		Next: []string{"duly list review --run 44"},
		facts: facts{
			Took: 40 * time.Second, Reviews: 2,
			Declines: []query.DeclineSum{{Code: "do_not_honor", Count: 121}, {Code: "lost_card", Count: 24}, {Class: "action", Code: "authentication_required", Count: 20}},
			Follows:  []query.NextCharge{{Date: date("2026-11-29"), Count: 121}, {Date: date("2026-11-29"), NewCard: true, Count: 44}},
			Groups: []ReviewGroup{
				{what: "subscription", IDs: []uint64{42}, count: 1, Reason: "amount is -5 KRW", fix: "fix the row"},
				{what: "subscription", IDs: []uint64{43}, count: 1, Reason: `gateway "maim" is not configured`, fix: "fix the row"},
			},
		},
	}
}

// badRun is a run whose gateway refuses it.
func badRun() Summary {
	wrong := &jobs.MisconfiguredError{Gateway: "main", Reason: "refused our credentials: 401", Check: "gateways.main.token_file"}
	err := fmt.Errorf("collect: %w", wrong)
	return Summary{
		Run: 41, Job: jobs.BillingJob, Exit: batch.ExitFailed, Collected: map[string]int64{},
		Steps: []Step{
			ofStep(jobs.StepRecover, Step{}),
			ofStep(jobs.StepIssue, Step{Read: 1998, Succeeded: 1998, Seconds: 0.1}),
			ofStep(jobs.StepCollect, Step{Status: string(batch.Failed), Read: 500, Released: 500, Due: 1998, Seconds: 0.1, Errors: ProblemsOf(err)}),
			ofStep("retry-1", Step{Status: notBegun}), ofStep("retry-2", Step{Status: notBegun}), ofStep("retry-3", Step{Status: notBegun}),
			ofStep(jobs.StepRecoverLast, Step{Status: notBegun}),
		},
		Left:    []string{"gateway main was left alone: refused our credentials: 401"},
		Failure: ProblemsOf(err), Fixes: FixesOf(err), Next: doctorAndAgain(jobs.BillingJob, 41),
		facts: facts{Took: 200 * time.Millisecond, UnpaidN: 1998, Unpaid: map[string]int64{"KRW": 25_858_100, "USD": 649_500}},
	}
}

// takenOver is a run that takes over what a dead one held, and is stopped by a bound.
func takenOver() Summary {
	return Summary{
		Run: 39, Job: jobs.BillingJob, Exit: batch.ExitUnfinished, Collected: map[string]int64{"KRW": 8_463_000},
		Steps: []Step{
			ofStep(jobs.StepRecover, Step{Read: 699, Succeeded: 654, Declined: 45, found: 41, Seconds: 80}),
			ofStep(jobs.StepCollect, Step{Due: 12, Seconds: 0.1}),
		},
		Left: []string{"12 invoices of step collect due and not charged", "--limit ended the work"}, Next: AgainNext(jobs.BillingJob, 39),
		facts: facts{Took: 81 * time.Second, UnpaidN: 12, Unpaid: map[string]int64{"KRW": 154_800}},
	}
}

func date(text string) payment.Date {
	d, err := payment.ParseDate(text)
	if err != nil {
		panic(err)
	}
	return d
}

// What people read of a run and of a night, at two widths and in ASCII.
func TestScreensOfRuns(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for _, c := range []struct {
		wide int
		env  []string
	}{{80, nil}, {140, nil}, {50, nil}, {80, []string{"TERM=dumb"}}, {80, []string{"LANG=C"}}} {
		var out strings.Builder
		screen := cli.NewScreen(c.env, &out, io.Discard)
		screen.Wide = c.wide
		for _, shown := range []struct {
			run  Summary
			died string
		}{{goodRun(), ""}, {badRun(), ""}, {takenOver(), "run 38 died at 11:09:26 with 699 claimed charges"}} {
			if shown.died != "" {
				screen.Marked(string(cli.SignLook)+" "+shown.died, cli.SignIndent)
			}
			WriteSummary(screen, shown.run, 0)
			screen.Line("")
		}
		night(screen)
		for line := range strings.Lines(out.String()) {
			require.LessOrEqual(t, pretty.StringWidth(strings.TrimSuffix(line, "\n")), c.wide, line)
		}
		if c.env != nil {
			require.NotRegexp(t, `[^\x00-\x7f]`, out.String())
		}
		fmt.Fprintf(&all, "==== %d columns %s\n%s\n", c.wide, strings.Join(c.env, " "), out.String())
	}
	golden.Equal(t, "runscreens.golden", all.String())
}

// night writes the screen of a night with one job of each kind of ending.
func night(screen *cli.Screen) {
	now := time.Date(2026, 11, 28, 2, 30, 0, 0, time.UTC)
	later := func() time.Time { return now.Add(45 * time.Second) }
	n := &NightScreen{Screen: screen, Now: later, Began: now, Page: "night.html"}
	job := func(name string, exit int, f facts, steps ...Step) {
		s := Summary{Run: uint64(len(n.summaries) + 1), Job: name, Exit: exit, Steps: steps, facts: f}
		s.Collected, s.Refunded = Moved(steps)
		n.Ended(s)
	}
	job(jobs.ReconcileJob, batch.ExitDone, facts{Took: 3 * time.Second},
		ofStep(jobs.StepReconcile, Step{Read: 400, Succeeded: 120, Declined: 280, Amounts: map[string]int64{"KRW": 2_446_700}}),
		ofStep(jobs.StepRefund, Step{Read: 30, Succeeded: 30, Amounts: map[string]int64{"KRW": 1_170_000}}))
	good := goodRun()
	for i := range good.Steps {
		if good.Steps[i].Step == jobs.StepCollect {
			good.Steps[i].Amounts = good.Collected
		}
	}
	job(jobs.BillingJob, batch.ExitReview, good.facts, good.Steps...)
	job(jobs.OutboxJob, batch.ExitDone, facts{Took: 2 * time.Second},
		ofStep(jobs.StepFanOut, Step{Read: 2165, Succeeded: 2165}), ofStep(jobs.StepDeliver, Step{Read: 2165, Succeeded: 2165}))
	job(jobs.ReportJob, batch.ExitDone, facts{}, ofStep(jobs.StepReport, Step{}))
	job(jobs.AuditJob, batch.ExitDone, facts{Took: time.Second}, ofStep(jobs.StepMatch, Step{Read: 2275, Succeeded: 2275}), ofStep(jobs.StepLookUp, Step{}))
	job(jobs.PruneJob, batch.ExitDone, facts{Took: time.Second}, ofStep(jobs.StepRuns, Step{Read: 4, Succeeded: 4}), ofStep(jobs.StepEvents, Step{}))
	n.End(Night{Exit: batch.ExitReview})
	screen.Line("")

	n = &NightScreen{Screen: screen, Now: later, Began: now}
	p := NightPart{Job: jobs.ReconcileJob, Exit: batch.ExitFailed, Err: errors.New("orders: the table is gone")}
	screen.Marked(NotRunLine(p), cli.BlockIndent+cli.SignIndent)
	bad := badRun()
	n.Ended(bad)
	n.End(Night{Exit: batch.ExitFailed, Jobs: []NightPart{p, {Job: jobs.BillingJob, Exit: batch.ExitFailed, Run: 41}}, NotBegun: []string{jobs.OutboxJob}})
}

// A prune says what it deletes, and never that it charges.
func TestAStepSpeaksOfItsOwnItems(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]Step{
		"✓ runs     4 runs deleted · 0.1s":                                       ofStep(jobs.StepRuns, Step{Read: 4, Succeeded: 4, Seconds: 0.1}),
		"✓ events   1 event deleted · 1s":                                        ofStep(jobs.StepEvents, Step{Read: 1, Succeeded: 1, Seconds: 1}),
		"✓ fan-out  1,204 events · 1s":                                           ofStep(jobs.StepFanOut, Step{Read: 1204, Succeeded: 1204, Seconds: 1}),
		"✓ reconcile  3 orders · 1 completed · 2 failed · 1m20s":                 ofStep(jobs.StepReconcile, Step{Read: 3, Succeeded: 1, Declined: 2, Seconds: 80}),
		"✓ retry-1  2 put off without a charge · 0.1s":                           ofStep("retry-1", Step{Due: 2, moved: 2, Seconds: 0.1}),
		"✓ retry-1  1 put off without a charge · 1 void without a charge · 0.1s": ofStep("retry-1", Step{Due: -1, moved: 1, ended: 1, Seconds: 0.1}),
		"✓ issue    2 changed as planned · 0.1s":                                 ofStep(jobs.StepIssue, Step{Due: 1, changed: 2, Seconds: 0.1}),
		"✓ issue    4 invoices · 1 changed as planned · 0.1s":                    ofStep(jobs.StepIssue, Step{Read: 4, Succeeded: 4, changed: 1, Seconds: 0.1}),
		"! collect  none of 7 done · 0.1s":                                       ofStep(jobs.StepCollect, Step{Due: 7, Seconds: 0.1}),
	} {
		require.Equal(t, want, v.Line())
	}
	require.Equal(t, "recover, retry-1 to 3, recover-last, retry-5", folded([]string{"recover", "retry-1", "retry-2", "retry-3", "recover-last", "retry-5"}))
}

// What was due and was not done is never said to be nothing.
func TestNothingDueIsCounted(t *testing.T) {
	t.Parallel()
	require.True(t, ofStep(jobs.StepCollect, Step{}).Idle())
	require.True(t, ofStep(jobs.StepRuns, Step{Due: -1}).Idle())
	require.False(t, ofStep(jobs.StepCollect, Step{Due: 3}).Idle())
	require.False(t, ofStep(jobs.StepCollect, Step{Due: -1, moved: 3}).Idle())
	require.False(t, ofStep(jobs.StepIssue, Step{Due: -1, changed: 1}).Idle())
	require.False(t, ofStep(jobs.StepCollect, Step{Status: string(batch.Failed)}).Idle())
	require.False(t, ofStep(jobs.StepCollect, Step{Read: 1}).Idle())
}
