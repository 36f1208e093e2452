package jobs

const (
	StepCollect = "collect"
	StepEvents  = "events"
)

func Steps() []string { return []string{"collect", StepEvents} }
