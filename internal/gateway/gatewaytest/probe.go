package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// want is what must be made of one answer.
type want struct {
	kinds      []payment.Kind // any of them
	class      payment.Class
	lookUpOnly bool
	failure    bool
	absent     bool // of a look-up
	answered   bool // in a typed final body, where the provider keeps its errors
	orPaid     bool // it may look like a success
	looks      bool // it may be looked up at once
}

func is(k ...payment.Kind) want { return want{kinds: k} }

func (w want) only() want                  { w.lookUpOnly = true; return w }
func (w want) failed() want                { w.failure = true; return w }
func (w want) final() want                 { w.answered = true; return w }
func (w want) of(class payment.Class) want { w.class = class; return w }

// checkCharge holds a charge against w: the answer to its request, and the outcome that the record made of it.
func (w want) checkCharge(raw, o payment.Outcome, able gateway.Capabilities) error {
	undecided := raw.Kind == payment.InDoubt || raw.Kind == payment.Misconfigured
	switch looked := raw.Kind == payment.InDoubt && raw.LookNow; {
	case undecided && raw.Answered != (w.answered && able.KeepsErrors):
		return fmt.Errorf("%s (%s): counted as answered by the provider: %v", raw.Kind, raw.Reason, raw.Answered)
	case w.looks && looked && o.Kind == payment.Paid:
		w.orPaid = true
	case w.looks && looked:
		w.lookUpOnly = o.LookUpOnly
	}
	o.Failure = raw.Failure
	return w.check(o)
}

func (w want) check(o payment.Outcome) error {
	if w.orPaid && o.Kind == payment.Paid {
		w.kinds, w.lookUpOnly = []payment.Kind{payment.Paid}, false
	}
	switch {
	case !slices.Contains(w.kinds, o.Kind):
		return fmt.Errorf("taken for %s (%s), want %v", o.Kind, o.Reason, w.kinds)
	case o.Decline.Class != w.class:
		return fmt.Errorf("declined as %q (code %q), want %q", o.Decline.Class, o.Decline.Code, w.class)
	case o.LookUpOnly != w.lookUpOnly:
		return fmt.Errorf("%s (%s): look-up only is %v", o.Kind, o.Reason, o.LookUpOnly)
	case o.Failure != w.failure:
		return fmt.Errorf("%s (%s): counted as a failure of the gateway: %v", o.Kind, o.Reason, o.Failure)
	case o.Kind == payment.Paid && o.PaymentID == "":
		return fmt.Errorf("paid without the provider's id")
	}
	return nil
}

// Probe is one charge under test.
type Probe struct {
	target *Target
	Charge payment.Charge
	// Able is what the gateway can do.
	Able gateway.Capabilities
	// Sent is how many requests were sent, and ID the payment's id, once it is known.
	Sent int
	ID   string
}

// Start begins a charge of a method that behaves as b says. Name becomes part of its key.
func (t *Target) Start(name string, b Behaviour) (*Probe, error) {
	method := ""
	if t.Method != nil {
		method = t.Method(b)
	}
	if method == "" {
		return nil, fmt.Errorf("%w: a payment method for %q", ErrNotOffered, b)
	}
	return t.Unsent(name, method), nil
}

// plain is a character of a name as it may stand in a key: those of duly's keys are letters, digits, - and _.
func plain(r rune) rune {
	if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_') {
		return r
	}
	return '-'
}

// Unsent is a charge of a method, of which nothing was sent yet.
func (t *Target) Unsent(name, method string) *Probe {
	reference := t.Prefix + strings.Map(plain, name)
	const longest = 60
	reference = reference[:min(len(reference), longest)]
	return &Probe{
		target: t,
		Able:   t.Gateway.Capabilities(),
		Charge: payment.Charge{
			Key:             reference + "-1",
			Reference:       reference,
			CustomerID:      t.Customer,
			Method:          method,
			GatewayCustomer: t.GatewayCustomer,
			MethodType:      "card",
			Description:     "conformance: " + name,
			Money:           t.Money,
			BodyVersion:     payment.BodyVersion(t.GatewayCustomer),
			RequestID:       "conformance",
		},
	}
}

// firstAnswer remembers what a gateway made of the answer to a charge.
type firstAnswer struct {
	gateway.Gateway
	first payment.Outcome
}

func (f *firstAnswer) Charge(ctx context.Context, c payment.Charge) payment.Outcome {
	f.first = f.Gateway.Charge(ctx, c)
	return f.first
}

// request makes one charge request: raw is what the gateway makes of its answer, and o what the limits that every gateway is used within make
// of raw. They look up at once what the record alone can tell, and cancel what the customer could still finish.
func (t *Target) request(ctx context.Context, c payment.Charge) (raw, o payment.Outcome) {
	first := &firstAnswer{Gateway: t.Gateway}
	o, _ = gateway.Limit("conformance", first, gateway.Limits{Tries: 1}).Charge(ctx, c, false)
	if raw = first.first; raw.Kind != payment.InDoubt || !raw.LookNow && !raw.Unfinished {
		o = raw
	}
	return raw, o
}

// send makes one charge request.
func (p *Probe) send(ctx context.Context, w want) error {
	raw, o, err := p.ask(ctx)
	if err == nil {
		err = w.checkCharge(raw, o, p.Able)
	}
	if err != nil {
		return fmt.Errorf("request %d: %w", p.Sent, err)
	}
	return nil
}

// ask makes one charge request, whatever comes of it. The error is that something secret is told.
func (p *Probe) ask(ctx context.Context) (raw, o payment.Outcome, err error) {
	p.Sent++
	raw, o = p.target.request(ctx, p.Charge)
	if o.PaymentID != "" {
		p.ID = o.PaymentID
	}
	return raw, o, errors.Join(p.discreet(raw), p.discreet(o))
}

// find makes one look-up, where there is a way to.
func (p *Probe) find(ctx context.Context, w want) error {
	if !p.Findable() {
		return nil
	}
	f := p.target.Gateway.Find(ctx, p.Charge, p.ID)
	if f.Absent != w.absent {
		return fmt.Errorf("look-up after %d requests: never seen: %v (%s)", p.Sent, f.Absent, f.Outcome.Reason)
	}
	if f.Outcome.Answered {
		return fmt.Errorf("look-up after %d requests: it says that the charge was answered", p.Sent)
	}
	if err := w.check(f.Outcome); err != nil {
		return fmt.Errorf("look-up after %d requests: %w", p.Sent, err)
	}
	return p.discreet(f.Outcome)
}

// Findable reports whether the charge can be looked up.
func (p *Probe) Findable() bool { return p.Able.FindByKey || p.ID != "" }

// discreet checks that nothing secret is told.
func (p *Probe) discreet(o payment.Outcome) error {
	for _, said := range []string{o.Reason, o.PaymentID, o.Decline.Code, o.Decline.NetworkCode, o.Decline.AdviceCode, o.Decline.Message} {
		if strings.Contains(said, p.Charge.Method) {
			return fmt.Errorf("the payment method is told: %q", said)
		}
		if second := p.Charge.GatewayCustomer; second != "" && strings.Contains(said, second) {
			return fmt.Errorf("the second identifier of the payment method is told: %q", said)
		}
	}
	return nil
}

// anyTimes, as the number of payments, is any but several.
const anyTimes = -1

// books checks what the provider recorded: that taken payments took money, that every request arrived as
// often as it was sent, and always with the same bytes.
func (p *Probe) books(ctx context.Context, taken int) error {
	t := p.target
	if err := p.took(ctx, taken); err != nil {
		return err
	}
	if t.Requests != nil {
		if n := t.Requests(p.Charge.Key); n != p.Sent {
			return fmt.Errorf("%d requests arrived of %d sent", n, p.Sent)
		}
	}
	if t.BytesDiffered != nil && t.BytesDiffered(p.Charge.Key) {
		return fmt.Errorf("requests with one key had different bytes")
	}
	return nil
}

// took checks how many payments of the charge took money in the provider's books.
func (p *Probe) took(ctx context.Context, taken int) error {
	if p.target.Books == nil {
		return nil
	}
	payments, err := p.target.Books(ctx, p.Charge.Reference)
	if err != nil {
		return fmt.Errorf("the provider's books: %w", err)
	}
	n := 0
	for _, entry := range payments {
		if entry.Status == payment.Succeeded && entry.Refunded < entry.Money.Amount {
			n++
		}
	}
	if n > 1 {
		return fmt.Errorf("CHARGED %d TIMES for one reference", n)
	}
	if taken != anyTimes && n != taken {
		return fmt.Errorf("%d payments took money, want %d", n, taken)
	}
	return nil
}
