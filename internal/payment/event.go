package payment

// Event tells others of a change. It is written in the transaction of the change itself.
type Event struct {
	Type    string
	Subject string // subscription:42, order:7
	// Dedupe is the event's business identity: two of one identity are one event.
	Dedupe  string
	Payload any // encoded as JSON
}
