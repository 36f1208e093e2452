package gatewaytest_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duly/internal/gateway"
	"duly/internal/gateway/gatewaytest"
	"duly/internal/gateway/httpapi"
	"duly/internal/gateway/simulator"
	"duly/internal/payment"
	"duly/internal/test/simtarget"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kind is one sort of payment service.
type kind struct {
	name     string
	noKeys   bool
	noFind   bool
	customer string // the second identifier of its methods
	wrap     func(http.RoundTripper) http.RoundTripper
}

func kinds() []kind {
	return []kind{
		{name: "keys and look-up"},
		{name: "no keys", noKeys: true},
		{name: "no look-up by key", noFind: true},
		{name: "neither", noKeys: true, noFind: true},
		{name: "two identifiers", customer: "cus_9"},
	}
}

// newTarget is an httpapi client and a simulator of its own behind it.
func newTarget(t *testing.T, k kind, c gatewaytest.Case) *gatewaytest.Target {
	t.Helper()
	const keyLife = 24 * time.Hour
	return simtarget.Open(t, simtarget.Options{
		GatewayCustomer: k.customer,
		Change:          func(c *simulator.Config) { c.KeyLife, c.NoKeys, c.NoFind = keyLife, k.noKeys, k.noFind },
		Open: func(p simtarget.Provider) (gateway.Gateway, error) {
			config := httpapi.Config{
				Name: "main", URL: p.URL, Token: p.Token, Timeout: p.Timeout, ConnectTimeout: 10 * time.Second, KeyLife: keyLife,
				LongestRequest: 2 * time.Minute, MaxConns: 10, NoFind: k.noFind, Now: p.Now, Wrap: k.wrap,
			}
			if k.noKeys {
				config.KeyLife = 0
			}
			return httpapi.New(config)
		},
	}, c)
}

func TestHTTPAPIConforms(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			gatewaytest.Run(t, func(t *testing.T, c gatewaytest.Case) *gatewaytest.Target {
				t.Helper()
				return newTarget(t, k, c)
			})
		})
	}
}

// broken is a gateway with a bug.
type broken struct {
	gateway.Gateway
	charge func(ctx context.Context, g gateway.Gateway, c payment.Charge) payment.Outcome
	find   func(f gateway.Finding) gateway.Finding
	look   func(ctx context.Context, g gateway.Gateway, w payment.Ref) payment.LookupResult
	cancel func(ctx context.Context, g gateway.Gateway, c payment.Cancel) payment.Reply
	refund func(ctx context.Context, g gateway.Gateway, r payment.Refund) payment.Reply
	list   func(ctx context.Context, g gateway.Gateway, w payment.Window, cursor string) (payment.Listing, error)
}

func (b broken) Look(ctx context.Context, w payment.Ref) payment.LookupResult {
	if b.look == nil {
		return b.Gateway.Look(ctx, w)
	}
	return b.look(ctx, b.Gateway, w)
}

func (b broken) Cancel(ctx context.Context, c payment.Cancel) payment.Reply {
	if b.cancel == nil {
		return b.Gateway.Cancel(ctx, c)
	}
	return b.cancel(ctx, b.Gateway, c)
}

func (b broken) Refund(ctx context.Context, r payment.Refund) payment.Reply {
	if b.refund == nil {
		return b.Gateway.Refund(ctx, r)
	}
	return b.refund(ctx, b.Gateway, r)
}

func (b broken) List(ctx context.Context, w payment.Window, cursor string) (payment.Listing, error) {
	if b.list == nil {
		return b.Gateway.List(ctx, w, cursor)
	}
	return b.list(ctx, b.Gateway, w, cursor)
}

func (b broken) Charge(ctx context.Context, c payment.Charge) payment.Outcome {
	if b.charge == nil {
		return b.Gateway.Charge(ctx, c)
	}
	return b.charge(ctx, b.Gateway, c)
}

func (b broken) Find(ctx context.Context, c payment.Charge, id string) gateway.Finding {
	f := b.Gateway.Find(ctx, c, id)
	if b.find != nil {
		f = b.find(f)
	}
	return f
}

func TestSuiteFindsBugs(t *testing.T) {
	after := func(change func(*payment.Outcome)) func(context.Context, gateway.Gateway, payment.Charge) payment.Outcome {
		return func(ctx context.Context, g gateway.Gateway, c payment.Charge) payment.Outcome {
			o := g.Charge(ctx, c)
			change(&o)
			return o
		}
	}
	for name, tc := range map[string]struct {
		bug   broken
		cases []gatewaytest.Behaviour // some that must fail
	}{
		"sends twice by itself": {
			broken{charge: func(ctx context.Context, g gateway.Gateway, c payment.Charge) payment.Outcome {
				o := g.Charge(ctx, c)
				if o.Kind == payment.InDoubt {
					o = g.Charge(ctx, c)
				}
				return o
			}},
			[]gatewaytest.Behaviour{gatewaytest.DropsBefore, gatewaytest.DropsAfter, gatewaytest.Fails5xxAfter},
		},
		"takes lost answers for not executed": {
			broken{charge: after(func(o *payment.Outcome) {
				if o.Kind == payment.InDoubt && o.Failure {
					o.Kind = payment.NotExecuted
				}
			})},
			[]gatewaytest.Behaviour{gatewaytest.DropsAfter, gatewaytest.HalvesAnswer, gatewaytest.Slow, "executed late"},
		},
		"does not ask the guard": {
			broken{charge: func(ctx context.Context, g gateway.Gateway, c payment.Charge) payment.Outcome {
				return g.Charge(gateway.WithGuard(ctx, gateway.Guard{}), c)
			}},
			[]gatewaytest.Behaviour{"the guard refuses", "the guard is asked for every request"},
		},
		"believes every yes": {
			broken{charge: after(func(o *payment.Outcome) {
				if o.Kind == payment.Differs {
					o.Kind = payment.Paid
				}
			})},
			[]gatewaytest.Behaviour{gatewaytest.ChangesAmount, gatewaytest.ChangesCurrency, gatewaytest.ChangesCustomer, gatewaytest.ChangesReference, gatewaytest.IsCanceled},
		},
		"takes declines for hard": {
			broken{charge: after(func(o *payment.Outcome) {
				if o.Kind == payment.Refused {
					o.Decline.Class = payment.Hard
				}
			})},
			[]gatewaytest.Behaviour{gatewaytest.DeclinesSoft, gatewaytest.DeclinesAction, gatewaytest.DeclinesUnknown},
		},
		"blames the gateway for declines": {
			broken{charge: after(func(o *payment.Outcome) { o.Failure = true })},
			[]gatewaytest.Behaviour{gatewaytest.Succeeds, gatewaytest.TooMany, gatewaytest.Rejects, "called off"},
		},
		"blames nobody for 5xx": {
			broken{charge: after(func(o *payment.Outcome) { o.Failure = false })},
			[]gatewaytest.Behaviour{gatewaytest.Fails5xxBefore, gatewaytest.DropsBefore, gatewaytest.SaysNotExecuted},
		},
		"sends pending ones again": {
			broken{charge: after(func(o *payment.Outcome) { o.LookUpOnly = false })},
			[]gatewaytest.Behaviour{gatewaytest.Pends, "one key, another amount", "pending, then decided"},
		},
		"tells the payment method": {
			broken{charge: func(ctx context.Context, g gateway.Gateway, c payment.Charge) payment.Outcome {
				o := g.Charge(ctx, c)
				o.Reason += c.Method
				return o
			}},
			[]gatewaytest.Behaviour{gatewaytest.Succeeds},
		},
		"changes the body": {
			broken{charge: func(ctx context.Context, g gateway.Gateway, c payment.Charge) payment.Outcome {
				c.Description = time.Now().Format(time.RFC3339Nano)
				return g.Charge(ctx, c)
			}},
			[]gatewaytest.Behaviour{gatewaytest.DropsAfter, gatewaytest.DropsBefore, gatewaytest.Succeeds},
		},
		"sends no second identifier": {
			broken{charge: func(ctx context.Context, g gateway.Gateway, c payment.Charge) payment.Outcome {
				c.GatewayCustomer, c.BodyVersion = "", payment.BodyVersion("")
				return g.Charge(ctx, c)
			}},
			[]gatewaytest.Behaviour{"one key, another gateway customer"},
		},
		"makes keys of its own": {
			broken{charge: func(ctx context.Context, g gateway.Gateway, c payment.Charge) payment.Outcome {
				c.Key = "own-" + time.Now().Format(time.RFC3339Nano)
				return g.Charge(ctx, c)
			}},
			[]gatewaytest.Behaviour{gatewaytest.Succeeds, gatewaytest.DropsAfter, "one key, ten times at once"},
		},
		"takes every failed look-up for absence": {
			broken{find: func(f gateway.Finding) gateway.Finding {
				f.Absent = f.Outcome.Kind == payment.InDoubt
				return f
			}},
			[]gatewaytest.Behaviour{"look-ups that fail prove nothing", gatewaytest.Pends},
		},
		"finds nothing absent": {
			broken{find: func(f gateway.Finding) gateway.Finding { f.Absent = false; return f }},
			[]gatewaytest.Behaviour{"never seen", gatewaytest.DropsBefore},
		},
		"counts pages as answers": {
			broken{charge: after(func(o *payment.Outcome) { o.Answered = o.Kind == payment.InDoubt })},
			[]gatewaytest.Behaviour{
				gatewaytest.DropsAfter, gatewaytest.Fails5xxAfter, gatewaytest.GarblesAfter, gatewaytest.HalvesAnswer, gatewaytest.ConflictsAfter,
				gatewaytest.SaysEmpty400After, gatewaytest.SaysEmpty404Before, gatewaytest.Redirects, "errors of the provider's own", "unreadable answers",
			},
		},
		"counts look-ups as answers": {
			broken{find: func(f gateway.Finding) gateway.Finding { f.Outcome.Answered = true; return f }},
			[]gatewaytest.Behaviour{gatewaytest.DropsAfter, gatewaytest.Pends, "never seen"},
		},
		"takes what cannot be read for a success": {
			broken{charge: after(func(o *payment.Outcome) {
				if o.Unreadable {
					o.Kind, o.PaymentID = payment.Paid, "pay_1"
				}
			})},
			[]gatewaytest.Behaviour{gatewaytest.GarblesBefore, gatewaytest.GarblesAfter, "unreadable answers"},
		},
		"takes errors for declines": {
			broken{charge: after(func(o *payment.Outcome) {
				if o.Kind == payment.InDoubt && !o.LookUpOnly {
					o.Kind, o.Decline.Class = payment.Refused, payment.Soft
				}
			})},
			[]gatewaytest.Behaviour{gatewaytest.Fails5xxAfter, "errors of the provider's own"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			findsBug(t, tc.bug, tc.cases...)
		})
	}
}

// repeatable gives every request a body that can be sent again, as many HTTP clients do.
type repeatable struct{ next http.RoundTripper }

func (r repeatable) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body == nil {
		return r.next.RoundTrip(req)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	again := req.Clone(req.Context())
	again.Body = io.NopCloser(bytes.NewReader(body))
	again.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return r.next.RoundTrip(again)
}

// A client that sends by net/http, and lets it repeat a POST by itself, passes what is tried on new connections.
func TestSuiteFindsRequestsThatTheClientRepeats(t *testing.T) {
	for _, c := range gatewaytest.Cases() {
		if c.Name == "a kept connection that breaks" {
			sender := &http.Transport{}
			t.Cleanup(sender.CloseIdleConnections)
			target := newTarget(t, kind{wrap: func(http.RoundTripper) http.RoundTripper { return repeatable{sender} }}, c)
			require.EqualError(t, c.Run(t.Context(), target), "request 1: taken for succeeded (), want [in_doubt]", "it was sent again")
			require.Equal(t, 2, target.Requests("ct_kept-connection-breaks-0-1"))
			return
		}
	}
	t.Fatal("there is no such case")
}

// findsBug runs the named cases with a bug, which none may pass.
func findsBug(t *testing.T, bug broken, cases ...gatewaytest.Behaviour) {
	t.Helper()
	findsBugOf(t, func(c gatewaytest.Case) *gatewaytest.Target { return newTarget(t, kind{customer: "cus_9"}, c) }, bug, cases...)
}

func findsBugOf(t *testing.T, open func(gatewaytest.Case) *gatewaytest.Target, bug broken, cases ...gatewaytest.Behaviour) {
	t.Helper()
	found := 0
	for _, c := range gatewaytest.Cases() {
		if !slices.Contains(cases, gatewaytest.Behaviour(c.Name)) {
			continue
		}
		found++
		target := open(c)
		require.NoError(t, c.Run(t.Context(), target), "%s passes without the bug", c.Name)
		target = open(c)
		bug.Gateway = target.Gateway
		target.Gateway = bug
		err := c.Run(t.Context(), target)
		require.Error(t, err, "%s passes", c.Name)
		require.NotErrorIs(t, err, gatewaytest.ErrNotOffered)
	}
	require.Equal(t, len(cases), found, "some of %q are no cases", cases)
}

func TestWhatIsNotOfferedIsNotPassed(t *testing.T) {
	target := newTarget(t, kind{}, gatewaytest.Case{})
	bare := &gatewaytest.Target{Gateway: target.Gateway}
	for _, c := range gatewaytest.Cases() {
		err := c.Run(t.Context(), bare)
		if slices.Contains([]string{"abilities make sense", "ping", "waiting for its customer"}, c.Name) {
			require.NoError(t, err, c.Name)
		} else {
			require.ErrorIs(t, err, gatewaytest.ErrNotOffered, c.Name)
		}
	}
}

func TestCasesAreNamedAndExplained(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range gatewaytest.Cases() {
		require.NotEmpty(t, c.Name)
		require.True(t, strings.HasSuffix(c.Why, "."), c.Name)
		require.False(t, seen[c.Name], c.Name)
		seen[c.Name] = true
	}
	special := []gatewaytest.Behaviour{
		gatewaytest.WaitsForCustomer,
		gatewaytest.Late, gatewaytest.PendsThenSucceeds, gatewaytest.ErrsPaid, gatewaytest.ErrsDeclined, gatewaytest.ErrsNothing,
	}
	for _, b := range simtarget.Behaviours() {
		if !slices.Contains(special, b) {
			require.True(t, seen[string(b)], "no case for %q", b)
		}
	}
}

func TestAbilitiesThatMakeNoSense(t *testing.T) {
	for name, a := range map[string]gateway.Capabilities{
		"no time-out":               {LongestRequest: time.Minute},
		"longest request too short": {Timeout: time.Minute, LongestRequest: time.Second},
		"keys forgotten too early":  {Timeout: time.Second, LongestRequest: time.Minute, KeyLife: time.Minute},
		"lasting look-up, but none": {Timeout: time.Second, LongestRequest: time.Minute, LookupOutlivesKey: true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range gatewaytest.Cases() {
				if c.Name == "abilities make sense" {
					require.Error(t, c.Run(t.Context(), &gatewaytest.Target{Gateway: able{abilities: a}}))
				}
			}
		})
	}
}

// able is a gateway of which only the abilities are asked.
type able struct {
	gateway.Gateway
	abilities gateway.Capabilities
}

func (a able) Capabilities() gateway.Capabilities { return a.abilities }
