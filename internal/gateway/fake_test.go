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
	gateway.Gateway // nil: what no test of ours asks for

	keyless bool
	noFind  bool
	takes   time.Duration
	charge  func(n int) payment.Outcome
	find    func(n int) gateway.Finding

	mu    sync.Mutex
	sent  []time.Time
	keys  []string
	asked int
}

func (f *fake) Abilities() gateway.Abilities {
	a := gateway.Abilities{KeyLife: 24 * time.Hour, FindByKey: !f.noFind}
	if f.keyless {
		a.KeyLife = 0
	}
	return a
}

func (f *fake) Charge(ctx context.Context, c payment.Charge) payment.Outcome {
	if err := gateway.CheckGuard(ctx); err != nil {
		return payment.Outcome{Kind: payment.NotExecuted, Reason: err.Error()}
	}
	f.mu.Lock()
	f.sent = append(f.sent, time.Now())
	f.keys = append(f.keys, c.Key)
	n := len(f.sent)
	f.mu.Unlock()
	if !f.pass(ctx) {
		return payment.Outcome{Reason: "called off"}
	}
	return f.charge(n)
}

func (f *fake) Find(ctx context.Context, _ payment.Charge, _ string) gateway.Finding {
	f.mu.Lock()
	f.asked++
	n := f.asked
	f.mu.Unlock()
	if !f.pass(ctx) {
		return gateway.Finding{Outcome: payment.Outcome{Reason: "called off"}}
	}
	return f.find(n)
}

func (f *fake) pass(ctx context.Context) bool {
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
func pace(t *testing.T, f *fake, change ...func(*gateway.Limits)) *gateway.Paced {
	t.Helper()
	l := gateway.Defaults()
	l.Now = time.Now
	for _, c := range change {
		c(&l)
	}
	p := gateway.Pace("main", f, l)
	t.Cleanup(p.Close)
	return p
}

func once(l *gateway.Limits)      { l.Tries = 1 }
func noCircuit(l *gateway.Limits) { l.Circuit.Window = 0 }

// send makes n charges, one after the other.
func send(t *testing.T, p *gateway.Paced, n int) {
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
