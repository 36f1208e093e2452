package outside

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"duly/internal/gateway"
	"duly/internal/gateway/contract"
	"duly/internal/gateway/gatewaytest"
	"duly/internal/payment"
	"duly/internal/redact"
)

// Suite is the part of the conformance suite that needs no more of a provider than its API: a real service is held to its contract by what it
// answers. The suite loses answers at its own socket; the faults of a provider it cannot plant.
type Suite struct {
	// Provider is whose API it is; zero: docs/payments-api.yaml.
	Provider Provider
	// Gateway is what is tried. Its client has Wire around its transport.
	Gateway gateway.Gateway
	// Stranger is the same service with a token that is none; nil: that is not checked.
	Stranger gateway.Gateway
	Wire     *contract.Wire
	// Methods are payment methods of which it is known what becomes of their charges.
	Methods                   map[gatewaytest.Behaviour]string
	Customer, GatewayCustomer string
	// Money is what each payment is of: 3 minor units at least, since some of it is refunded in parts.
	Money payment.Money
	// Prefix begins every key and reference, so that no two runs of the suite meet. At most 20 bytes.
	Prefix string
	// Now is the time.
	Now func() time.Time
	// Within is how long all takes at most, and Patience how long a payment may be pending.
	Within, Patience time.Duration
	// Poll is how long is waited between two look-ups of the same payment.
	Poll time.Duration
	// Left, if not nil, has at any moment what would be left at the gateway if the suite ended then.
	Left *Left
	// Done, if not nil, is called with each result at once.
	Done func(Result)
}

// State is what a rule came to.
type State string

// The states of a rule.
const (
	Holds      State = "holds"
	Broken     State = "broken"
	NotChecked State = "not_checked"
)

// Result is what one rule came to.
type Result struct {
	Rule  string `json:"rule"`
	State State  `json:"state"`
	// Detail is what was found, or why it was not checked.
	Detail string `json:"detail,omitempty"`
	// Sentence is the one of the contract that is broken, and Exchange where that is seen.
	Sentence contract.Sentence `json:"sentence,omitempty"`
	// Source is where a provider says so; empty: docs/payments-api.yaml.
	Source   string             `json:"source,omitempty"`
	Exchange *contract.Exchange `json:"exchange,omitempty"`
	// Method names what would have it checked; empty: no payment method would.
	Method string `json:"method,omitempty"`
}

// Report is what all rules came to.
type Report struct {
	Results []Result `json:"results"`
	// Payments were begun, and Refunded of them given back at the end. Kept are those that are not.
	Payments int      `json:"payments"`
	Refunded int      `json:"refunded"`
	Kept     []string `json:"kept"`
}

// Count is how many rules came to a state.
func (r Report) Count(s State) int {
	n := 0
	for _, result := range r.Results {
		if result.State == s {
			n++
		}
	}
	return n
}

// MostPayments is how many payments [Suite.Run] begins at most.
const MostPayments = 30

// cleaning is how much of Within is kept for giving money back.
const cleaning = time.Minute

// outsideRule is a rule that can be checked from outside.
type outsideRule struct {
	name string
	// sentence is broken where the check names none.
	sentence contract.Sentence
	// needs is the behaviour of a method without which it is not checked; empty: none.
	needs gatewaytest.Behaviour
	// excused says why a gateway with such capabilities is not held to it; empty: it is.
	excused func(gateway.Capabilities) string
	// rests: it rests on charges that succeed.
	rests bool
	// bodies: its answers are compared with the contract field by field, also where the client copes with them.
	bodies bool
	run    func(ctx context.Context, o *session) error
}

// session is a run of the suite.
type session struct {
	Suite

	target *gatewaytest.Target
	able   gateway.Capabilities
	began  time.Time
	gate   error // why charges do not succeed
	listed bool  // the list has shown what was paid

	mu   sync.Mutex
	made []*made
	ids  map[string]bool // of payments that the suite made
}

// made is a charge that the suite began.
type made struct {
	*gatewaytest.Probe

	behaviour gatewaytest.Behaviour
	others    []string     // ids that the service gave under the same key
	receipts  []string     // of movements of money that no id leads to
	last      payment.Kind // what the last request came to
	unshown   string       // why the look-up does not show the success that was answered
}

// errMost ends a suite that begins more payments than it said.
var errMost = fmt.Errorf("the suite begins %d payments at most", MostPayments)

// Start begins a charge, and counts it.
func (o *session) Start(name string, b gatewaytest.Behaviour) (*made, error) {
	probe, err := o.target.Start(name, b)
	if err != nil {
		return nil, err
	}
	p := &made{Probe: probe, behaviour: b}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.made) >= MostPayments {
		return nil, errMost
	}
	o.made = append(o.made, p)
	return p, nil
}

// Reach says why there is nothing to check: the service does not answer, or it refuses the token.
func (s Suite) Reach(ctx context.Context) error {
	s.Wire.Begin()
	look := s.Gateway.Look(ctx, payment.Ref{ID: s.Provider.absentID(), RequestID: "conformance"})
	last := s.Wire.Last()
	switch {
	case look.Misconfigured:
		return fmt.Errorf("%w: %s", gateway.ErrMisconfigured, look.Reason)
	case last == nil || last.Status == 0:
		return errors.New(look.Reason)
	}
	return nil
}

// Run checks every rule, and gives back what was paid. It takes as long as Within at most.
func (s Suite) Run(ctx context.Context) Report {
	if s.Left != nil {
		s.Gateway = watched{s.Gateway, s.Left}
	}
	o := &session{Suite: s, able: s.Gateway.Capabilities(), began: s.Now(), ids: map[string]bool{}}
	o.target = &gatewaytest.Target{
		Gateway: s.Gateway, Method: func(b gatewaytest.Behaviour) string { return s.Methods[b] }, Customer: s.Customer, GatewayCustomer: s.GatewayCustomer,
		Money: s.Money, Prefix: s.Prefix, Traits: s.Provider.Traits,
	}
	limited, cancel := context.WithTimeout(ctx, max(s.Within-cleaning, s.Within/2))
	defer cancel()
	var r Report
	for _, rule := range outsideRules(s.Provider) {
		o.add(&r, o.check(limited, rule))
	}
	for _, result := range slices.Concat(unplantable(), s.Provider.notSeen()) {
		o.add(&r, result)
	}
	o.refundEverything(ctx, &r)
	return r
}

func (o *session) add(r *Report, result Result) {
	r.Results = append(r.Results, result)
	if o.Done != nil {
		o.Done(result)
	}
}

// check is what one rule comes to.
func (o *session) check(ctx context.Context, rule outsideRule) Result {
	result := Result{Rule: rule.name, State: NotChecked}
	if result.Detail, result.Method = o.unchecked(ctx, rule); result.Detail != "" {
		return result
	}
	o.Wire.Begin()
	err := rule.run(ctx, o)
	if errors.Is(err, gatewaytest.ErrNotOffered) {
		result.Detail = err.Error()
		return result
	}
	if cannot, ok := errors.AsType[cannotError](err); ok {
		result.Detail = cannot.Error()
		return result
	}
	if seen := o.Wire.Broken(); seen != nil && (err != nil || rule.bodies) {
		err = seen // a body that is none explains what the client makes of it
	}
	switch {
	case err == nil:
		result.State = Holds
		return result
	case ctx.Err() != nil:
		result.Detail = o.late(ctx)
		return result
	}
	b, ok := errors.AsType[*contract.Error](err)
	if !ok {
		b = &contract.Error{Sentence: rule.sentence, Found: err.Error()}
	}
	exchange := cmp.Or(b.At, o.Wire.Last()).Shown(o.secrets())
	result.State, result.Exchange = Broken, exchange
	result.Sentence, result.Source = o.Provider.says(b.Sentence)
	result.Detail = redact.NewPrivate(o.secrets(), nil).String(err.Error())
	return result
}

// secrets are values that nobody is shown.
func (o *session) secrets() []string {
	return append(slices.Collect(maps.Values(o.Methods)), o.Customer, o.GatewayCustomer)
}

// unchecked says why a rule is not checked, and which method would have it checked; empty: it is.
func (o *session) unchecked(ctx context.Context, rule outsideRule) (why, method string) {
	if why := o.Provider.Cannot[rule.name]; why != "" {
		return cannotError(why).Error(), ""
	}
	if rule.excused != nil {
		if why := rule.excused(o.able); why != "" {
			return why, ""
		}
	}
	switch {
	case ctx.Err() != nil:
		return o.late(ctx), ""
	case rule.needs != "" && o.Methods[rule.needs] == "":
		return "no such payment method is named", methodOf(rule.needs)
	case rule.rests && o.gate != nil:
		return "it rests on a charge that succeeds: " + o.gate.Error(), ""
	}
	return "", ""
}

// late says why nothing more is checked.
func (o *session) late(ctx context.Context) string {
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return fmt.Sprintf("out of time: %s at most", o.Within)
	}
	return "stopped"
}

// unplantable are the rules of the suite that need control of the provider's side.
func unplantable() []Result {
	var faults []string
	seen := []gatewaytest.Behaviour{
		gatewaytest.DropsAfter, gatewaytest.ChangesAmount, gatewaytest.ChangesCurrency, gatewaytest.ChangesCustomer, gatewaytest.ChangesReference,
	}
	for _, b := range gatewaytest.Behaviours() {
		if methodOf(b) == "" && !slices.Contains(seen, b) {
			faults = append(faults, string(b))
		}
	}
	return []Result{
		{Rule: "faults of the service", State: NotChecked, Detail: "nobody can plant them from outside: " + strings.Join(faults, ", ")},
		{Rule: "what time changes", State: NotChecked, Detail: "it takes longer than the suite: keys that are forgotten, look-ups that outlive them, requests that arrive late"},
	}
}
