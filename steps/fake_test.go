package steps_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"duly/internal/billing"
	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/steps"
)

const (
	keyLife = 24 * time.Hour
	longest = 2 * time.Minute
	timeout = 30 * time.Second
)

// provider is a gateway that answers as it is told and counts what it is asked.
type provider struct {
	gateway.Gateway // nil: what no test of ours asks for

	abilities gateway.Capabilities
	charge    payment.Outcome
	found     gateway.Finding

	mu      sync.Mutex
	sent    []payment.Charge
	looked  int
	refused int // by the guard
}

func ordinary() *provider {
	return &provider{
		abilities: gateway.Capabilities{KeyLife: keyLife, LongestRequest: longest, Timeout: timeout, FindByKey: true, LookupOutlivesKey: true},
		charge:    payment.Outcome{Kind: payment.Paid},
	}
}

func (p *provider) Capabilities() gateway.Capabilities { return p.abilities }

func (p *provider) Charge(ctx context.Context, c payment.Charge) payment.Outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := gateway.CheckGuard(ctx); err != nil {
		p.refused++
		return payment.Outcome{Kind: payment.NotExecuted, Reason: err.Error()}
	}
	p.sent = append(p.sent, c)
	return p.charge
}

func (p *provider) Find(context.Context, payment.Charge, string) gateway.Finding {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looked++
	return p.found
}

func (p *provider) Ping(context.Context) error { return nil }

func (p *provider) Close() {}

// gateways has p under the name main, used without repeats.
func gateways(t *testing.T, p *provider) steps.Gateways {
	t.Helper()
	paced := gateway.Limit("main", p, gateway.Limits{Tries: 1, Now: time.Now})
	t.Cleanup(paced.Close)
	return steps.Gateways{"main": paced}
}

// claimed is an attempt of that age.
func claimed(age time.Duration) billing.Claimed {
	return billing.Claimed{
		Attempt: billing.Attempt{ID: 1, No: 1, Gateway: "main", Charge: payment.Charge{Key: "sub_1_20260131-1", Reference: "sub_1_20260131"}},
		Age:     age, At: time.Now(), Chargeable: true,
	}
}
