package payment

import (
	"fmt"
	"strings"
	"time"
)

// Evidence is what was found out about a charge at one moment, for an operator who settles it. The zero Evidence proves
// nothing.
type Evidence struct {
	// ByKey is the look-up by the charge's own key, ByID the one by an id that is stored for it, which is made only where
	// the key brought no record. Unaskable: the gateway has no such look-up, or is not configured.
	ByKey, ByID LookupResult
	// Named is the look-up of the payment that the operator names.
	Named LookupResult
	// Begun is when the first look-up was begun, by the business clock.
	Begun time.Time
	// Elsewhere: the charge was sent to another account than the one that was asked.
	Elsewhere bool
	// Lasting: the gateway would still show the charge if it had been executed.
	Lasting bool
	// Vetting is what the controls say that were asked for after an answer that would free the charge to be made again.
	Vetting Vetting
	Gateway string // the name of the gateway that was asked
}

// Inference is what evidence says about whether a charge was executed.
type Inference uint8

// The inferences; the zero value proves nothing, also not later.
const (
	// InferNothing: the gateway cannot say. What an operator found out counts.
	InferNothing Inference = iota
	// InferEnded: the gateway's record of the charge says that it took no money.
	InferEnded
	// InferAbsent: the gateway has no record of the charge, and would show it. That proves that nothing was executed if the
	// look-up was begun after the last request could take effect.
	InferAbsent
	// InferTaken: the gateway's record says that it took money, or may take it.
	InferTaken
	// InferAgain: it could not be found out now, or the answers contradict each other; nothing counts meanwhile.
	InferAgain
)

// NotExecuted says what e proves about whether c was executed, with the gateway's record if there is one that is ours, and
// why. id is the stored id of c's payment, which may be somebody else's. A record counts only if it is c's in every field:
// ids and keys come back after a restore, and a gateway may mix up its answers.
func (e Evidence) NotExecuted(c Charge, id string) (inferred Inference, record *Payment, why string) {
	if p := e.ByKey.Payment; p != nil {
		return e.record(c, p)
	}
	if why := e.ByKey.open(); why != "" {
		return InferAgain, nil, "the gateway could not be asked (" + why + ")"
	}
	if id != "" {
		switch p := e.ByID.Payment; {
		case p != nil && c.sameKey(*p):
			return e.record(c, p)
		case p != nil: // the stored id is another charge's, and says nothing about this one
		case e.ByID.Absent:
			return InferAgain, nil, fmt.Sprintf("the gateway gave it the id %s and does not know it now, which proves nothing: ask the provider", id)
		case e.ByID.open() != "":
			return InferAgain, nil, "the gateway could not be asked (" + e.ByID.open() + ")"
		}
	}
	return e.absent()
}

// open is why the look-up brought no answer; empty if there is one, or nothing can be asked.
func (s LookupResult) open() string {
	switch {
	case s.Payment != nil || s.Absent || s.Unaskable:
		return ""
	case s.Reason == "":
		return "no answer"
	}
	return s.Reason
}

// sameKey reports whether p was made under the key of c, as far as c has one.
func (c Charge) sameKey(p Payment) bool { return c.Key == "" || c.Key == p.Key }

// record judges by a record that the gateway gave for c.
func (e Evidence) record(c Charge, p *Payment) (Inference, *Payment, string) {
	if c.Key == "" {
		c.Key = p.Key
	}
	field := c.Mismatch(*p)
	took := !p.TookNone()
	switch {
	case field == "idempotency_key":
		return InferAgain, nil, fmt.Sprintf("the gateway answers for payment %s, which has another key: ask the provider", p.ID)
	case field != "" && took:
		return InferAgain, nil, fmt.Sprintf("the gateway has payment %s under its key, which is %s, and its %s is not ours: ask the provider", p.ID, p.Status, field)
	case field != "":
		return InferNothing, nil, fmt.Sprintf("%s of payment %s is not ours", field, p.ID)
	case took:
		return InferTaken, p, fmt.Sprintf("the gateway says that payment %s is %s", p.ID, p.Status)
	case e.Elsewhere:
		return InferNothing, nil, "it was sent to another account"
	case e.Vetting.Failed(), e.Vetting.Unknown(): // a copy of the account may hold a decline under the same key
		return InferAgain, nil, e.Vetting.Reason(e.Gateway)
	}
	return InferEnded, p, fmt.Sprintf("payment %s is %s", p.ID, p.Status)
}

// absent judges without a record.
func (e Evidence) absent() (Inference, *Payment, string) {
	switch {
	case !e.ByKey.Absent:
		return InferNothing, nil, "the gateway cannot be asked by its key"
	case e.Elsewhere:
		return InferNothing, nil, "it was sent to another account"
	case e.Vetting.Failed():
		return InferAgain, nil, e.Vetting.Reason(e.Gateway)
	case !e.Lasting:
		return InferNothing, nil, "gateway " + e.Gateway + " may have forgotten it"
	case e.Vetting.Unknown():
		return InferAgain, nil, e.Vetting.Reason(e.Gateway)
	case !e.Vetting.Proves():
		return InferNothing, nil, e.Vetting.Reason(e.Gateway)
	}
	return InferAbsent, nil, "the gateway never saw it"
}

// Given says whether the gateway shows that all of c's money was refunded, with its record, or why not. unknown: the
// gateway cannot say, so that what an operator found out counts.
func (e Evidence) Given(c Charge, id string) (record *Payment, unknown bool, why string) {
	p := e.ByKey.Payment
	if p == nil && id != "" && e.ByKey.open() == "" {
		p = e.ByID.Payment
	}
	switch {
	case p != nil:
	case e.ByKey.open() != "":
		return nil, false, "the gateway could not be asked (" + e.ByKey.open() + "): try again"
	case id != "" && e.ByID.Absent:
		return nil, false, fmt.Sprintf("the gateway does not know payment %s now, which proves nothing: ask the provider; --as ignored charges no more", id)
	case id != "" && e.ByID.open() != "":
		return nil, false, "the gateway could not be asked (" + e.ByID.open() + "): try again"
	case e.ByKey.Absent:
		return nil, false, "the gateway knows no such payment, so nothing was refunded: --as not_executed"
	default:
		return nil, true, "the gateway cannot be asked by its key"
	}
	// What is refunded under the charge's own key is refunded, whatever else the record says.
	switch {
	case p.ForeignChannel != "":
		return nil, false, fmt.Sprintf("payment %s is of %s, which is not ours: ask the provider; --as ignored charges no more", p.ID, p.ChannelField())
	case c.Key != "" && p.Key != c.Key:
		return nil, false, fmt.Sprintf("payment %s has another key: ask the provider; --as ignored charges no more", p.ID)
	case c.Key == "" && (p.Reference != c.Reference || !p.IsOf(c.CustomerID)):
		return nil, false, fmt.Sprintf("payment %s has another reference or customer: ask the provider; --as ignored charges no more", p.ID)
	case p.HoldsNothing():
		return p, false, ""
	case p.Impossible() != "":
		return nil, false, fmt.Sprintf("the gateway shows payment %s with %s: ask the provider; --as ignored charges no more", p.ID, p.Impossible())
	}
	return nil, false, fmt.Sprintf("the gateway says that payment %s is %s, %s of %s refunded", p.ID, p.Status, Money{p.Refunded, p.Money.Currency}, p.Money)
}

// Wait writes how long there is still to wait for people, rounded up to minutes.
func Wait(d time.Duration) string {
	return strings.TrimSuffix((d.Truncate(time.Minute) + time.Minute).String(), "0s")
}
