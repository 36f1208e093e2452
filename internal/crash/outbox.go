package crash

// The points of the delivery of events: giving a sink its deliveries, claiming them, sending, and settling.
const (
	FanBeforeCommit     Point = "outbox-fan.before-commit"
	FanAfterCommit      Point = "outbox-fan.after-commit"
	MarkBeforeCommit    Point = "outbox-mark.before-commit"
	MarkAfterCommit     Point = "outbox-mark.after-commit"
	DeliverClaimBefore  Point = "outbox-claim.before-commit"
	DeliverClaimAfter   Point = "outbox-claim.after-commit"
	DeliverBeforeSend   Point = "deliver.before-send"
	DeliverAnswered     Point = "deliver.answered"
	DeliverSettleBefore Point = "outbox.before-commit"
	DeliverSettleAfter  Point = "outbox.after-commit"
)

// OutboxPoints lists the points of the outbox job, in the order in which an event meets them.
func OutboxPoints() []Point {
	return []Point{
		FanBeforeCommit, FanAfterCommit, MarkBeforeCommit, MarkAfterCommit, DeliverClaimBefore, DeliverClaimAfter,
		DeliverBeforeSend, DeliverAnswered, DeliverSettleBefore, DeliverSettleAfter,
	}
}
