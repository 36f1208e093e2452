package gateway_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// told is a request and its answer as an observer saw them.
type told struct {
	gateway.Request

	answer gateway.Answer
}

type observed struct{}

// observer notes what it is told, and marks the contexts of requests.
func observer(all *[]told) gateway.Observer {
	return func(ctx context.Context, r gateway.Request) (context.Context, func(gateway.Answer)) {
		*all = append(*all, told{Request: r})
		i := len(*all) - 1
		return context.WithValue(ctx, observed{}, true), func(a gateway.Answer) { (*all)[i].answer = a }
	}
}

func TestObserverIsToldOfEveryRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{takes: 20 * time.Millisecond}
		f.charge = func(n int) payment.Outcome {
			if n == 1 {
				return payment.Outcome{Failure: true, Reason: "502"}
			}
			return payment.Outcome{Kind: payment.Paid}
		}
		f.find = func(n int) gateway.Finding {
			return []gateway.Finding{
				{Absent: true}, {Outcome: payment.Outcome{Kind: payment.Paid}}, {Misconfigured: true, Outcome: payment.Outcome{Reason: "401"}},
			}[n-2] // the listing was asked for before
		}
		f.change = func(int) payment.Reply { return payment.Reply{Effect: payment.EffectDone} }
		f.list = func(int) (payment.Listing, error) { return payment.Listing{}, nil }
		var all []told
		p := pace(t, f, func(l *gateway.Limits) { l.Tries, l.Backoff, l.Observe = 2, time.Second, observer(&all) })
		ctx := t.Context()

		p.Charge(ctx, payment.Charge{Key: "k", RequestID: "run-1/k"}, false)
		p.Cancel(ctx, payment.Cancel{Key: "c", RequestID: "run-1/c"})
		p.Refund(ctx, payment.Refund{Key: "r", RequestID: "run-1/r"})
		_, err := p.List(ctx, payment.Window{}, "")
		require.NoError(t, err)
		p.Find(ctx, payment.Charge{Key: "k", RequestID: "run-1/k"}, "")
		p.Find(ctx, payment.Charge{Key: "k", RequestID: "run-1/k"}, "")

		request := func(kind gateway.RequestKind, id string, try int, a gateway.Answer) told {
			a.Took = 20 * time.Millisecond
			return told{gateway.Request{Gateway: "main", Kind: kind, ID: id, Try: try}, a}
		}
		require.Equal(t, []told{
			request(gateway.RequestCharge, "run-1/k", 1, gateway.Answer{Outcome: "in_doubt", Reason: "502", Failure: true}),
			request(gateway.RequestCharge, "run-1/k", 2, gateway.Answer{Outcome: "succeeded"}),
			request(gateway.RequestCancel, "run-1/c", 1, gateway.Answer{Outcome: "done"}),
			request(gateway.RequestRefund, "run-1/r", 1, gateway.Answer{Outcome: "done"}),
			request(gateway.RequestList, "", 1, gateway.Answer{Outcome: "listed"}),
			request(gateway.RequestLookUp, "run-1/k", 1, gateway.Answer{Outcome: "absent"}),
			request(gateway.RequestLookUp, "run-1/k", 1, gateway.Answer{Outcome: "succeeded"}),
		}, all)
		require.EqualValues(t, len(all), p.Stats().Requests())

		all = nil
		p.Find(ctx, payment.Charge{Key: "k"}, "")
		require.Equal(t, gateway.Answer{Outcome: "misconfigured", Reason: "401", Took: 20 * time.Millisecond}, all[0].answer)
	})
}

func TestObserverSeesSights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := []payment.LookupResult{seen, {Absent: true}, {Reason: "time-out"}, {Misconfigured: true}}
		f := &fake{look: func(n int) payment.LookupResult { return answers[n-1] }}
		var all []told
		p := pace(t, f, func(l *gateway.Limits) { l.Tries, l.Observe = 1, observer(&all) })
		var words []string
		for range answers {
			p.Look(t.Context(), payment.Ref{Key: "k", RequestID: "run-1/order-2"})
			words = append(words, all[len(all)-1].answer.Outcome)
		}
		require.Equal(t, []string{"found", "absent", "unanswered", "misconfigured"}, words)
		require.Equal(t, "run-1/order-2", all[0].ID)
	})
}

func TestObserverSeesListingsThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := []error{errors.New("reset"), &gateway.ListError{Reason: "401", Misconfigured: true}}
		f := &fake{list: func(n int) (payment.Listing, error) { return payment.Listing{}, answers[n-1] }}
		var all []told
		p := pace(t, f, func(l *gateway.Limits) { l.Tries, l.Observe = 2, observer(&all) })
		_, err := p.List(t.Context(), payment.Window{}, "")
		require.ErrorIs(t, err, gateway.ErrMisconfigured)
		require.Equal(t, "unanswered", all[0].answer.Outcome)
		require.Equal(t, "misconfigured", all[1].answer.Outcome)
		require.Equal(t, 2, all[1].Try)
	})
}

// A request is made under the observer's context, and one that the guard keeps back is told of as such.
func TestObserverAndGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{charge: func(int) payment.Outcome { return payment.Outcome{Kind: payment.Paid} }}
		var all []told
		p := pace(t, f, func(l *gateway.Limits) { l.Observe = observer(&all) })
		ctx := gateway.WithGuard(t.Context(), gateway.Guard{Check: func() error { return gateway.ErrGuard }})
		p.Charge(ctx, payment.Charge{Key: "k"}, false)
		require.True(t, all[0].answer.Unsent)
		require.Zero(t, p.Stats().Requests())

		marked := &marker{fake: f}
		l := gateway.Defaults()
		l.Now, l.Observe = time.Now, observer(&all)
		p = gateway.Limit("main", marked, l)
		defer p.Close()
		p.Charge(t.Context(), payment.Charge{Key: "k"}, false)
		require.True(t, marked.seen)
	})
}

// marker notes whether a charge came with the observer's context.
type marker struct {
	*fake

	seen bool
}

func (m *marker) Charge(ctx context.Context, c payment.Charge) payment.Outcome {
	m.seen, _ = ctx.Value(observed{}).(bool)
	return m.fake.Charge(ctx, c)
}

// Also of a request that panics the end is told.
func TestObserverIsToldOfAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{charge: func(int) payment.Outcome { panic("bug") }}
		var all []told
		p := pace(t, f, func(l *gateway.Limits) { l.Observe = observer(&all) })
		require.Panics(t, func() { p.Charge(t.Context(), payment.Charge{Key: "k"}, false) })
		require.Equal(t, "unanswered", all[0].answer.Outcome)
	})
}
