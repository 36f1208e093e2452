package crash

// The points of `duly reopen`. ReopenStatement is met between any two of its statements.
const (
	ReopenStatement    Point = "reopen.statement"
	ReopenBeforeCommit Point = "reopen.before-commit"
	ReopenAfterCommit  Point = "reopen.after-commit"
)
