package stripe

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"duly/internal/gateway"
	"duly/internal/gateway/exchange"
	"duly/internal/payment"
)

// Look sends one GET by the intent's id if that is known, and else reads the intents of the customer until one has the key. The id of
// anything but an intent, such as a shop's ch_…, cannot be asked for.
func (c *Client) Look(ctx context.Context, w payment.Ref) payment.LookupResult {
	r := request{known: []string{w.Key, w.ID}, hidden: []string{w.GatewayCustomer}, customer: gateway.Customer(ctx), one: true}
	switch {
	case strings.HasPrefix(w.ID, "ch_"), strings.HasPrefix(w.ID, "py_"):
		return payment.LookupResult{Unaskable: true, Reason: "the id is that of a charge, and Stripe is asked for payment intents, pi_…"}
	case exchange.Segment(w.ID):
		return sight(c.get(ctx, r, w.ID), w.ID)
	case w.ID != "" || !isKey(w.Key):
		return payment.LookupResult{Unaskable: true, Reason: "neither a key nor an id that Stripe can be asked by"}
	case w.GatewayCustomer == "":
		return payment.LookupResult{Unaskable: true, Reason: errNoCustomer.Error()}
	}
	s := c.search(ctx, r, w.GatewayCustomer, w.Key)
	switch {
	case s.found != nil:
		p, why := s.found.payment(s.last.Clean, true)
		if why != "" {
			return payment.LookupResult{Reason: s.last.Unreadable(why)}
		}
		return payment.LookupResult{Payment: &p}
	case s.absent:
		return payment.LookupResult{Absent: true, Reason: "no payment of the customer has the key"}
	case s.why != "":
		return payment.LookupResult{Reason: s.why}
	}
	return unseen(s.last, false)
}

// sight says what the answer to a look-up of an id means.
func sight(a answer, id string) payment.LookupResult {
	if !a.ok() {
		return unseen(a, true)
	}
	p, why := a.payment(id)
	if why != "" {
		return payment.LookupResult{Reason: why}
	}
	return payment.LookupResult{Payment: &p}
}

// unseen is the result of a look-up that was not answered with a record. byID: one intent was asked for; a customer that Stripe does not
// know says nothing of its payments.
func unseen(a answer, byID bool) payment.LookupResult {
	if o, ok := a.Unanswered(); ok {
		return payment.LookupResult{Reason: o.Reason, Failure: o.Failure}
	}
	e, typed := readError(a.Body)
	return payment.LookupResult{
		Reason: a.text(), RetryAfter: a.RetryAfter, Failure: a.failed(), Misconfigured: a.misconfigured(),
		Absent: byID && typed && a.Status == http.StatusNotFound && e.Code == resourceMissing,
	}
}

// payment reads the intent in a; why says what is wrong with it. One that was asked for by its id must have that id.
func (a answer) payment(id string) (p payment.Payment, why string) {
	b, why := readIntent(a.Body)
	if why == "" {
		p, why = b.payment(a.Clean, true)
	}
	switch {
	case why != "":
		return payment.Payment{}, a.Unreadable(why)
	case p.ID != id:
		return payment.Payment{}, "200 with another payment, " + a.clean(p.ID)
	}
	return p, ""
}

// Cancel sends one POST. What Stripe could only refuse is EffectRejected without a request.
func (c *Client) Cancel(ctx context.Context, k payment.Cancel) payment.Reply {
	if err := checkChange(k.ID, k.Key); err != nil {
		return payment.Reply{Effect: payment.EffectRejected, Reason: err.Error()}
	}
	body := &form{}
	if k.Unfinished {
		body.add("cancellation_reason", abandoned)
	}
	body.add("expand[]", "latest_charge") // never without a body: see exchange.Request
	a := c.send(ctx, request{
		path: pathCancel, id: k.ID, body: body, key: k.Key, known: []string{k.ID, k.Key}, customer: gateway.Customer(ctx), one: true,
	})
	if !a.ok() {
		return refusedChange(a)
	}
	p, why := a.payment(k.ID)
	switch {
	case why != "":
		return payment.Reply{Reason: why}
	case !p.TookNone():
		return payment.Reply{Reason: "200 with a payment that is " + string(p.Status) + ", and not cancelled"}
	}
	return payment.Reply{Effect: payment.EffectDone, Payment: &p}
}

// refund is a Refund, as far as it is read.
type refund struct {
	Status        string    `json:"status"`
	Amount        int64     `json:"amount"`
	PaymentIntent reference `json:"payment_intent"`
}

// Refund sends one POST, and then one GET for the payment as it is now. What Stripe could only refuse is EffectRejected without a request.
func (c *Client) Refund(ctx context.Context, r payment.Refund) payment.Reply {
	err := checkChange(r.ID, r.Key)
	if r.Amount < 1 {
		err = errors.Join(err, errors.New("the amount must be at least 1"))
	}
	if err != nil {
		return payment.Reply{Effect: payment.EffectRejected, Reason: err.Error()}
	}
	body := &form{}
	body.add("payment_intent", r.ID)
	body.add("amount", strconv.FormatInt(r.Amount, 10))
	body.add("metadata["+metaKey+"]", r.Key)
	body.add("metadata["+metaReference+"]", payment.Cut(r.Reason, longestMetadata))
	about := request{known: []string{r.ID, r.Key}, customer: gateway.Customer(ctx), one: true}
	send := about
	send.path, send.body, send.key = pathRefunds, body, r.Key
	a := c.send(ctx, send)
	if !a.ok() {
		reply := refusedChange(a)
		if a.Err == nil && a.unlisted() && (reply.Effect == payment.EffectUnknown || reply.Effect == payment.EffectRejected) {
			return c.refundable(ctx, about, r, reply)
		}
		return reply
	}
	why := refunded(a, r)
	if why.Effect != payment.EffectDone {
		return why
	}
	now := sight(c.get(ctx, about, r.ID), r.ID)
	switch {
	case now.Payment == nil:
		return payment.Reply{Reason: "refunded, and then not shown: " + now.Reason, RetryAfter: now.RetryAfter, Failure: now.Failure}
	case now.Payment.Impossible() != "" || now.Payment.Refunded < r.Amount:
		return payment.Reply{Reason: "the payment does not show its refund yet"}
	}
	return payment.Reply{Effect: payment.EffectDone, Payment: now.Payment}
}

// refunded says what a 200 with a refund means; EffectDone is not yet that of the payment.
func refunded(a answer, r payment.Refund) payment.Reply {
	var b refund
	if err := json.Unmarshal(a.Body, &b); err != nil {
		return payment.Reply{Reason: a.Unreadable(exchange.Malformed(a.Body, err))}
	}
	if string(b.PaymentIntent) != r.ID || b.Amount != r.Amount {
		return payment.Reply{Reason: "200 with another refund than was asked for"}
	}
	switch b.Status {
	case "succeeded", "pending":
		return payment.Reply{Effect: payment.EffectDone}
	case "failed", "canceled":
		return payment.Reply{Effect: payment.EffectRefused, Reason: "the refund is " + b.Status}
	}
	return payment.Reply{Reason: exchange.UnknownStatus(b.Status, a.Clean)}
}

// unlisted reports whether Stripe says that the request is at fault, and not with a code that says what about it.
func (a answer) unlisted() bool {
	e, typed := readError(a.Body)
	bad := a.Status == http.StatusBadRequest || a.Status == http.StatusNotFound
	_, listed := e.codeClass()
	return typed && bad && e.Type == typeInvalid && (!listed || e.Code == resourceMissing)
}

// refundable looks at a payment of which a refund was refused in words that do not say why. One that has nothing to give back, or less than
// was asked for, says why, and so does one that Stripe does not know; reply stands for any other.
func (c *Client) refundable(ctx context.Context, about request, r payment.Refund, reply payment.Reply) payment.Reply {
	seen := sight(c.get(ctx, about, r.ID), r.ID)
	switch now := seen.Payment; {
	case now == nil && seen.Absent:
		reply.Effect = payment.EffectRejected
	case now == nil || now.Impossible() != "":
		reply.Effect = payment.EffectUnknown
	case now.Status != payment.Succeeded || now.Money.Amount-now.Refunded < r.Amount:
		reply.Effect = payment.EffectRefused
	default:
		reply.Effect = payment.EffectUnknown
	}
	return reply
}

// refusals are the codes of a definite no to a cancellation or a refund.
//
//nolint:gochecknoglobals // a constant list
var refusals = []string{"charge_already_refunded", "charge_disputed", "charge_not_refundable", "payment_intent_unexpected_state"}

// refusedChange says what an answer to a cancellation or a refund means that is no record. Whatever is not listed may have been executed.
func refusedChange(a answer) payment.Reply {
	if o, ok := a.Unanswered(); ok {
		r := payment.Reply{Effect: payment.EffectUnknown, Reason: o.Reason, Failure: o.Failure}
		if o.Kind == payment.NotExecuted {
			r.Effect = payment.EffectNone
		}
		return r
	}
	r := payment.Reply{Reason: a.text(), RetryAfter: a.RetryAfter, Failure: a.failed()}
	e, typed := readError(a.Body)
	if !typed || a.IsPage() {
		return r
	}
	switch c := e.class(a.Status); {
	case slices.Contains(refusals, e.Code):
		r.Effect = payment.EffectRefused
	case c == misconf:
		r.Effect = payment.EffectMisconfigured
	case c == none:
		r.Effect = payment.EffectNone
	case e.Code == resourceMissing, c == rejected && e.Code != "":
		r.Effect = payment.EffectRejected
	}
	return r
}

// checkChange finds what would ask for something else than was meant.
func checkChange(id, key string) error {
	switch {
	case !isKey(key):
		return errKey
	case !exchange.Segment(id):
		return errors.New("the payment's id is missing, or cannot be part of an address")
	}
	return nil
}
