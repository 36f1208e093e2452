package announce

import "duly/internal/batch"

// JobName is the name of the notices job.
const JobName = "notices"

// The steps of the notices job.
const (
	// StepUpcoming announces the next charges, and warns of methods that expire before them.
	StepUpcoming = "announce"
	// StepWaiting announces the charges of invoices that are due and have no notice yet.
	StepWaiting = "announce-due"
)

// Steps lists the names of the notices job's steps.
func Steps() []string { return []string{StepUpcoming, StepWaiting} }

// Label is the label of its steps.
func Label() batch.Label { return batch.Label{Unit: "notice", Succeeded: "written"} }

// Job notifies the shop of charges before they are made, as the dunning policies say. It charges nothing. wanted reports whether a step is to be run.
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
