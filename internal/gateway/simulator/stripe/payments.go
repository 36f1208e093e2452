package stripe

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"duly/internal/gateway/simulator/core"
	"duly/internal/gateway/simulator/plan"
	"duly/internal/payment"
)

func (a api) getPaymentIntent(w http.ResponseWriter, r *http.Request) {
	q, err := query(r)
	expand, expandErr := q.expands("latest_charge")
	look := core.Look{Operation: core.OpGet, Subject: r.PathValue("id"), Refusal: invalid(first(err, q.only("expand[]"), expandErr))}
	a.s.Look(w, r, look, func(_ core.Books, p core.Payment) core.Answer { return core.JSON(http.StatusOK, wire(p, expand)) })
}

func (a api) cancelPaymentIntent(w http.ResponseWriter, r *http.Request) {
	p, key, sum, err := a.form(r)
	expand, expandErr := p.expands("latest_charge")
	err = first(err, p.only("cancellation_reason", "expand[]"), expandErr,
		p.among("cancellation_reason", "duplicate", "fraudulent", "requested_by_customer", "abandoned"))
	reason := p.Get("cancellation_reason")
	a.s.Change(w, r, core.Change{
		Operation: core.OpCancel, Key: key, Scope: key, ID: r.PathValue("id"), Sum: sum, Refusal: invalid(err),
		Do: func(b core.Books, p core.Payment) core.Answer {
			if !cancellable(b, p) {
				intent := wire(p, false)
				return failed(http.StatusBadRequest, wireError{
					Type: invalidRequest, Code: "payment_intent_unexpected_state", Message: "You cannot cancel this PaymentIntent because it has a status of " + intent.Status + ".",
					PaymentIntent: &intent,
				})
			}
			x := remembered(p)
			x.canceledFor, x.canceledAt = reason, b.Now().Unix()
			b.Remember(p, x)
			return core.JSON(http.StatusOK, wire(b.Cancel(p), expand))
		},
	})
}

// cancellable reports whether p can be cancelled: what waits for the customer or a card can, what succeeded or is cancelled cannot,
// and what is processing only where the bank will never decide it.
func cancellable(b core.Books, p core.Payment) bool {
	switch p.Status {
	case payment.Declined:
		return true
	case payment.Pending:
		return p.Outcome == plan.OutcomeRequiresAction || !b.WillBeDecided(p)
	case payment.Succeeded, payment.Canceled:
	}
	return false
}

// remembered is what the books remember of p, or what they would if it had been asked for here.
func remembered(p core.Payment) extra {
	if x, ok := p.Extra.(extra); ok {
		return x
	}
	return extra{metadata: metadata(p, extra{})}
}

// page is a list of the API.
type page struct {
	Object  string `json:"object"`
	URL     string `json:"url"`
	HasMore bool   `json:"has_more"`
	Data    any    `json:"data"`
}

const (
	defaultPage = 10
	maxPage     = 100
)

// limit reads how many of a list are wanted.
func (p params) limit() (int, error) {
	n, ok, err := p.whole("limit")
	switch {
	case err == nil && !ok:
		return defaultPage, nil
	case err == nil && (n < 1 || n > maxPage):
		return 0, wrong("parameter_invalid_integer", "limit", "limit must lie between 1 and 100")
	}
	return int(n), err
}

func (a api) listPaymentIntents(w http.ResponseWriter, r *http.Request) {
	q, err := parseListing(r)
	a.s.Ask(w, r, core.OpList, "list", func(b core.Books) core.Answer {
		if err != nil {
			return *invalid(err)
		}
		return q.answer(b)
	})
}

// listing is a question for payments, newest first.
type listing struct {
	customer      string
	from, to      time.Time // zero: no bound; to is exclusive
	startingAfter string
	limit         int
	expand        bool
}

func parseListing(r *http.Request) (q listing, err error) {
	p, err := query(r)
	var limitErr, expandErr, customerErr error
	q.customer, q.startingAfter = p.Get("customer"), p.Get("starting_after")
	q.limit, limitErr = p.limit()
	q.expand, expandErr = p.expands("data.latest_charge")
	if p.Has("customer") && q.customer == "" {
		customerErr = wrong("parameter_invalid_empty", "customer", "customer must not be empty")
	}
	err = first(err, p.only("customer", "created[gt]", "created[gte]", "created[lt]", "created[lte]", "starting_after", "limit", "expand[]"),
		limitErr, expandErr, customerErr)
	for _, bound := range []struct {
		name  string
		upper bool
		plus  int64
	}{{"created[gte]", false, 0}, {"created[gt]", false, 1}, {"created[lt]", true, 0}, {"created[lte]", true, 1}} {
		seconds, ok, numberErr := p.whole(bound.name)
		at := time.Unix(seconds+bound.plus, 0) // created is cut to seconds
		err = first(err, numberErr)
		switch {
		case !ok:
		case bound.upper && (q.to.IsZero() || at.Before(q.to)):
			q.to = at
		case !bound.upper && at.After(q.from):
			q.from = at
		}
	}
	return q, err
}

func (q listing) answer(b core.Books) core.Answer {
	at := q.to
	if at.IsZero() {
		at = b.Now().AddDate(1, 0, 0) // some are put in with a later time
	}
	to := b.Start(at)
	if q.startingAfter != "" {
		last, ok := b.ByID(q.startingAfter)
		if !ok {
			return failed(http.StatusBadRequest, wireError{Type: invalidRequest, Code: "resource_missing", Param: "starting_after", Message: "No such payment_intent"})
		}
		if before := b.Position(last); to.Later(before) == to {
			to, at = before, last.CreatedAt
		}
	}
	found, more := q.newest(b, b.Start(q.from), to, at)
	return core.JSON(http.StatusOK, page{Object: "list", URL: "/v1/payment_intents", HasMore: more, Data: found})
}

// newest lists the newest payments between two positions, of which the upper one is at a time, and whether there are more. It
// goes back in steps that grow, so that a page does not cost a walk through the whole window.
func (q listing) newest(b core.Books, from, to core.Position, at time.Time) (found []wireIntent, more bool) {
	found = []wireIntent{}
	for step := time.Second; ; step *= 4 {
		at = at.Add(-step)
		lower := b.Start(at).Later(from)
		for _, next := range slices.Backward(slices.Collect(b.Between(lower, to))) {
			p := b.At(next)
			switch {
			case q.customer != "" && p.GatewayCustomer != q.customer:
			case len(found) == q.limit:
				return found, true
			default:
				found = append(found, wire(p, q.expand))
			}
		}
		if lower == from || step > longestStep {
			return found, false
		}
		to = lower
	}
}

// longestStep ends the walk: with those before it reaches back for decades.
const longestStep = 50 * 365 * 24 * time.Hour

func lower(currency string) string { return strings.ToLower(currency) }

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
