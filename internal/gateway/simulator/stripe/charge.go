package stripe

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/plan"
)

// api serves the operations.
type api struct{ s *core.Simulator }

// The names under which duly writes into metadata.
const (
	metaKey       = "duly_key"
	metaReference = "duly_reference"
	metaCustomer  = "duly_customer"
)

func (a api) createPaymentIntent(w http.ResponseWriter, r *http.Request) {
	p, key, sum, err := a.form(r)
	meta := p.metadata()
	name := or(meta[metaKey], or(key, fmt.Sprintf("unnamed-%016x", sum)))
	ch := core.Charge{
		Key: name, Handle: name, Scope: key, Sum: sum, Reference: or(meta[metaReference], name), CustomerID: meta[metaCustomer],
		Method: p.Get("payment_method"), GatewayCustomer: p.Get("customer"), Currency: upper(p.Get("currency")),
	}
	x := extra{description: p.Get("description"), metadata: meta}
	var amountErr, expandErr error
	ch.Amount, _, amountErr = p.whole("amount")
	x.asked = ch.Amount
	x.expand, expandErr = p.expands("latest_charge")
	typesErr := x.readTypes(p)
	ch.Extra = x
	ch.Instead, err = offSession(p, first(err, amountErr, expandErr, checkCreate(p), typesErr, checkAmount(ch)))
	ch.Refusal = invalid(err)
	if ch.Refusal == nil && ch.Amount < least(ch.Currency) { // found while it executes, so that it is kept
		small := failed(http.StatusBadRequest, wireError{Type: invalidRequest, Code: "amount_too_small", Param: "amount", Message: "Amount must convert to at least 50 cents."})
		ch.Refusal = &small
	}
	a.s.Charge(w, r, ch)
}

const longestDescription = 1000

// checkCreate says what is missing or cannot be, but for amounts.
func checkCreate(p params) error {
	confirm, confirmErr := p.flag("confirm")
	err := first(
		p.only("amount", "currency", "customer", "payment_method", "confirm", "off_session", "error_on_requires_action", "description", anyMetadata,
			"payment_method_types[]", "automatic_payment_methods[enabled]", "automatic_payment_methods[allow_redirects]", "expand[]"),
		p.need("amount", "currency", "payment_method"), confirmErr,
	)
	switch {
	case err != nil:
		return err
	case !confirm:
		return wrong("parameter_missing", "confirm", "this stand-in creates and confirms in one request: confirm must be true")
	case p.Has("customer") && p.Get("customer") == "":
		return wrong("parameter_invalid_empty", "customer", "customer must not be empty")
	case utf8.RuneCountInString(p.Get("description")) > longestDescription:
		return wrong("", "description", "description has at most 1000 characters")
	}
	return nil
}

// readTypes reads which payment methods may be used. Those that redirect the customer want a return_url, which nobody can give off session.
func (x *extra) readTypes(p params) error {
	types := p.Values["payment_method_types[]"]
	automatic, err := p.flag("automatic_payment_methods[enabled]")
	err = first(err, p.among("automatic_payment_methods[allow_redirects]", "always", "never"))
	x.automatic = automatic
	switch {
	case err != nil:
		return err
	case automatic && len(types) > 0:
		return wrong("", "payment_method_types", "payment_method_types and automatic_payment_methods exclude each other")
	case !automatic && len(types) == 0, automatic && p.Get("automatic_payment_methods[allow_redirects]") != "never":
		return wrong("parameter_missing", "return_url", "this may redirect the customer: give a return_url, or say which payment methods may be used")
	case slices.ContainsFunc(types, func(t string) bool { return t != card }):
		return wrong("", "payment_method_types", "this stand-in takes cards alone")
	}
	return nil
}

const card = "card"

// offSession reads what becomes of a charge that needs the customer: off session it is declined, else it waits for the customer.
func offSession(p params, err error) (map[string]string, error) {
	off, offErr := p.flag("off_session")
	fail, failErr := p.flag("error_on_requires_action")
	switch err = first(err, offErr, failErr); {
	case fail:
		return map[string]string{plan.OutcomeRequiresAction: plan.OutcomeAction}, err
	case !off:
		return map[string]string{plan.OutcomeAction: plan.OutcomeRequiresAction}, err
	}
	return nil, err
}

var currencies = regexp.MustCompile(`^[a-z]{3}$`)

// upper is a currency as the ledger writes it; empty if it is not three small letters.
func upper(currency string) string {
	if !currencies.MatchString(currency) {
		return ""
	}
	return strings.ToUpper(currency)
}

// checkAmount checks amount and currency. Stripe counts some currencies otherwise than ISO 4217: ISK and UGX with two
// decimals that are zeros, those with three decimals in steps of ten.
func checkAmount(ch core.Charge) error {
	step := int64(1)
	switch ch.Currency {
	case "ISK", "UGX":
		step = 100
	case "BHD", "JOD", "KWD", "OMR", "TND":
		step = 10
	}
	switch {
	case ch.Currency == "":
		return wrong("", "currency", "Invalid currency")
	case ch.Amount < 1 || ch.Amount%step != 0:
		return wrong("parameter_invalid_integer", "amount", fmt.Sprintf("Invalid amount: it must be a positive multiple of %d", step))
	}
	return nil
}

// least is the smallest amount of a currency, in minor units, where it is known.
func least(currency string) int64 {
	if currency == "USD" {
		return 50
	}
	return 1
}
