package payment

import "strconv"

// Event tells others of a change. It is written in the transaction of the change itself.
type Event struct {
	Type    string
	Subject string // subscription:42, order:7
	// Dedupe is the event's business identity: two of one identity are one event, unless it can occur again.
	Dedupe string
	// Transition: the change is made from another state alone, so that a write that is repeated does not make it twice. An
	// identity that is used belongs to an earlier occurrence, and this is the next one.
	Transition bool
	// Actors are subjects of operator actions, such as invoice:3. Once an operator has acted on one of them since the last
	// event of this identity, it can occur again.
	Actors  []string
	Payload any // encoded as JSON
}

// Repeats reports whether the event can occur more than once.
func (e Event) Repeats() bool { return e.Transition || len(e.Actors) > 0 }

// Occurrence returns the dedupe key of the n-th occurrence, counted from one. The first one has the identity alone.
func (e Event) Occurrence(n int) string {
	if n <= 1 {
		return e.Dedupe
	}
	return e.Dedupe + "#" + strconv.Itoa(n)
}

// SchemaVersion is the version of the schema of a type's payload, as docs/events has it: a payload holds it as schema_version. It goes up
// where a receiver of the version before could read a payload wrongly: a field is gone, or has another type or meaning. A field more
// is no new version.
func SchemaVersion(kind string) int {
	switch kind {
	default:
		return 1
	}
}
