package outside

import (
	"fmt"
	"strings"

	"duly/internal/gateway/contract"
	"duly/internal/gateway/gatewaytest"
)

// Provider is a provider whose own API the suite is run over, by the results of its adapter. The zero value is docs/payments-api.yaml.
type Provider struct {
	// API is how its requests and answers are read.
	API contract.API
	// Traits are how it differs from docs/payments-api.yaml.
	Traits gatewaytest.Traits
	// UnknownID is an id that no payment has, in the form that the provider takes.
	UnknownID string
	// GatewayCustomer is what the second identifier of a payment method is; empty: a method has none.
	GatewayCustomer string
	// Steps are the minor units that amounts of some currencies come in; 1 for the others.
	Steps map[string]int64
	// Promises are what it documents, instead of what duly expects of every provider.
	Promises map[contract.Sentence]Promise
	// Cannot says of rules why they cannot be shown at it.
	Cannot map[string]string
	// Unseen are rules that nobody can check from outside, with why.
	Unseen []Result
}

// Promise is what a provider documents, in our words, and where.
type Promise struct {
	Text   contract.Sentence
	Source string
}

// ProviderOf is the provider of a type of gateways, by its name in the configuration.
func ProviderOf(kind string) Provider {
	p := map[string]func() Provider{"portone": portOne, "toss": toss, "stripe": stripe, "kakaopay": kakaoPay}[kind]
	if p == nil {
		return Provider{}
	}
	known := p()
	known.Traits = gatewaytest.TraitsOf(kind)
	return known
}

// none reports whether p is no provider: the service speaks docs/payments-api.yaml.
func (p Provider) none() bool { return p.API.Provider == "" }

// absentID is an id that no payment has.
func (p Provider) absentID() string {
	if p.UnknownID == "" {
		return "no-such-payment"
	}
	return p.UnknownID
}

// want is what an answer should have been: of a provider, whose statuses differ, in general words.
func (p Provider) want(contract, general string) string {
	if p.none() {
		return contract
	}
	return general
}

// says is the sentence that is broken, and where it stands.
func (p Provider) says(s contract.Sentence) (sentence contract.Sentence, source string) {
	if p.none() {
		return s, ""
	}
	if own, ok := p.Promises[s]; ok {
		return own.Text, own.Source
	}
	if general, ok := expected()[s]; ok {
		return general, "docs/protocol.md: what duly needs of every provider"
	}
	return s, "docs/payments-api.yaml"
}

// notSeen are rules that cannot be shown at p, beside those that no service can be shown to keep.
func (p Provider) notSeen() []Result {
	var all []Result
	for _, r := range p.Unseen {
		r.State, r.Detail = NotChecked, cannotError(r.Detail).Error()
		all = append(all, r)
	}
	return all
}

// CannotBeShown begins the detail of a rule that cannot be judged at an account, whatever is named.
const CannotBeShown = "cannot be shown here: "

// cannotError says why a rule cannot be judged at this account.
type cannotError string

func (e cannotError) Error() string { return CannotBeShown + string(e) }

// cannot says the same of several rules.
func cannot(all map[string]string, why string, rules ...string) {
	for _, rule := range rules {
		all[rule] = why
	}
}

// step is the smallest amount of the suite's currency.
func (s Suite) step() int64 {
	if step := s.Provider.Steps[s.Money.Currency]; step > 0 {
		return step
	}
	return 1
}

// part is about a third of what is paid.
func (s Suite) part() int64 {
	const parts = 3
	return s.Money.Amount / parts / s.step() * s.step()
}

// Problem says why the suite cannot run with what was asked for; empty: it can.
func (s Suite) Problem() string {
	const parts = 3
	switch step := s.step(); {
	case s.Money.Amount < parts*step:
		return fmt.Sprintf("--amount %d --currency %s: give %d minor units or more: a payment is refunded in three parts", s.Money.Amount, s.Money.Currency, parts*step)
	case s.Money.Amount%step != 0:
		return fmt.Sprintf("--amount %d --currency %s: give a multiple of %d", s.Money.Amount, s.Money.Currency, step)
	case s.Provider.GatewayCustomer != "" && strings.TrimSpace(s.GatewayCustomer) == "":
		return fmt.Sprintf("%s charges a payment method only together with %s: give it as --gateway-customer", s.Provider.API.Provider, s.Provider.GatewayCustomer)
	}
	return ""
}
