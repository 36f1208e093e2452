package gateway_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"duly/internal/gateway"
	"duly/internal/payment"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake answers the n-th request, counted from 1, as its functions say.
type fake struct {
	keyless bool
	noFind  bool
	keeps   bool // errors, under their key
	takes   time.Duration
	charge  func(n int) payment.Outcome
	find    func(n int) gateway.Finding
	look    func(n int) payment.LookupResult
	change  func(n int) payment.Reply // a cancellation or a refund
	list    func(n int) (payment.Listing, error)

	mu    sync.Mutex
	sent  []time.Time
	keys  []string
	asked int
}

func (f *fake) Capabilities() gateway.Capabilities {
	a := gateway.Capabilities{KeyLife: 24 * time.Hour, FindByKey: !f.noFind, KeepsErrors: f.keeps}
	if f.keyless {
		a.KeyLife = 0
	}
	return a
}

func (f *fake) Charge(ctx context.Context, c payment.Charge) payment.Outcome {
	n, err := f.send(ctx, c.Key)
	if err != nil {
		return payment.Outcome{Kind: payment.NotExecuted, Reason: err.Error()}
	}
	if !f.pass(ctx) {
		return payment.Outcome{Reason: "called off"}
	}
	o := f.charge(n)
	if o.Reason == tooMany.Reason {
		gateway.NoteTooMany(ctx)
	}
	return o
}

func (f *fake) Find(ctx context.Context, _ payment.Charge, _ string) gateway.Finding {
	n := f.ask()
	if !f.pass(ctx) {
		return gateway.Finding{Outcome: payment.Outcome{Reason: "called off"}}
	}
	return f.find(n)
}

func (f *fake) Look(ctx context.Context, _ payment.Ref) payment.LookupResult {
	n := f.ask()
	if !f.pass(ctx) {
		return payment.LookupResult{Reason: "called off"}
	}
	return f.look(n)
}

func (f *fake) Cancel(ctx context.Context, c payment.Cancel) payment.Reply {
	return f.alter(ctx, c.Key)
}

func (f *fake) Refund(ctx context.Context, r payment.Refund) payment.Reply {
	return f.alter(ctx, r.Key)
}

func (f *fake) alter(ctx context.Context, key string) payment.Reply {
	n, err := f.send(ctx, key)
	if err != nil {
		return payment.Reply{Effect: payment.EffectNone, Reason: err.Error()}
	}
	if !f.pass(ctx) {
		return payment.Reply{Reason: "called off"}
	}
	return f.change(n)
}

func (f *fake) List(ctx context.Context, _ payment.Window, _ string) (payment.Listing, error) {
	n := f.ask()
	if !f.pass(ctx) {
		return payment.Listing{}, context.Cause(ctx)
	}
	return f.list(n)
}

// send counts a request that moves money, if its guard lets it out.
func (f *fake) send(ctx context.Context, key string) (n int, err error) {
	if err := gateway.CheckGuard(ctx); err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = append(f.sent, time.Now())
	f.keys = append(f.keys, key)
	return len(f.sent), nil
}

// ask counts a request that asks.
func (f *fake) ask() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	return f.asked
}

// pass takes the time that a request takes.
func (f *fake) pass(ctx context.Context) bool {
	if f.takes <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(f.takes)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (*fake) Ping(context.Context) error { return nil }
func (*fake) Close()                     {}

// requests is the number of charges sent so far.
func (f *fake) requests() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.sent)
}

// questions is the number of requests so far that only asked.
func (f *fake) questions() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

// gaps are the times between one charge and the next.
func (f *fake) gaps() []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	var gaps []time.Duration
	for i := 1; i < len(f.sent); i++ {
		gaps = append(gaps, f.sent[i].Sub(f.sent[i-1]))
	}
	return gaps
}

// in answers with the given outcomes in turn, the last one for ever.
func in(outcomes ...payment.Outcome) func(int) payment.Outcome {
	return func(n int) payment.Outcome { return outcomes[min(n, len(outcomes))-1] }
}

// The outcomes that the tests play with.
var (
	paid     = payment.Outcome{Kind: payment.Paid, PaymentID: "pay_1"}
	timeOut  = payment.Outcome{Failure: true, Reason: "time-out"}
	refused  = payment.Outcome{Kind: payment.NotExecuted, Failure: true, Reason: "connection refused"}
	tooMany  = payment.Outcome{Kind: payment.NotExecuted, Reason: "429"}
	badToken = payment.Outcome{Kind: payment.Misconfigured, Reason: "401"}
)

// pace wraps f with the default limits, changed as wished.
func pace(t *testing.T, f *fake, change ...func(*gateway.Limits)) *gateway.Limited {
	t.Helper()
	l := gateway.Defaults()
	l.Now = time.Now
	for _, c := range change {
		c(&l)
	}
	p := gateway.Limit("main", f, l)
	t.Cleanup(p.Close)
	return p
}

func once(l *gateway.Limits)      { l.Tries = 1 }
func noCircuit(l *gateway.Limits) { l.Circuit.Window = 0 }

// send makes n charges, one after the other.
func send(t *testing.T, p *gateway.Limited, n int) {
	t.Helper()
	for range n {
		p.Charge(t.Context(), payment.Charge{Key: "k"}, false)
	}
}

// within checks a duration against its bounds.
func within(t *testing.T, d, low, high time.Duration) {
	t.Helper()
	require.GreaterOrEqual(t, d, low)
	require.LessOrEqual(t, d, high)
}

// withStop returns a context whose guard wants to stop once the function is called.
func withStop(t *testing.T) (context.Context, func()) {
	t.Helper()
	stop := make(chan struct{})
	return gateway.WithGuard(t.Context(), gateway.Guard{Stop: stop}), func() { close(stop) }
}
