package crash

// The points of making invoices due ahead of a stage, which a run meets only if there are any.
const (
	AdvanceBeforeCommit Point = "advance.before-commit"
	AdvanceAfterCommit  Point = "advance.after-commit"
)
