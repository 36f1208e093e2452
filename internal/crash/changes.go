package crash

// ChangesWritten is the point at which planned changes are written, in a transaction that goes on to issue or to claim.
const ChangesWritten Point = "changes.written"

// ChangesPoints lists the points of the transactions that apply planned changes.
func ChangesPoints() []Point {
	return []Point{
		ChangesWritten, IssueBeforeCommit, IssueAfterCommit, IssueClaimBeforeCommit, IssueClaimAfterCommit, ClaimBeforeCommit, ClaimAfterCommit,
	}
}
