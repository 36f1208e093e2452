package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"duly/internal/payment"
)

// ListError is why an adapter could not read a page. It wraps ErrMisconfigured if our credentials were refused.
type ListError struct {
	Reason        string // for people, without secrets
	Misconfigured bool
	Failure       bool          // it counts against the gateway's circuit
	RetryAfter    time.Duration // how long the gateway asked us to wait; 0 for no wish
	NoList        bool          // there is no list at that address: HTTP status 404, 405 or 501
}

func (e *ListError) Error() string {
	if e.Misconfigured {
		return ErrMisconfigured.Error() + ": " + e.Reason
	}
	return e.Reason
}

// Unwrap makes ErrMisconfigured found by errors.Is.
func (e *ListError) Unwrap() error {
	if e.Misconfigured {
		return ErrMisconfigured
	}
	return nil
}

// List reads one page of the gateway's payments within its limits, again where it could not be read. It returns
// early as Charge does. The error wraps ErrMisconfigured if our credentials were refused.
func (p *Limited) List(ctx context.Context, w payment.Window, cursor string) (payment.Listing, error) {
	var (
		page payment.Listing
		err  error
	)
	tries, held := p.requests(ctx, p.limits.Tries, Request{Kind: RequestList}, func(ctx context.Context) reading {
		page, err = p.gateway.List(ctx, w, cursor)
		r := reading{again: err != nil, outcome: saidListed, count: func(s *Stats) { s.Listings++ }}
		if known := new(ListError); errors.As(err, &known) {
			r.failure, r.misconfigured, r.reason, r.wish = known.Failure, known.Misconfigured, known.Reason, known.RetryAfter
		} else if err != nil {
			r.failure, r.misconfigured, r.reason = ctx.Err() == nil, errors.Is(err, ErrMisconfigured), err.Error()
		}
		r.again = r.again && !r.misconfigured
		switch {
		case r.misconfigured:
			r.outcome = saidMisconfigured
		case err != nil:
			r.outcome = saidNothing
		}
		return r
	})
	switch {
	case tries == 0:
		return payment.Listing{}, fmt.Errorf("gateway %s: not listed: %s", p.name, held)
	case err != nil:
		return payment.Listing{}, fmt.Errorf("gateway %s: list payments: %w", p.name, err)
	}
	return page, nil
}
