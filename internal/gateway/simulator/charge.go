package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"mime"
	"net/http"
	"time"
	"unicode/utf8"
)

// request is a charge as it was asked for.
type request struct {
	reference, customer, method, currency string
	gatewayCustomer                       string // empty: none
	amount                                int64
	body                                  uint64 // hash of the bytes
}

// maxBody is the longest request body that is read, in bytes.
const maxBody = 64 << 10

func (s *Simulator) createPayment(w http.ResponseWriter, r *http.Request) {
	body, bodyErr := readBody(r)
	keyText := r.Header.Get("Idempotency-Key")
	req, err := parseRequest(body)
	if err = errors.Join(keyError(keyText), bodyErr, err); err != nil {
		req = request{}
	}
	req.body = maphash.Bytes(s.bodySeed, body)
	s.reply(w, r, s.beginCharge(r, keyText, req, err))
}

// beginCharge makes the call for a charge; invalid says what is wrong with the request.
func (s *Simulator) beginCharge(r *http.Request, keyText string, req request, invalid error) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.admit(opCreate, r)
	if keyError(keyText) != nil {
		if c.refused == nil {
			a := refusal(http.StatusBadRequest, "invalid_request", invalid.Error())
			c.refused = &a
		}
		return c
	}
	at := s.book.touch(keyText)
	k := s.book.keys.at(at)
	k.arrive(c, req.body, s.cfg.Faults.RetryAfter)
	if c.refused == nil && invalid != nil {
		a := refusal(http.StatusBadRequest, "invalid_request", invalid.Error())
		c.refused = &a
	}
	b, planned := s.cfg.behaviourOf(req.method)
	s.meet(c, &s.cfg.Faults, keyText, k.requests, b.fault)
	k.struck(c)
	if !planned {
		b = s.byShare(keyText)
	}
	c.reserve = func() (answer, bool) { return s.reserve(at) }
	c.effect = func() answer { return s.charge(at, req, b) }
	c.settle = k.answered
	return c
}

// byShare is the behaviour for methods that have none of their own.
func (s *Simulator) byShare(keyText string) behaviour {
	if s.cfg.Shares == (Shares{}) {
		return behaviour{}
	}
	b := behaviour{first: s.cfg.Shares.draw(stream(s.cfg.Seed, forOutcome, keyText, 0).Float64())}
	if b.first.result().name == pendingName && s.cfg.Pending.ends() != pendingName {
		b.then, _ = outcomeByName(s.cfg.Pending.ends())
		b.decided, b.lookups = true, -1
	}
	return b
}

// reserve marks the key as under way, or turns the request away because it is already.
func (s *Simulator) reserve(at uint32) (answer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.book.keys.at(at)
	if s.cfg.NoKeys {
		return answer{}, false
	}
	if k.flags&busy != 0 {
		return underWay(), true
	}
	k.flags |= busy
	return answer{}, false
}

// charge executes a charge, or repeats what was said to the same key before.
func (s *Simulator) charge(at uint32, req request, b behaviour) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	k := s.book.keys.at(at)
	k.flags &^= busy
	if a, known := s.replay(at, req.body, now); known {
		return a
	}
	o := s.book.next(b, req)
	if res := o.result(); res.code != 0 {
		if s.cfg.KeepRejects && res.code == http.StatusBadRequest {
			s.book.rejects[at] = rejection{body: req.body, at: now}
		}
		return refusal(res.code, res.name, "the payment method asks for this answer")
	}
	paid := s.book.add(at, req, o, now)
	if b.decided {
		s.book.undecided[paid] = s.waiting(b, now)
	}
	return s.firstAnswer(paid)
}

// replay answers from the memory of the key, while it lives.
func (s *Simulator) replay(at uint32, body uint64, now time.Time) (answer, bool) {
	if s.cfg.NoKeys {
		return answer{}, false
	}
	if r, ok := s.book.rejects[at]; ok && s.alive(r.at, now) {
		if r.body != body {
			return keyReused(), true
		}
		a := refusal(http.StatusBadRequest, "reject", "the payment method asks for this answer")
		a.replayed = true
		return a, true
	}
	newest := s.book.keys.at(at).newest
	if newest == 0 || !s.alive(time.UnixMicro(s.book.created(newest-1)), now) {
		return answer{}, false
	}
	if s.book.payments.at(newest-1).body != body {
		return keyReused(), true
	}
	a := s.firstAnswer(newest - 1)
	a.replayed = true
	return a, true
}

func keyReused() answer {
	return failed(http.StatusUnprocessableEntity, "key_reused", "this key was used with another body")
}

// alive reports whether a key executed then is still remembered now.
func (s *Simulator) alive(then, now time.Time) bool {
	return !then.Before(s.forgotten) && (s.cfg.KeyLife == 0 || now.Sub(then) < s.cfg.KeyLife)
}

// next is the outcome of the next charge of a reference with a behaviour that may count.
func (b *book) next(v behaviour, req request) outcome {
	if v.times == 0 {
		return v.first
	}
	counter := req.method + "\x00" + req.reference
	b.charges[counter]++
	if b.charges[counter] > v.times {
		return v.then
	}
	return v.first
}

// waiting says when a payment that is pending now will be decided.
func (s *Simulator) waiting(b behaviour, now time.Time) waiting {
	w := waiting{then: b.then, lookups: b.lookups}
	if b.lookups >= 0 {
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
func (s *Simulator) firstAnswer(at uint32) answer {
	rec := s.book.payments.at(at)
	p := s.wire(at)
	p.Status, p.RefundedAmount = rec.first.public(), 0
	if rec.first != declinedStatus {
		p.Decline = nil
		return answer{code: http.StatusOK, payload: p}
	}
	return answer{code: http.StatusPaymentRequired, payload: p}
}

// wire is the payment at as the API shows it.
func (s *Simulator) wire(at uint32) wirePayment {
	e := s.book.entry(at)
	p := wirePayment{
		ID: e.ID, Status: e.Status, IdempotencyKey: e.Key, Reference: e.Reference, CustomerID: e.CustomerID,
		Amount: e.Amount, Currency: e.Currency, RefundedAmount: e.Refunded, CreatedAt: e.CreatedAt.Add(s.cfg.ClockSkew),
		GatewayCustomer: e.GatewayCustomer,
	}
	r := s.book.payments.at(at).outcome.result()
	if d := r.decline; e.DeclineCode != "" {
		p.Decline = &wireDecline{Class: d.Class, Code: d.Code, NetworkCode: d.NetworkCode, AdviceCode: d.AdviceCode, Message: d.Message, Network: d.Network}
	}
	p.NewMethod = r.renewed
	return p
}

func keyError(keyText string) error {
	if keyText == "" || len(keyText) > 64 {
		return errors.New("Idempotency-Key must have 1 to 64 characters")
	}
	return nil
}

func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxBody:
		return nil, fmt.Errorf("the body is longer than %d bytes", maxBody)
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); len(body) > 0 && (err != nil || t != "application/json") {
		return nil, errors.New("the body must be application/json")
	}
	return body, nil
}

// parseRequest reads a PaymentRequest.
func parseRequest(body []byte) (request, error) {
	var in struct {
		Reference   *string `json:"reference"`
		CustomerID  *string `json:"customer_id"`
		Method      *string `json:"payment_method"`
		MethodType  string  `json:"method_type"`
		Amount      *int64  `json:"amount"`
		Currency    *string `json:"currency"`
		Description string  `json:"description"`
		// GatewayCustomer is the second identifier of the method.
		GatewayCustomer *string           `json:"gateway_customer"`
		Metadata        map[string]string `json:"metadata"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return request{}, err
	}
	if d.More() {
		return request{}, errors.New("there is more than one JSON value")
	}
	if in.Reference == nil || in.CustomerID == nil || in.Method == nil || in.Amount == nil || in.Currency == nil {
		return request{}, errors.New("reference, customer_id, payment_method, amount and currency are required")
	}
	switch {
	case utf8.RuneCountInString(*in.Reference) > 64:
		return request{}, errors.New("reference is longer than 64 characters")
	case *in.Amount < 1:
		return request{}, errors.New("amount must be at least 1")
	case !validCurrency(*in.Currency):
		return request{}, errors.New("currency must be three capital letters")
	case in.GatewayCustomer == nil:
		in.GatewayCustomer = new("")
	case *in.GatewayCustomer == "" || utf8.RuneCountInString(*in.GatewayCustomer) > 300:
		return request{}, errors.New("gateway_customer must have 1 to 300 characters")
	}
	return request{
		reference: *in.Reference, customer: *in.CustomerID, method: *in.Method, amount: *in.Amount, currency: *in.Currency,
		gatewayCustomer: *in.GatewayCustomer,
	}, nil
}

func validCurrency(s string) bool {
	if len(s) != 3 {
		return false
	}
	for _, c := range s {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}
