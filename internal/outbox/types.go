package outbox

import (
	"encoding/json"
	"time"
)

// Status is how the delivery of an event to a sink stands.
type Status string

// The statuses of a delivery.
const (
	Pending   Status = "pending"
	Delivered Status = "delivered"
	Dead      Status = "dead" // given up; it waits for an operator
)

// Event is an event on its way to a sink.
type Event struct {
	ID      uint64
	Type    string
	Subject string
	Dedupe  string // business identity; empty if its writer gave none
	Payload json.RawMessage
	// CreatedAt is when the event was written.
	CreatedAt time.Time
	Tries     int    // that failed so far
	Gone      bool   // the event's row is not there any more
	Null      string // a column that is NULL and must not be, as where the table is a view; empty: none
}

// Claimed is the oldest events of a subject, or of several, that a sink has not got yet, those of each subject in their order. A
// worker owns them until its lease ends.
type Claimed struct {
	Sink    string
	Subject string // of the first event
	Events  []Event
	Lease   [16]byte
}

// Result is what became of claimed events. Those of them without an end were not tried, and are refunded. The payloads are
// dropped.
type Result struct {
	Claimed

	Ends []End
}

// End is how one delivery stands after a try.
type End struct {
	ID     uint64 // of the event
	Status Status
	Tries  int
	At     time.Time // of the next try, while pending; else when it ended
	Reason string    // why it was not delivered
}

// Answer is what one try brought.
type Answer struct {
	Delivered bool
	Reason    string        // if it was not
	After     time.Duration // how long the receiver wants to be left alone; 0: it did not say
	Never     bool          // the event can never be sent
}

// Mark is how far a sink has been given its deliveries: up to Event for good, while Seen was the newest event.
type Mark struct{ Event, Seen uint64 }
