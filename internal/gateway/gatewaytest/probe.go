package gatewaytest

import (
	"context"
	"fmt"
	"slices"
	"strings"

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
}

func is(k ...payment.Kind) want { return want{kinds: k} }

func (w want) only() want                  { w.lookUpOnly = true; return w }
func (w want) failed() want                { w.failure = true; return w }
func (w want) of(class payment.Class) want { w.class = class; return w }
func (w want) check(o payment.Outcome) error {
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

// probe is one charge under test.
type probe struct {
	target *Target
	charge payment.Charge
	able   gateway.Capabilities
	sent   int // requests
	id     string
	others []string // ids that a service gave under the same key
}

// start begins a charge of a method that behaves as b says. Name becomes part of its key.
func (t *Target) start(name string, b Behaviour) (*probe, error) {
	method := ""
	if t.Method != nil {
		method = t.Method(b)
	}
	if method == "" {
		return nil, fmt.Errorf("%w: a payment method for %q", ErrNotOffered, b)
	}
	return t.unsent(name, method), nil
}

// unsent is a charge of a method, of which nothing was sent yet.
func (t *Target) unsent(name, method string) *probe {
	reference := t.Prefix + strings.ReplaceAll(name, " ", "-")
	const longest = 60
	reference = reference[:min(len(reference), longest)]
	return &probe{
		target: t,
		able:   t.Gateway.Capabilities(),
		charge: payment.Charge{
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

// send makes one charge request.
func (p *probe) send(ctx context.Context, w want) error {
	p.sent++
	o := p.target.Gateway.Charge(ctx, p.charge)
	if o.PaymentID != "" {
		p.id = o.PaymentID
	}
	if err := w.check(o); err != nil {
		return fmt.Errorf("request %d: %w", p.sent, err)
	}
	return p.discreet(o)
}

// find makes one look-up, where there is a way to.
func (p *probe) find(ctx context.Context, w want) error {
	if !p.findable() {
		return nil
	}
	f := p.target.Gateway.Find(ctx, p.charge, p.id)
	if f.Absent != w.absent {
		return fmt.Errorf("look-up after %d requests: never seen: %v (%s)", p.sent, f.Absent, f.Outcome.Reason)
	}
	if err := w.check(f.Outcome); err != nil {
		return fmt.Errorf("look-up after %d requests: %w", p.sent, err)
	}
	return p.discreet(f.Outcome)
}

func (p *probe) findable() bool { return p.able.FindByKey || p.id != "" }

// discreet checks that nothing secret is told.
func (p *probe) discreet(o payment.Outcome) error {
	for _, said := range []string{o.Reason, o.PaymentID, o.Decline.Code, o.Decline.NetworkCode, o.Decline.AdviceCode, o.Decline.Message} {
		if strings.Contains(said, p.charge.Method) {
			return fmt.Errorf("the payment method is told: %q", said)
		}
		if second := p.charge.GatewayCustomer; second != "" && strings.Contains(said, second) {
			return fmt.Errorf("the second identifier of the payment method is told: %q", said)
		}
	}
	return nil
}

// anyTimes, as the number of payments, is any but several.
const anyTimes = -1

// books checks what the provider recorded: that taken payments took money, that every request arrived as
// often as it was sent, and always with the same bytes.
func (p *probe) books(ctx context.Context, taken int) error {
	t := p.target
	if t.Books != nil {
		payments, err := t.Books(ctx, p.charge.Reference)
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
	}
	if t.Requests != nil {
		if n := t.Requests(p.charge.Key); n != p.sent {
			return fmt.Errorf("%d requests arrived of %d sent", n, p.sent)
		}
	}
	if t.BytesDiffered != nil && t.BytesDiffered(p.charge.Key) {
		return fmt.Errorf("requests with one key had different bytes")
	}
	return nil
}
