package core

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"mime"
	"net/http"
	"slices"
	"time"

	"duly/internal/gateway/simulator/plan"
	"duly/internal/payment"
)

// MaxBody is the longest request body that is read, in bytes.
const MaxBody = 64 << 10

// ReadBody reads the body of r, which must be of a media type if there is one.
func ReadBody(r *http.Request, mediaType string) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > MaxBody:
		return nil, fmt.Errorf("the body is longer than %d bytes", MaxBody)
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); len(body) > 0 && (err != nil || t != mediaType) {
		return nil, errors.New("the body must be " + mediaType)
	}
	return body, nil
}

// ReadJSON reads one JSON value that has no fields but those of out.
func ReadJSON(body []byte, out any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(out); err != nil {
		return err
	}
	if d.More() {
		return errors.New("there is more than one JSON value")
	}
	return nil
}

// Sum stands for the bytes of a request, within one process.
func (s *Simulator) Sum(body []byte) uint64 { return maphash.Bytes(s.bodySeed, body) }

// Charge serves a charge.
func (s *Simulator) Charge(w http.ResponseWriter, r *http.Request, ch Charge) {
	s.reply(w, r, s.beginCharge(r, ch))
}

// beginCharge makes the call for a charge.
func (s *Simulator) beginCharge(r *http.Request, ch Charge) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.admit(OpCreate, r)
	if ch.Handle == "" {
		if s.rules.Recall || ch.Scope == "" {
			c.refused = cmp.Or(c.refused, ch.Refusal)
		}
		c.reserve = func() (Answer, bool) { return s.holdLocked(ch.Scope) }
		c.effect = func() Answer { return s.refuse(ch) }
		return c
	}
	at := s.book.touch(ch.Handle)
	s.book.name(at, ch.Key)
	k := s.book.keys.at(at)
	k.arrive(ch.Sum)
	if c.refused == nil && k.takesTooMany() {
		a := s.tooMany(s.cfg.Faults.RetryAfter)
		c.refused = &a
	}
	if s.rules.Recall || ch.Scope == "" {
		c.refused = cmp.Or(c.refused, ch.Refusal)
	} else if c.inside {
		ch.Refusal, c.refused = c.refused, nil
	}
	b, planned := s.cfg.BehaviourOf(ch.Method)
	s.meet(c, &s.cfg.Faults, ch.Key, k.requests, b.Fault)
	k.struck(c)
	if !planned {
		b = s.byShare(ch.Key)
	}
	c.reserve = func() (Answer, bool) { return s.reserve(at, ch.Scope) }
	c.effect = func() Answer { return s.settleCharge(at, ch, b) }
	c.settle = k.answered
	return c
}

// refuse answers a charge that says nothing by which it could be noted.
func (s *Simulator) refuse(ch Charge) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.once(ch.Scope, ch.Sum, s.clock(), func() Answer { return *ch.Refusal })
}

// byShare is the behaviour for methods that have none of their own.
func (s *Simulator) byShare(keyText string) plan.Behaviour {
	if s.cfg.Shares == (plan.Shares{}) {
		return plan.Behaviour{}
	}
	b := plan.Behaviour{First: s.cfg.Shares.Draw(plan.Stream(s.cfg.Seed, plan.ForOutcome, keyText, 0).Float64())}
	if b.First.Result().Name == plan.PendingName && s.cfg.Pending.Ends() != plan.PendingName {
		b.Then, _ = plan.OutcomeByName(s.cfg.Pending.Ends())
		b.Decided, b.Lookups = true, -1
	}
	return b
}

// reserve marks the key as under way, or turns the request away because it is already.
func (s *Simulator) reserve(at uint32, scope string) (Answer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cfg.NoKeys {
		return Answer{}, false
	}
	if !s.rules.Recall {
		return s.hold(scope)
	}
	k := s.book.keys.at(at)
	if k.flags&busy != 0 {
		return s.dialect.Refuse(UnderWay, ""), true
	}
	k.flags |= busy
	return Answer{}, false
}

// settleCharge executes a charge, or repeats what was said to the same key before.
func (s *Simulator) settleCharge(at uint32, ch Charge, b plan.Behaviour) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	if !s.rules.Recall {
		return s.once(ch.Scope, ch.Sum, now, func() Answer { return s.execute(at, ch, b, now) })
	}
	s.book.keys.at(at).flags &^= busy
	if a, known := s.replay(at, ch.Sum, now); known {
		return a
	}
	return s.execute(at, ch, b, now)
}

const askedFor = "the payment method asks for this answer"

// execute executes a charge, for those who hold mu.
func (s *Simulator) execute(at uint32, ch Charge, b plan.Behaviour, now time.Time) Answer {
	if ch.Refusal != nil {
		return *ch.Refusal
	}
	if ch.Check != nil {
		if a := ch.Check(s.books()); a != nil {
			return *a
		}
	}
	if why, turned := s.standing(at); turned {
		return s.dialect.Refuse(why, "")
	}
	o := ch.turned(s.book.next(b, ch))
	res := o.Result()
	if s.book.deleted[ch.Method] {
		return s.dialect.Refuse(DeletedMethod, "")
	}
	if why, refused := refusalOf(res); refused {
		if s.rules.Recall && s.cfg.KeepRejects && why == Rejected {
			s.book.rejects[at] = rejection{body: ch.Sum, at: now}
		}
		return s.dialect.Refuse(why, askedFor)
	}
	if res.Status == "" {
		return s.dialect.Unclear(s.variant(ch.Key))
	}
	paid := s.book.add(at, ch, o, now)
	if b.Decided {
		s.book.undecided[paid] = s.waiting(b, now)
	}
	if res.Unclear {
		return s.dialect.Unclear(s.variant(ch.Key))
	}
	return s.firstAnswer(paid)
}

// turned is what outcome o becomes because of what ch asks for.
func (ch Charge) turned(o plan.Outcome) plan.Outcome {
	if other, ok := plan.OutcomeByName(ch.Instead[o.Result().Name]); ok {
		return other
	}
	return o
}

// variant draws which face an unclear answer to a key has.
func (s *Simulator) variant(keyText string) int {
	return plan.Stream(s.cfg.Seed, plan.ForUnclear, keyText, 0).IntN(1 << 16)
}

// standing returns why the earlier payments of a handle allow no further one, if they do not.
func (s *Simulator) standing(keyAt uint32) (Refusal, bool) {
	if !s.rules.PaidOnce && s.rules.Tries == 0 {
		return 0, false
	}
	tries := 0
	for at := s.book.keys.at(keyAt).newest; at != 0; at = s.book.payments.at(at - 1).prev {
		if s.rules.PaidOnce && s.book.payments.at(at-1).status != declinedStatus {
			return AlreadyPaid, true
		}
		tries++
	}
	return TooManyTries, s.rules.Tries > 0 && tries >= s.rules.Tries
}

// replay answers from the memory of the key, while it lives.
func (s *Simulator) replay(at uint32, body uint64, now time.Time) (Answer, bool) {
	if s.cfg.NoKeys {
		return Answer{}, false
	}
	if r, ok := s.book.rejects[at]; ok && s.alive(r.at, now) {
		if r.body != body {
			return s.dialect.Refuse(KeyReused, ""), true
		}
		return s.dialect.Replayed(s.dialect.Refuse(Rejected, askedFor)), true
	}
	newest := s.book.keys.at(at).newest
	if newest == 0 || !s.alive(time.UnixMicro(s.book.created(newest-1)), now) {
		return Answer{}, false
	}
	if s.book.payments.at(newest-1).body != body {
		return s.dialect.Refuse(KeyReused, ""), true
	}
	return s.dialect.Replayed(s.firstAnswer(newest - 1)), true
}

// alive reports whether a key executed then is still remembered now.
func (s *Simulator) alive(then, now time.Time) bool {
	if then.Before(s.forgotten) {
		return false
	}
	life := s.cfg.KeyLife
	if life == 0 {
		life = s.rules.KeyLife
	}
	if zone := s.rules.ByDay; zone != nil && s.cfg.KeyLife == 0 && life > 0 {
		year, month, day := then.Add(life).In(zone).Date()
		return now.Before(time.Date(year, month, day, 0, 0, 0, 0, zone))
	}
	return life == 0 || now.Sub(then) < life
}

// next is the outcome of the next charge of a reference with a behaviour that may count.
func (b *book) next(v plan.Behaviour, ch Charge) plan.Outcome {
	if v.Times == 0 {
		return v.First
	}
	counter := ch.Method + "\x00" + ch.Reference
	b.charges[counter]++
	if b.charges[counter] > v.Times {
		return v.Then
	}
	return v.First
}

// waiting says when a payment that is pending now will be decided.
func (s *Simulator) waiting(b plan.Behaviour, now time.Time) waiting {
	w := waiting{then: b.Then, lookups: b.Lookups}
	if b.Lookups >= 0 {
		return w
	}
	p := s.cfg.Pending
	if p.For > 0 {
		w.until = now.Add(p.For).UnixMicro()
	}
	if p.Lookups > 0 || p.For <= 0 {
		w.lookups = p.Lookups
	}
	return w
}

// firstAnswer is what was or is said to the charge that made the payment.
func (s *Simulator) firstAnswer(at uint32) Answer {
	first := s.book.payments.at(at).first
	p := s.view(at)
	p.Status, p.Refunded, p.Refunds, p.Parts = first.public(), 0, 0, nil
	if first != declinedStatus {
		p.DeclineCode, p.Decline = "", payment.Decline{}
	}
	return s.dialect.Charged(p)
}

// view is the payment at as the API shows it now.
func (s *Simulator) view(at uint32) Payment {
	rec := s.book.payments.at(at)
	res := rec.outcome.Result()
	p := Payment{
		Entry: s.book.entry(at), Handle: s.book.keys.at(rec.key).text, Serial: uint64(at) + 1, Outcome: res.Name,
		Parts: s.book.refunded[at].parts, Extra: s.book.extras[at], at: at,
	}
	if skew := s.cfg.ClockSkew; skew != 0 {
		p.CreatedAt, p.Parts = p.CreatedAt.Add(skew), slices.Clone(p.Parts)
		for i := range p.Parts {
			p.Parts[i].At = p.Parts[i].At.Add(skew)
		}
	}
	if p.DeclineCode != "" {
		p.Decline = res.Decline
	}
	return p
}
