package gatewaytest_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"duly/internal/gateway"
	"duly/internal/gateway/gatewaytest"
	"duly/internal/payment"
)

func TestSuiteFindsBugsOfLooks(t *testing.T) {
	after := func(change func(*payment.LookupResult)) broken {
		return broken{look: func(ctx context.Context, g gateway.Gateway, w payment.Ref) payment.LookupResult {
			s := g.Look(ctx, w)
			change(&s)
			return s
		}}
	}
	change := func(change func(*payment.Payment)) broken {
		return after(func(s *payment.LookupResult) {
			if s.Payment != nil {
				change(s.Payment)
			}
		})
	}
	for name, tc := range map[string]struct {
		bug   broken
		cases []gatewaytest.Behaviour
	}{
		"takes what cannot be read for absence": {
			after(func(s *payment.LookupResult) { s.Absent = s.Payment == nil && !s.Unaskable }), []gatewaytest.Behaviour{"look: failures prove nothing"},
		},
		"takes what cannot be asked about for absence": {
			after(func(s *payment.LookupResult) { s.Absent = s.Absent || s.Unaskable }), []gatewaytest.Behaviour{"look: nothing to ask by"},
		},
		"takes absence for a failure": {
			after(func(s *payment.LookupResult) { s.Absent, s.Failure = false, s.Absent }), []gatewaytest.Behaviour{"look: never seen"},
		},
		"blames nobody for a broken look-up": {
			after(func(s *payment.LookupResult) { s.Failure = false }), []gatewaytest.Behaviour{"look: failures prove nothing"},
		},
		"does not read what was refunded": {
			change(func(p *payment.Payment) { p.Refunded = 0 }), []gatewaytest.Behaviour{"look: as it stands", "refund: whole", "refund: in parts", "refund: lost answers"},
		},
		"does not read the time": {
			change(func(p *payment.Payment) { p.CreatedAt = time.Time{} }), []gatewaytest.Behaviour{"look: as it stands"},
		},
		"does not read why": {
			change(func(p *payment.Payment) { p.Decline = payment.Decline{} }), []gatewaytest.Behaviour{"look: as it stands"},
		},
		"takes every payment for a success": {
			change(func(p *payment.Payment) { p.Status = payment.Succeeded }), []gatewaytest.Behaviour{"look: as it stands", "cancel: pending", "cancel: lost answers"},
		},
		"asks by id for what has only a key": {
			broken{look: func(ctx context.Context, g gateway.Gateway, w payment.Ref) payment.LookupResult {
				return g.Look(ctx, payment.Ref{ID: w.ID + w.Key})
			}},
			[]gatewaytest.Behaviour{"look: as it stands"},
		},
	} {
		t.Run(name, func(t *testing.T) { findsBug(t, tc.bug, tc.cases...) })
	}
}

// either breaks cancellations and refunds alike.
func either(wrap func(ctx context.Context, key string, send func(ctx context.Context, key string) payment.Reply) payment.Reply) broken {
	return broken{
		cancel: func(ctx context.Context, g gateway.Gateway, c payment.Cancel) payment.Reply {
			return wrap(ctx, c.Key, func(ctx context.Context, key string) payment.Reply {
				c.Key = key
				return g.Cancel(ctx, c)
			})
		},
		refund: func(ctx context.Context, g gateway.Gateway, r payment.Refund) payment.Reply {
			return wrap(ctx, r.Key, func(ctx context.Context, key string) payment.Reply {
				r.Key = key
				return g.Refund(ctx, r)
			})
		},
	}
}

func TestSuiteFindsBugsOfChanges(t *testing.T) {
	after := func(change func(*payment.Reply)) broken {
		return either(func(ctx context.Context, key string, send func(context.Context, string) payment.Reply) payment.Reply {
			r := send(ctx, key)
			change(&r)
			return r
		})
	}
	takes := func(from, to payment.Effect) broken {
		return after(func(r *payment.Reply) {
			if r.Effect == from {
				r.Effect, r.Payment = to, nil
				if to == payment.EffectDone {
					r.Payment = &payment.Payment{}
				}
			}
		})
	}
	var own atomic.Int64
	for name, tc := range map[string]struct {
		bug   broken
		cases []gatewaytest.Behaviour
	}{
		"takes lost answers for nothing done": {
			takes(payment.EffectUnknown, payment.EffectNone), []gatewaytest.Behaviour{"cancel: lost answers", "refund: lost answers"},
		},
		"takes lost answers for done": {
			takes(payment.EffectUnknown, payment.EffectDone), []gatewaytest.Behaviour{"cancel: lost answers", "refund: lost answers"},
		},
		"takes lost answers for a refusal": {
			takes(payment.EffectUnknown, payment.EffectRefused), []gatewaytest.Behaviour{"cancel: lost answers", "refund: lost answers"},
		},
		"takes a refusal for done": {
			takes(payment.EffectRefused, payment.EffectDone), []gatewaytest.Behaviour{"cancel: pending", "cancel: decided", "refund: whole", "refund: in parts", "refund: nothing was paid"},
		},
		"takes a refusal for nothing certain": {
			takes(payment.EffectRefused, payment.EffectUnknown), []gatewaytest.Behaviour{"cancel: decided", "refund: nothing was paid", "refund: after the key was forgotten"},
		},
		"takes what cannot be for something to try again": {
			takes(payment.EffectRejected, payment.EffectNone), []gatewaytest.Behaviour{"cancel: unknown", "refund: nothing was paid"},
		},
		"says done, and not to what": {
			after(func(r *payment.Reply) { r.Payment = nil }), []gatewaytest.Behaviour{"cancel: pending", "refund: whole"},
		},
		"blames nobody for broken connections": {
			after(func(r *payment.Reply) { r.Failure = false }), []gatewaytest.Behaviour{"cancel: lost answers", "refund: lost answers"},
		},
		"makes keys of its own": {
			either(func(ctx context.Context, _ string, send func(context.Context, string) payment.Reply) payment.Reply {
				return send(ctx, "own_"+strconv.FormatInt(own.Add(1), 10))
			}),
			[]gatewaytest.Behaviour{"cancel: pending", "refund: again", "refund: lost answers", "refund: ten times at once"},
		},
		"sends twice by itself": {
			either(func(ctx context.Context, key string, send func(context.Context, string) payment.Reply) payment.Reply {
				if r := send(ctx, key); r.Effect != payment.EffectUnknown {
					return r
				}
				return send(ctx, key)
			}),
			[]gatewaytest.Behaviour{"cancel: lost answers", "refund: lost answers"},
		},
		"does not ask the guard": {
			either(func(ctx context.Context, key string, send func(context.Context, string) payment.Reply) payment.Reply {
				return send(gateway.WithGuard(ctx, gateway.Guard{}), key)
			}),
			[]gatewaytest.Behaviour{"cancel: the guard", "refund: the guard"},
		},
		"asks the guard when it is too late": {
			either(func(ctx context.Context, key string, send func(context.Context, string) payment.Reply) payment.Reply {
				r := send(gateway.WithGuard(ctx, gateway.Guard{}), key)
				if err := gateway.CheckGuard(ctx); err != nil {
					return payment.Reply{Effect: payment.EffectNone, Reason: err.Error()}
				}
				return r
			}),
			[]gatewaytest.Behaviour{"cancel: the guard", "refund: the guard"},
		},
		"gives everything back": {
			broken{refund: func(ctx context.Context, g gateway.Gateway, r payment.Refund) payment.Reply {
				r.Amount = 12900
				return g.Refund(ctx, r)
			}},
			[]gatewaytest.Behaviour{"refund: in parts", "refund: again"},
		},
		"changes the body": {
			broken{refund: func(ctx context.Context, g gateway.Gateway, r payment.Refund) payment.Reply {
				r.Reason = strconv.FormatInt(own.Add(1), 10)
				return g.Refund(ctx, r)
			}},
			[]gatewaytest.Behaviour{"refund: again", "refund: lost answers"},
		},
		"gives a cent less back": {
			broken{refund: func(ctx context.Context, g gateway.Gateway, r payment.Refund) payment.Reply {
				r.Amount = max(r.Amount-1, 1)
				return g.Refund(ctx, r)
			}},
			[]gatewaytest.Behaviour{"refund: whole", "refund: in parts"},
		},
		"does nothing": {
			either(func(context.Context, string, func(context.Context, string) payment.Reply) payment.Reply {
				return payment.Reply{Effect: payment.EffectDone, Payment: &payment.Payment{}}
			}),
			[]gatewaytest.Behaviour{"cancel: pending", "refund: whole", "cancel: ten times at once", "refund: ten times at once"},
		},
	} {
		t.Run(name, func(t *testing.T) { findsBug(t, tc.bug, tc.cases...) })
	}
}

func TestSuiteFindsBugsOfListings(t *testing.T) {
	asks := func(change func(w *payment.Window, cursor *string)) broken {
		return broken{list: func(ctx context.Context, g gateway.Gateway, w payment.Window, cursor string) (payment.Listing, error) {
			change(&w, &cursor)
			return g.List(ctx, w, cursor)
		}}
	}
	reads := func(change func(*payment.Listing)) broken {
		return broken{list: func(ctx context.Context, g gateway.Gateway, w payment.Window, cursor string) (payment.Listing, error) {
			page, err := g.List(ctx, w, cursor)
			change(&page)
			return page, err
		}}
	}
	for name, tc := range map[string]struct {
		bug   broken
		cases []gatewaytest.Behaviour
	}{
		"from is not in it": {
			asks(func(w *payment.Window, _ *string) { w.From = w.From.Add(time.Microsecond) }), []gatewaytest.Behaviour{"list: edges of the window", "list: pages"},
		},
		"to is in it": {
			asks(func(w *payment.Window, _ *string) { w.To = w.To.Add(time.Microsecond) }), []gatewaytest.Behaviour{"list: edges of the window"},
		},
		"in whole seconds": {
			asks(func(w *payment.Window, _ *string) {
				w.From, w.To = w.From.Truncate(time.Second), w.To.Truncate(time.Second)
			}),
			[]gatewaytest.Behaviour{"list: edges of the window"},
		},
		"in local time": {
			asks(func(w *payment.Window, _ *string) {
				_, offset := w.From.Zone()
				w.From = w.From.Add(time.Duration(offset) * time.Second)
			}),
			[]gatewaytest.Behaviour{"list: edges of the window"},
		},
		"the first page alone": {
			reads(func(l *payment.Listing) { l.Cursor = "" }), []gatewaytest.Behaviour{"list: pages"},
		},
		"pages that begin one too late": {
			broken{list: func(ctx context.Context, g gateway.Gateway, w payment.Window, cursor string) (payment.Listing, error) {
				page, err := g.List(ctx, w, cursor)
				if cursor != "" && len(page.Payments) > 0 {
					page.Payments = page.Payments[1:]
				}
				return page, err
			}},
			[]gatewaytest.Behaviour{"list: pages"},
		},
		"newest first": {
			reads(func(l *payment.Listing) { slices.Reverse(l.Payments) }), []gatewaytest.Behaviour{"list: edges of the window", "list: pages"},
		},
		"without declines": {
			reads(func(l *payment.Listing) {
				l.Payments = slices.DeleteFunc(l.Payments, func(p payment.Payment) bool { return p.Status == payment.Declined })
			}),
			[]gatewaytest.Behaviour{"list: edges of the window", "list: pages"},
		},
		"without reasons": {
			reads(func(l *payment.Listing) {
				for i := range l.Payments {
					l.Payments[i].Decline = payment.Decline{}
				}
			}),
			[]gatewaytest.Behaviour{"list: edges of the window"},
		},
		"a page that cannot be read is empty": {
			broken{list: func(ctx context.Context, g gateway.Gateway, w payment.Window, cursor string) (payment.Listing, error) {
				page, _ := g.List(ctx, w, cursor)
				return page, nil
			}},
			[]gatewaytest.Behaviour{"list: failures are errors"},
		},
		"every failure is our token's": {
			broken{list: func(ctx context.Context, g gateway.Gateway, w payment.Window, cursor string) (payment.Listing, error) {
				page, err := g.List(ctx, w, cursor)
				if err != nil {
					err = errors.Join(err, gateway.ErrMisconfigured)
				}
				return page, err
			}},
			[]gatewaytest.Behaviour{"list: failures are errors"},
		},
		"without end": {
			broken{list: func(ctx context.Context, g gateway.Gateway, w payment.Window, _ string) (payment.Listing, error) {
				page, err := g.List(ctx, w, "")
				page.Cursor = "again"
				return page, err
			}},
			[]gatewaytest.Behaviour{"list: edges of the window"},
		},
	} {
		t.Run(name, func(t *testing.T) { findsBug(t, tc.bug, tc.cases...) })
	}
}
