package gatewaytest_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"duly/internal/gateway"
	"duly/internal/gateway/gatewaytest"
	"duly/internal/gateway/portone"
	"duly/internal/gateway/provider"
	"duly/internal/gateway/simulator"
	"duly/internal/gateway/stripe"
	"duly/internal/payment"
	"duly/internal/test/simtarget"
)

// unlike is a provider that differs from docs/payments-api.yaml in most traits, and keeps its errors.
func unlike(t *testing.T) func(gatewaytest.Case) *gatewaytest.Target {
	t.Helper()
	return func(c gatewaytest.Case) *gatewaytest.Target {
		return simtarget.Open(t, simtarget.Options{
			Dialect: "portone", Derive: provider.ID,
			Traits: gatewaytest.TraitsOf("portone"),
			Open: func(p simtarget.Provider) (gateway.Gateway, error) {
				return portone.New(portone.Config{Settings: provider.Settings{
					Name: "main", URL: p.URL, Token: p.Token, Timeout: p.Timeout, ConnectTimeout: 10 * time.Second, KeyLife: 3 * time.Hour,
					LongestRequest: 10 * time.Minute, MaxConns: 10, Now: p.Now,
				}})
			},
		}, c)
	}
}

// finishable is a provider whose charges may wait for their customers.
func finishable(t *testing.T) func(gatewaytest.Case) *gatewaytest.Target {
	t.Helper()
	return func(c gatewaytest.Case) *gatewaytest.Target {
		return simtarget.Open(t, simtarget.Options{
			Dialect: "stripe", GatewayCustomer: "cus_9",
			Traits: gatewaytest.TraitsOf("stripe"),
			Change: func(c *simulator.Config) { c.Pending.For = 30 * time.Minute },
			Open: func(p simtarget.Provider) (gateway.Gateway, error) {
				return stripe.New(stripe.Config{Settings: provider.Settings{
					Name: "main", URL: p.URL, Token: p.Token, Timeout: p.Timeout, ConnectTimeout: 10 * time.Second, KeyLife: 24 * time.Hour,
					LongestRequest: 10 * time.Minute, MaxConns: 10, Now: p.Now,
				}})
			},
		}, c)
	}
}

// A customer who can still pay is charged twice by a gateway that does not see it, or that says it cancelled and did not.
func TestSuiteFindsChargesThatTheCustomerCanFinish(t *testing.T) {
	t.Parallel()
	for name, bug := range map[string]broken{
		"takes it for a decline": {charge: func(ctx context.Context, g gateway.Gateway, c payment.Charge) payment.Outcome {
			o := g.Charge(ctx, c)
			if o.Unfinished {
				o.Kind, o.Unfinished = payment.Refused, false
			}
			return o
		}},
		"does not cancel": {cancel: func(context.Context, gateway.Gateway, payment.Cancel) payment.Reply {
			return payment.Reply{Effect: payment.EffectDone, Payment: &payment.Payment{}}
		}},
	} {
		t.Run(name, func(t *testing.T) { findsBugOf(t, finishable(t), bug, "waiting for its customer") })
	}
}

// What a trait excuses is expected otherwise: a gateway of such a provider that gets it wrong does not pass either.
func TestSuiteFindsBugsBehindTraits(t *testing.T) {
	answers := func(change func(*payment.Outcome)) broken {
		return broken{charge: func(ctx context.Context, g gateway.Gateway, c payment.Charge) payment.Outcome {
			o := g.Charge(ctx, c)
			change(&o)
			return o
		}}
	}
	cancels := func(effect payment.Effect) broken {
		return broken{cancel: func(context.Context, gateway.Gateway, payment.Cancel) payment.Reply {
			return payment.Reply{Effect: effect}
		}}
	}
	var own atomic.Int64
	for name, tc := range map[string]struct {
		bug   broken
		cases []gatewaytest.Behaviour
	}{
		"calls a success without proof paid": {
			broken{charge: func(ctx context.Context, g gateway.Gateway, c payment.Charge) payment.Outcome {
				o := g.Charge(ctx, c)
				if o.LookNow {
					return payment.Outcome{Kind: payment.Paid, PaymentID: provider.ID(c.Key)}
				}
				return o
			}},
			[]gatewaytest.Behaviour{"one key, an hour later", gatewaytest.DeclinesUnknown, "errors of the provider's own", "unreadable answers"},
		},
		"never looks at once": {
			answers(func(o *payment.Outcome) { o.LookNow = false }),
			[]gatewaytest.Behaviour{"one key, an hour later", gatewaytest.DeclinesUnknown},
		},
		"counts no error as an answer": {
			answers(func(o *payment.Outcome) { o.Answered = false }),
			[]gatewaytest.Behaviour{gatewaytest.DeclinesUnknown, gatewaytest.RefusesCredentials, gatewaytest.ForbidsAccount, "errors of the provider's own"},
		},
		"counts everything as an answer": {
			answers(func(o *payment.Outcome) { o.Answered = true }),
			[]gatewaytest.Behaviour{
				gatewaytest.DropsAfter, gatewaytest.Fails5xxAfter, gatewaytest.GarblesAfter, gatewaytest.HalvesAnswer, gatewaytest.ConflictsAfter,
				gatewaytest.SaysEmpty400After, "errors of the provider's own", "unreadable answers",
			},
		},
		"sends again what is kept": {
			answers(func(o *payment.Outcome) { o.LookUpOnly = false }),
			[]gatewaytest.Behaviour{"errors of the provider's own"},
		},
		"takes errors for declines": {
			answers(func(o *payment.Outcome) {
				if o.Answered && o.Kind == payment.InDoubt {
					o.Kind, o.Decline.Class = payment.Refused, payment.Soft
				}
			}),
			[]gatewaytest.Behaviour{"errors of the provider's own"},
		},
		"believes a 503": {
			answers(func(o *payment.Outcome) {
				if o.Kind == payment.InDoubt && o.Failure {
					o.Kind = payment.NotExecuted
				}
			}),
			[]gatewaytest.Behaviour{gatewaytest.SaysNotExecuted, gatewaytest.Fails5xxBefore},
		},
		"finds what is pending paid": {
			broken{find: func(f gateway.Finding) gateway.Finding {
				if f.Outcome.Kind == payment.InDoubt && !f.Absent {
					f.Outcome = payment.Outcome{Kind: payment.Paid, PaymentID: f.Outcome.PaymentID}
				}
				return f
			}},
			[]gatewaytest.Behaviour{gatewaytest.Pends, "pending, then decided"},
		},
		"finds another amount paid": {
			broken{find: func(f gateway.Finding) gateway.Finding {
				if f.Outcome.Kind == payment.Differs {
					f.Outcome.Kind = payment.Paid
				}
				return f
			}},
			[]gatewaytest.Behaviour{
				gatewaytest.ChangesAmount, gatewaytest.ChangesCurrency, gatewaytest.ChangesCustomer, gatewaytest.ChangesReference, gatewaytest.IsCanceled,
			},
		},
		"says that it cancelled": {
			cancels(payment.EffectDone), []gatewaytest.Behaviour{
				"cancel: pending", "cancel: decided", "cancel: unknown", "cancel: lost answers", "cancel: the guard", "cancel: ten times at once",
			},
		},
		"asks to cancel again": {
			cancels(payment.EffectNone), []gatewaytest.Behaviour{"cancel: pending", "cancel: lost answers"},
		},
		"refunds what it refunded": {
			broken{refund: func(ctx context.Context, g gateway.Gateway, r payment.Refund) payment.Reply {
				r.Key += strconv.FormatInt(own.Add(1), 10)
				return g.Refund(ctx, r)
			}},
			[]gatewaytest.Behaviour{"refund: after the key was forgotten", "refund: again", "refund: lost answers"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			findsBugOf(t, unlike(t), tc.bug, tc.cases...)
		})
	}
}
