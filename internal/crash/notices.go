package crash

// The points of the notices job.
const (
	NoticesBeforeCommit Point = "notices.before-commit"
	NoticesAfterCommit  Point = "notices.after-commit"
)

// NoticesPoints lists the points of the notices job.
func NoticesPoints() []Point { return []Point{NoticesBeforeCommit, NoticesAfterCommit} }
