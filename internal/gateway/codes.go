package gateway

// Code is one answer of a provider, with what an adapter makes of it, for people.
type Code struct {
	// Code is as the provider writes it; a * stands for any text.
	Code string `json:"code"`
	// Status is the HTTP status that it comes with; 0: it is part of a record.
	Status int `json:"status,omitempty"`
	// Of is what it answers: "charge", "refund", or "record" for the reason of a payment that failed.
	Of string `json:"of"`
	// Class is what the adapter takes it for, as a word.
	Class string `json:"class"`
	// Meaning is what it says, in a few words.
	Meaning string `json:"meaning"`
	// Source is where it was read.
	Source string `json:"source"`
	// Certainty is A for what the provider's own page or specification says, B for a copy of it, third-party code or a measurement, C for
	// general knowledge. It is that of the code: the class is always the adapter's own.
	Certainty string `json:"certainty"`
}
