package crash

// The points of `duly resolve` and `duly requeue`. ResolveStatement is met between any two statements of one that closes an invoice.
const (
	ResolveStatement    Point = "resolve.statement"
	ResolveBeforeCommit Point = "resolve.before-commit"
	ResolveAfterCommit  Point = "resolve.after-commit"
	RequeueBeforeCommit Point = "requeue.before-commit"
	RequeueAfterCommit  Point = "requeue.after-commit"
)
