package crash

// The points of making invoices due ahead of a stage. A run without such invoices does not reach them.
const (
	AdvanceBeforeCommit Point = "advance.before-commit"
	AdvanceAfterCommit  Point = "advance.after-commit"
)
