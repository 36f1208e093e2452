package jobs

import (
	"strings"

	"duly/internal/announce"
	"duly/internal/batch"
)

// LabelOf returns the label of a step by its name, for steps of runs that have ended. The zero label stands for a step that this
// version does not know.
func LabelOf(step string) batch.Label {
	if strings.HasPrefix(step, StepRetry) {
		step = StepCollect
	}
	return labels()[step]
}

// labels are the labels of all steps.
func labels() map[string]batch.Label {
	charge := batch.Label{Succeeded: "paid", Rejected: "rejected", Charges: true}
	compare := batch.Label{
		Unit: "payment", Succeeded: "match the gateway", Declined: "differ", InDoubt: "not settled yet",
	}
	hand := batch.Label{Unit: "event", Made: "event", Bookkeeping: true}
	return map[string]batch.Label{
		StepRecover:     charge,
		StepIssue:       {Unit: "subscription", Made: "invoice", Declined: "ended", Bookkeeping: true},
		StepCollect:     charge,
		StepRecoverLast: charge,
		StepReconcile: {
			Unit: "order", Succeeded: "completed", Declined: "failed", Released: "left for a later check", InDoubt: "checked again later",
		},
		StepRefund: {
			Unit: "order", Succeeded: "refunded", Declined: "nothing to refund", Released: "untouched or in part", InDoubt: "tried again later",
			Refunds: true,
		},
		StepFanOut:            hand,
		StepDeliver:           {Unit: "event", Succeeded: "delivered", InDoubt: "tried again later", Review: "given up"},
		announce.StepUpcoming: announce.Label(), announce.StepWaiting: announce.Label(),
		StepReport:  {Unit: "day", Succeeded: "computed"},
		StepMatch:   compare,
		StepLookUp:  compare,
		StepRuns:    {Unit: "run", Succeeded: "deleted"},
		StepFirings: {Unit: "firing", Succeeded: "deleted"},
		StepEvents:  {Unit: "event", Succeeded: "deleted"},
	}
}
