package crash

// The points of the audit.
const (
	WindowBeforeCommit   Point = "window.before-commit"
	WindowAfterCommit    Point = "window.after-commit"
	FindingsBeforeCommit Point = "findings.before-commit"
	FindingsAfterCommit  Point = "findings.after-commit"
	AuditedBeforeCommit  Point = "audited.before-commit"
	AuditedAfterCommit   Point = "audited.after-commit"
)

// AuditPoints lists the points of the audit.
func AuditPoints() []Point {
	return []Point{
		WindowBeforeCommit, WindowAfterCommit, FindingsBeforeCommit, FindingsAfterCommit, AuditedBeforeCommit, AuditedAfterCommit,
	}
}
