package page

import (
	"strconv"
	"strings"

	"duly/internal/report"
	"duly/jobs"
)

// chargeWords are those of the steps that charge; what is not a step of any job is taken for one of them.
func chargeWords(label string) report.Words {
	return report.Words{
		Kind: report.Charges, Label: label, Unit: "charges", Succeeded: "paid", Declined: "declined", Released: "released", InDoubt: "in doubt",
		Rejected: "rejected", Review: "to review",
	}
}

// knownSteps are the words of the steps, beside the retries.
func knownSteps() map[string]report.Words {
	const matched, differ, open, found = "matched the gateway", "differed", "not settled yet", "new findings"
	deleted := report.Words{Unit: "rows", Succeeded: "deleted"}
	return map[string]report.Words{
		jobs.StepRecover:     chargeWords("in doubt before"),
		jobs.StepRecoverLast: chargeWords("in doubt in this run"),
		jobs.StepCollect:     chargeWords("due date"),
		jobs.StepIssue:       {Unit: "subscriptions", Succeeded: "invoiced", Declined: "ended", Released: "not invoiced", InDoubt: "in doubt", Rejected: "rejected", Review: "to review"},
		jobs.StepReconcile:   {Kind: report.Orders, Unit: "orders", Succeeded: "completed", Declined: "failed", Released: "for a later check", InDoubt: "to check again", Rejected: "rejected", Review: "to review"},
		jobs.StepRefund:      {Kind: report.Refunds, Unit: "orders", Succeeded: "refunded", Declined: "nothing to refund", Released: "not or partly refunded", InDoubt: "to try again", Rejected: "rejected", Review: "to review"},
		jobs.StepFanOut:      {Unit: "new events", Succeeded: "queued", Released: "not queued"},
		jobs.StepDeliver:     {Unit: "deliveries", Succeeded: "delivered", Released: "not tried", InDoubt: "to try again", Review: "undeliverable"},
		jobs.StepMatch:       {Kind: report.Audits, Unit: "payments", Succeeded: matched, Declined: differ, InDoubt: open, Review: found},
		jobs.StepLookUp:      {Kind: report.Audits, Unit: "payments", Succeeded: matched, Declined: differ, InDoubt: open, Review: found},
		jobs.StepReport:      {Unit: "days", Succeeded: "computed"},
		jobs.StepRuns:        deleted,
		jobs.StepFirings:     deleted,
		jobs.StepEvents:      deleted,
	}
}

// stepWords are the words of a step for a page.
func stepWords(step string) report.Words {
	words, known := knownSteps()[step]
	if !known {
		words = chargeWords(step)
	}
	if stage, retry := strings.CutPrefix(step, jobs.StepRetry); retry {
		if n, err := strconv.Atoi(stage); err == nil {
			words.Label = "retry " + strconv.Itoa(n)
		}
	}
	return words.Complete()
}
