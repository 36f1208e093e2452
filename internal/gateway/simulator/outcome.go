package simulator

import (
	"slices"

	"duly/internal/payment"
)

// result is one way in which a charge can end.
type result struct {
	name    string
	status  payment.Status // "": refused with code, nothing is executed
	decline payment.Decline
	code    int
	alter   func(*request) // makes the payment another than the one asked for
	undone  bool           // somebody gives the money back right after it was taken
	renewed string         // the method that replaces the one that was charged
}

// results in their order of number; a number fits in a byte of a record.
var results = []result{ //nolint:gochecknoglobals // a constant table
	{name: "ok", status: payment.Succeeded},
	declined("soft", payment.Soft, "do_not_honor", "05"),
	declined("insufficient_funds", payment.Soft, "insufficient_funds", "51"),
	declined("limit_exceeded", payment.Soft, "limit_exceeded", "61"),
	declined("hard", payment.Hard, "lost_card", "41"),
	declined("stolen_card", payment.Hard, "stolen_card", "43"),
	declined("closed_account", payment.Hard, "closed_account", "46"),
	declined("action", payment.Action, "authentication_required", ""),
	declined("expired_card", payment.Action, "expired_card", "54"),
	declined("try_later", "", "try_again_later", ""),
	declined("processing_error", "", "processing_error", "96"),
	declined("unknown_code", "", "moon_in_wrong_phase", ""),
	{name: "pending", status: payment.Pending},
	{name: "canceled", status: payment.Canceled},
	{name: "refunded", status: payment.Succeeded, undone: true},
	{name: "reject", code: 400},
	{name: "unauthorized", code: 401},
	{name: "forbidden", code: 403},
	{name: "wrong_amount", status: payment.Succeeded, alter: func(r *request) { r.amount++ }},
	{name: "wrong_currency", status: payment.Succeeded, alter: func(r *request) { r.currency = otherCurrency(r.currency) }},
	{name: "wrong_customer", status: payment.Succeeded, alter: func(r *request) { r.customer += "-other" }},
	{name: "wrong_gateway_customer", status: payment.Succeeded, alter: func(r *request) { r.gatewayCustomer += "-other" }},
	{name: "wrong_reference", status: payment.Succeeded, alter: func(r *request) { r.reference += "-other" }},
	advised("advice03", "03"),
	advised("advice25", "25"),
	{name: "renewed", status: payment.Succeeded, renewed: "pm_ok:renewed"},
}

func declined(name string, class payment.Class, code, network string) result {
	return result{name: name, status: payment.Declined, decline: payment.Decline{
		Class: class, Code: code, NetworkCode: network, Message: "declined: " + code,
	}}
}

// advised is a soft decline of a Mastercard with a merchant advice code.
func advised(name, advice string) result {
	r := declined(name, payment.Soft, "do_not_honor", "05")
	r.decline.AdviceCode, r.decline.Network = advice, payment.Mastercard
	return r
}

func otherCurrency(currency string) string {
	if currency == "USD" {
		return "EUR"
	}
	return "USD"
}

// outcome is a place in the table of results; its zero value is success.
type outcome uint8

func outcomeByName(name string) (outcome, bool) {
	i := slices.IndexFunc(results, func(r result) bool { return r.name == name })
	return outcome(max(i, 0)), i >= 0 //nolint:gosec // the table has a few dozen rows
}

func (o outcome) result() result { return results[o] }

// list gives the shares in the order of drawn.
func (s Shares) list() []float64 {
	return []float64{s.Soft, s.Hard, s.Action, s.TryLater, s.Pending, s.Canceled, s.Reject}
}

// draw picks an outcome by u, evenly distributed in [0,1).
func (s Shares) draw(u float64) outcome {
	names := []string{"soft", "hard", "action", "try_later", "pending", "canceled", "reject"}
	if i := pick(s.list(), 1, u); i >= 0 {
		o, _ := outcomeByName(names[i])
		return o
	}
	return 0
}
