package plan

import (
	"slices"

	"duly/internal/payment"
)

// Result is one way in which a charge can end.
type Result struct {
	Name    string
	Status  payment.Status // "": nothing is executed
	Decline payment.Decline
	Refused bool         // the request is refused; the name says why
	Unclear bool         // the answer does not say how it ended
	Alter   func(*Terms) // makes the payment another than the one asked for
	Renewed string       // the method that replaces the one that was charged
	Undone  bool         // somebody gives the money back right after it was taken
}

// Outcomes by which the core or a dialect goes.
const (
	OutcomeReject         = "reject"
	OutcomeUnauthorized   = "unauthorized"
	OutcomeForbidden      = "forbidden"
	OutcomeUnknownMethod  = "unknown_method"
	OutcomeDeletedMethod  = "deleted_method"
	OutcomeWrongCustomer  = "wrong_customer"
	OutcomeWrongReference = "wrong_reference"
	OutcomeNoCode         = "no_code"
	OutcomeRefundLater    = "refund_later"
	OutcomeRefundNever    = "refund_never"
	OutcomeRefundError    = "refund_error"
	OutcomeAction         = "action"
	OutcomeRequiresAction = "requires_action"
	OutcomeWrongAmount    = "wrong_amount"
	OutcomeRenewed        = "renewed"
)

// RenewedMethod replaces the method of a charge that ends by [OutcomeRenewed].
const RenewedMethod = "pm_ok:renewed"

// Terms are what a charge is about.
type Terms struct {
	Reference, CustomerID, GatewayCustomer string
	Amount                                 int64 // minor units
	Currency                               string
}

// results in their order of number; a number fits in a byte of a record.
var results = []Result{ //nolint:gochecknoglobals // a constant table
	{Name: "ok", Status: payment.Succeeded},
	declined("soft", payment.Soft, "do_not_honor", "05"),
	declined("insufficient_funds", payment.Soft, "insufficient_funds", "51"),
	declined("limit_exceeded", payment.Soft, "limit_exceeded", "61"),
	declined("hard", payment.Hard, "lost_card", "41"),
	declined("stolen_card", payment.Hard, "stolen_card", "43"),
	declined("closed_account", payment.Hard, "closed_account", "46"),
	declined(OutcomeAction, payment.Action, "authentication_required", ""),
	declined("expired_card", payment.Action, "expired_card", "54"),
	declined("try_later", "", "try_again_later", ""),
	declined("processing_error", "", "processing_error", "96"),
	declined("unknown_code", "", "moon_in_wrong_phase", ""),
	{Name: "pending", Status: payment.Pending},
	{Name: "canceled", Status: payment.Canceled},
	{Name: "refunded", Status: payment.Succeeded, Undone: true},
	{Name: OutcomeReject, Refused: true},
	{Name: OutcomeUnauthorized, Refused: true},
	{Name: OutcomeForbidden, Refused: true},
	{Name: OutcomeWrongAmount, Status: payment.Succeeded, Alter: func(r *Terms) { r.Amount++ }},
	{Name: "wrong_currency", Status: payment.Succeeded, Alter: func(r *Terms) { r.Currency = otherCurrency(r.Currency) }},
	{Name: OutcomeWrongCustomer, Status: payment.Succeeded, Alter: func(r *Terms) { r.CustomerID += "-other" }},
	{Name: "wrong_gateway_customer", Status: payment.Succeeded, Alter: func(r *Terms) { r.GatewayCustomer += "-other" }},
	{Name: OutcomeWrongReference, Status: payment.Succeeded, Alter: func(r *Terms) { r.Reference += "-other" }},
	{Name: OutcomeUnknownMethod, Refused: true},
	{Name: OutcomeDeletedMethod, Refused: true},
	{Name: "error_paid", Status: payment.Succeeded, Unclear: true},
	unclearly(declined("error_declined", payment.Soft, "insufficient_funds", "51")),
	{Name: "error_nothing"},
	declined(OutcomeNoCode, "", "unspecified", ""),
	advised("advice03", "03"),
	advised("advice25", "25"),
	{Name: OutcomeRenewed, Status: payment.Succeeded},
	{Name: OutcomeRefundLater, Status: payment.Succeeded},
	{Name: OutcomeRefundNever, Status: payment.Succeeded},
	{Name: OutcomeRefundError, Status: payment.Succeeded},
	{Name: OutcomeRequiresAction, Status: payment.Pending},
}

func declined(name string, class payment.Class, code, network string) Result {
	return Result{Name: name, Status: payment.Declined, Decline: payment.Decline{
		Class: class, Code: code, NetworkCode: network, Message: "declined: " + code,
	}}
}

// advised is a soft decline of a Mastercard with a merchant advice code.
func advised(name, advice string) Result {
	r := declined(name, payment.Soft, "do_not_honor", "05")
	r.Decline.AdviceCode, r.Decline.Network = advice, payment.Mastercard
	return r
}

func unclearly(r Result) Result {
	r.Unclear = true
	return r
}

func otherCurrency(currency string) string {
	if currency == "USD" {
		return "EUR"
	}
	return "USD"
}

// Outcome is a place in the table of results; its zero value is success.
type Outcome uint8

// OutcomeByName finds the outcome of a name.
func OutcomeByName(name string) (Outcome, bool) {
	i := slices.IndexFunc(results, func(r Result) bool { return r.Name == name })
	return Outcome(max(i, 0)), i >= 0 //nolint:gosec // the table has a few dozen rows
}

// Result is what o stands for.
func (o Outcome) Result() Result { return results[o] }

// OutcomeOf finds the outcome by which a payment of a status, with a decline code if it has one, has ended.
func OutcomeOf(status payment.Status, declineCode string) (Outcome, bool) {
	i := slices.IndexFunc(results, func(r Result) bool {
		return r.Status == status && r.Alter == nil && !r.Undone && !r.Unclear && (declineCode == "" || r.Decline.Code == declineCode)
	})
	return Outcome(max(i, 0)), i >= 0 //nolint:gosec // the table has a few dozen rows
}

// Outcomes lists the outcomes that a payment method can name after "pm_".
func Outcomes() []string {
	names := make([]string, len(results))
	for i, r := range results {
		names[i] = r.Name
	}
	return names
}

// list gives the shares in the order of drawn.
func (s Shares) list() []float64 {
	return []float64{s.Soft, s.Hard, s.Action, s.TryLater, s.Pending, s.Canceled, s.Reject, s.Unclear}
}

// drawn names the outcomes that shares are of.
func drawn() []string {
	return []string{"soft", "hard", "action", "try_later", "pending", "canceled", "reject", "error_paid", "error_declined", "error_nothing"}
}

// Draw picks an outcome by u, evenly distributed in [0,1).
func (s Shares) Draw(u float64) Outcome {
	names, shares := drawn(), s.list()
	unclear := s.Unclear / 3
	shares = append(shares[:len(shares)-1], unclear, unclear, unclear)
	if i := pick(shares, 1, u); i >= 0 {
		o, _ := OutcomeByName(names[i])
		return o
	}
	return 0
}

// ValidCurrency reports whether s is three capital letters.
func ValidCurrency(s string) bool {
	if len(s) != 3 {
		return false
	}
	for _, c := range s {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}
