package gatewaytest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// methods are the simulator's words for the suite's.
var methods = map[gatewaytest.Behaviour]string{
	gatewaytest.Succeeds:           "pm_ok",
	gatewaytest.DeclinesSoft:       "pm_insufficient_funds",
	gatewaytest.DeclinesHard:       "pm_stolen_card",
	gatewaytest.DeclinesAction:     "pm_expired_card",
	gatewaytest.DeclinesForNow:     "pm_try_later",
	gatewaytest.DeclinesUnknown:    "pm_unknown_code",
	gatewaytest.Pends:              "pm_pending",
	gatewaytest.PendsThenSucceeds:  "pm_pending_1_then_ok",
	gatewaytest.IsCanceled:         "pm_canceled",
	gatewaytest.IsRefunded:         "pm_refunded",
	gatewaytest.Rejects:            "pm_reject",
	gatewaytest.RefusesCredentials: "pm_unauthorized",
	gatewaytest.ForbidsAccount:     "pm_forbidden",
	gatewaytest.ChangesAmount:      "pm_wrong_amount",
	gatewaytest.ChangesCurrency:    "pm_wrong_currency",
	gatewaytest.ChangesCustomer:    "pm_wrong_customer",
	gatewaytest.ChangesReference:   "pm_wrong_reference",
	gatewaytest.DropsBefore:        "pm_drop_before",
	gatewaytest.DropsAfter:         "pm_drop_after",
	gatewaytest.Fails5xxBefore:     "pm_5xx_before",
	gatewaytest.Fails5xxAfter:      "pm_5xx_after",
	gatewaytest.TooMany:            "pm_429",
	gatewaytest.TooManyAfterDrop:   "pm_429_after",
	gatewaytest.SaysNotExecuted:    "pm_not_executed",
	gatewaytest.GarblesBefore:      "pm_garbage_before",
	gatewaytest.GarblesAfter:       "pm_garbage_after",
	gatewaytest.HalvesAnswer:       "pm_half_body",
	gatewaytest.Slow:               "pm_slow",
	gatewaytest.Late:               "pm_late",
	gatewaytest.Redirects:          "pm_redirect",
	gatewaytest.ConflictsBefore:    "pm_conflict_before",
	gatewaytest.ConflictsAfter:     "pm_conflict_after",
	gatewaytest.SaysEmpty400Before: "pm_empty_400_before",
	gatewaytest.SaysEmpty400After:  "pm_empty_400_after",
	gatewaytest.SaysEmpty404Before: "pm_empty_404_before",
	gatewaytest.SaysEmpty404After:  "pm_empty_404_after",
}

// lookUps are the simulator's faults for the suite's.
var lookUps = map[gatewaytest.Behaviour]simulator.Faults{
	"":                             {},
	gatewaytest.DropsBefore:        {DropBefore: 1},
	gatewaytest.Fails5xxBefore:     {Err5xxBefore: 1},
	gatewaytest.HalvesAnswer:       {HalfBody: 1},
	gatewaytest.GarblesBefore:      {Garbage: 1},
	gatewaytest.TooMany:            {TooMany: 1},
	gatewaytest.Redirects:          {Redirect: 1},
	gatewaytest.SaysEmpty404Before: {Empty404: 1},
}

// changes are the simulator's faults for the suite's.
var changes = map[gatewaytest.Behaviour]simulator.Faults{
	"":                            {},
	gatewaytest.DropsBefore:       {DropBefore: 1},
	gatewaytest.DropsAfter:        {DropAfter: 1},
	gatewaytest.Fails5xxBefore:    {Err5xxBefore: 1},
	gatewaytest.Fails5xxAfter:     {Err5xxAfter: 1},
	gatewaytest.HalvesAnswer:      {HalfBody: 1},
	gatewaytest.TooMany:           {TooMany: 1},
	gatewaytest.SaysNotExecuted:   {NotExecuted: 1},
	gatewaytest.GarblesAfter:      {Garbage: 1},
	gatewaytest.Redirects:         {Redirect: 1},
	gatewaytest.ConflictsAfter:    {Conflict: 1},
	gatewaytest.SaysEmpty400After: {Empty400: 1},
	gatewaytest.SaysEmpty404After: {Empty404: 1},
}

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
	sim := simulator.New(simulator.Config{
		Token:   "secret",
		KeyLife: keyLife,
		NoKeys:  k.noKeys,
		NoFind:  k.noFind,
		Faults:  simulator.Faults{SlowBy: time.Minute, LateBy: gatewaytest.LateBy},
	})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	t.Cleanup(sim.Close)

	config := httpapi.Config{
		Name:           "main",
		URL:            server.URL,
		Token:          "secret",
		Timeout:        20 * time.Second,
		ConnectTimeout: 10 * time.Second,
		KeyLife:        keyLife,
		LongestRequest: 2 * time.Minute,
		MaxConns:       10,
		NoFind:         k.noFind,
		Now:            time.Now,
		Wrap:           k.wrap,
	}
	if k.noKeys {
		config.KeyLife = 0
	}
	if c.Name == string(gatewaytest.Slow) {
		config.Timeout = 600 * time.Millisecond
	}
	client, err := httpapi.New(config)
	require.NoError(t, err)
	t.Cleanup(client.Close)

	return &gatewaytest.Target{
		Gateway:         client,
		Method:          func(b gatewaytest.Behaviour) string { return methods[b] },
		Customer:        "customer-7",
		GatewayCustomer: k.customer,
		Money:           payment.Money{Amount: 12900, Currency: "KRW"},
		Prefix:          "ct_",
		Books: func(_ context.Context, reference string) ([]payment.Payment, error) {
			var found []payment.Payment
			for e := range sim.Entries() {
				if e.Reference == reference {
					found = append(found, payment.Payment{
						ID: e.ID, Status: e.Status, Key: e.Key, Reference: e.Reference, CustomerID: e.CustomerID,
						Money: payment.Money{Amount: e.Amount, Currency: e.Currency}, Refunded: e.Refunded,
					})
				}
			}
			return found, nil
		},
		Requests:      func(key string) int { return sim.Requests()[key] },
		BytesDiffered: func(key string) bool { return slices.Contains(sim.BodyViolations(), key) },
		BreakLookUps: func(b gatewaytest.Behaviour) {
			sim.Update(func(c *simulator.Config) { c.LookupFaults = lookUps[b] })
		},
		BreakChanges: func(b gatewaytest.Behaviour) {
			sim.Update(func(c *simulator.Config) {
				c.ChangeFaults = changes[b]
				c.ChangeFaults.First = 1
			})
		},
		ChangeRequests: func(key string) int { return sim.ChangeRequests()[key] },
		Plant: func(_ context.Context, n int) error {
			for i := range n {
				key := fmt.Sprintf("planted_%d", i)
				if _, err := sim.Inject(simulator.Entry{Key: key, Reference: key, CustomerID: "customer-7", Amount: 1, Currency: "KRW"}); err != nil {
					return err
				}
			}
			return nil
		},
		Pass: sim.Advance,
	}
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

// A client that lets net/http repeat a POST by itself passes what is tried on new connections.
func TestSuiteFindsRequestsThatTheClientRepeats(t *testing.T) {
	for _, c := range gatewaytest.Cases() {
		if c.Name == "a kept connection that breaks" {
			target := newTarget(t, kind{wrap: func(next http.RoundTripper) http.RoundTripper { return repeatable{next} }}, c)
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
	found := 0
	for _, c := range gatewaytest.Cases() {
		if !slices.Contains(cases, gatewaytest.Behaviour(c.Name)) {
			continue
		}
		found++
		target := newTarget(t, kind{customer: "cus_9"}, c)
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
		if slices.Contains([]string{"abilities make sense", "ping"}, c.Name) {
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
	for b := range methods {
		if b != gatewaytest.Late && b != gatewaytest.PendsThenSucceeds {
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
