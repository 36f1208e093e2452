package payment

// Network is the card network that a decline came through.
type Network string

// The networks whose rules are known. The empty Network is none that is known: another one, no card, or a provider that does not say.
const (
	Visa       Network = "visa"
	Mastercard Network = "mastercard"
)
