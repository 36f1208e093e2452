package crash

// The points of `duly adopt`. AdoptStatement is met between any two of its statements.
const (
	AdoptStatement    Point = "adopt.statement"
	AdoptBeforeCommit Point = "adopt.before-commit"
	AdoptAfterCommit  Point = "adopt.after-commit"
)
