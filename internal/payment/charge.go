package payment

import "time"

// Charge is all that the body of a charge request is made of, as it was committed with the attempt.
// Two sends of one Charge have the same bytes.
type Charge struct {
	Key        string // idempotency key, stable for one attempt
	Reference  string // what is paid for, e.g. sub_42_20260131
	CustomerID string
	Method     string // the stored payment method; a secret, never logged
	// GatewayCustomer is the second identifier of the method, where the provider has two (Stripe's cus_…, Toss's customerKey, KakaoPay's
	// partner_user_id); may be empty. It is as private as the method.
	GatewayCustomer string
	MethodType      string // "card", "kakaopay", …; may be empty
	Description     string // may be empty
	Money           Money
	// BodyVersion is the layout of the body that this attempt was begun with. An adapter keeps every
	// version that it ever wrote, so that a newer program repeats an older one's bytes.
	BodyVersion int
	// RequestID is for both sides' logs. It is a header, not part of the body.
	RequestID string
}

// BodyVersion is the layout that a new attempt is begun with: 2 where it has a [Charge.GatewayCustomer], which version 1 lacks, else 1. So
// a program that knows version 1 alone never sends one key with two bodies: it refuses to send an attempt whose body it does not know.
func BodyVersion(gatewayCustomer string) int {
	if gatewayCustomer == "" {
		return 1
	}
	return 2
}

// Status is what a gateway says of a payment.
type Status string

// The statuses of the payments API.
const (
	Pending   Status = "pending"
	Succeeded Status = "succeeded"
	Declined  Status = "declined"
	Canceled  Status = "canceled"
)

// Payment is a gateway's record of a charge.
type Payment struct {
	ID         string
	Status     Status
	Key        string
	Reference  string
	CustomerID string
	// CustomerUnknown: the gateway keeps no customer of the shop's with a payment, so that CustomerID is empty and proves nothing. A gateway
	// that keeps them, and shows none, shows somebody else's payment.
	CustomerUnknown bool
	// GatewayCustomer is the second identifier of the method that was charged; empty if the gateway does not show it.
	GatewayCustomer string
	// ForeignChannel is the channel that p was made through, where that is none of ours and took no money; empty: it is ours, or the gateway has
	// none. Key, Reference and CustomerID then say nothing.
	ForeignChannel string
	Money          Money
	Refunded       int64 // minor units
	Decline        Decline
	NewMethod      string    // replaces the method that was charged; a secret, never logged; empty: the method stays
	CreatedAt      time.Time // by the gateway's clock; zero if it did not say
}

// TookNone reports whether p has ended without money taken.
func (p Payment) TookNone() bool { return p.Status == Declined || p.Status == Canceled }

// ChannelField names the foreign channel of a payment, as the field that differs.
func (p Payment) ChannelField() string { return "test channel " + p.ForeignChannel }

// IsOf reports whether p is of that customer of the shop's, as far as its gateway knows.
func (p Payment) IsOf(customer string) bool { return p.CustomerUnknown || p.CustomerID == customer }

// Proven reports whether p is the record of c itself, whatever its money: key, reference and customer are c's. Only the
// id of such a record may be stored as the id of c's payment.
func (c Charge) Proven(p Payment) bool {
	return p.ForeignChannel == "" && p.Key == c.Key && p.Reference == c.Reference && p.IsOf(c.CustomerID) && c.sameGatewayCustomer(p)
}

// sameGatewayCustomer reports whether p was taken from the customer of the gateway that c was sent for, as far as both have one: most
// gateways do not show it.
func (c Charge) sameGatewayCustomer(p Payment) bool {
	return c.GatewayCustomer == "" || p.GatewayCustomer == "" || c.GatewayCustomer == p.GatewayCustomer
}

// Mismatch names the first field in which p is not the payment that c asked for, or "" if it is.
// Ids come back after a restore, so a key alone proves nothing.
func (c Charge) Mismatch(p Payment) string {
	switch {
	case p.ForeignChannel != "":
		return p.ChannelField()
	case p.Key != c.Key:
		return "idempotency_key"
	case p.Reference != c.Reference:
		return "reference"
	case !p.IsOf(c.CustomerID):
		return "customer_id"
	case !c.sameGatewayCustomer(p):
		return "gateway_customer"
	case p.Money.Amount != c.Money.Amount:
		return "amount"
	case p.Money.Currency != c.Money.Currency:
		return "currency"
	}
	return ""
}
