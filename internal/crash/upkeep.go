package crash

// The points of the jobs that report and clear up.
const (
	ReportBeforeCommit Point = "report.before-commit"
	ReportAfterCommit  Point = "report.after-commit"
	PruneBeforeCommit  Point = "prune.before-commit"
	PruneAfterCommit   Point = "prune.after-commit"
)

// UpkeepPoints lists the points of the jobs that report and clear up.
func UpkeepPoints() []Point {
	return []Point{ReportBeforeCommit, ReportAfterCommit, PruneBeforeCommit, PruneAfterCommit}
}
