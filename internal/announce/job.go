package announce

import "duly/internal/batch"

// JobName is the name of the notices job.
const JobName = "notices"

// The steps of the notices job.
const (
	// StepUpcoming tells of charges to come, and of methods that will have expired by then.
	StepUpcoming = "announce"
	// StepWaiting tells of the charges of invoices that are due and wait for a notice that they never had.
	StepWaiting = "announce-due"
)

// Steps lists the names of the notices job's steps.
func Steps() []string { return []string{StepUpcoming, StepWaiting} }

// Label is the label of its steps.
func Label() batch.Label { return batch.Label{Unit: "notice", Succeeded: "written"} }

// Job tells the shop of charges before they are made, as the dunning policies say. It charges nothing. wanted reports whether a step is to be run.
func (r *Run) Job(wanted func(step string) bool) batch.Job {
	job := batch.Job{Name: JobName}
	for _, s := range []batch.Tasklet{
		{StepName: StepUpcoming, StepLabel: Label(), Do: r.Upcoming}, {StepName: StepWaiting, StepLabel: Label(), Do: r.Waiting},
	} {
		if wanted(s.StepName) {
			job.Steps = append(job.Steps, s)
		}
	}
	return job
}
