package payment

// Account is a provider account, as it is called under a gateway's configured name. What was sent to one account
// proves nothing about another.
type Account struct {
	Gateway string // the configured name
	Address string // where it is called, in one spelling only
	ID      string // the provider's own id of the account; empty where it tells none
}
