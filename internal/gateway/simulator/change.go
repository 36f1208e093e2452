package simulator

import (
	"encoding/json"
	"errors"
	"hash/maphash"
	"net/http"
	"time"
)

// change is what is remembered of a refund's or a cancellation's key.
type change struct {
	key

	done  bool
	by    uint64 // the body that did it
	at    time.Time
	first answer
}

func (s *Simulator) cancelPayment(w http.ResponseWriter, r *http.Request) {
	s.change(w, r, opCancel, nil, func(at uint32) answer {
		if s.book.payments.at(at).status != pendingStatus {
			return failed(http.StatusConflict, "already_decided", "the payment is decided already")
		}
		s.book.cancel(at)
		return answer{code: http.StatusOK, payload: s.wire(at)}
	})
}

func (s *Simulator) refundPayment(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Amount int64  `json:"amount"`
		Reason string `json:"reason"`
	}
	parse := func(body []byte) error {
		if err := json.Unmarshal(body, &in); err != nil {
			return err
		}
		if in.Amount < 1 {
			return errors.New("amount must be at least 1")
		}
		return nil
	}
	s.change(w, r, opRefund, parse, func(at uint32) answer {
		rec := s.book.payments.at(at)
		if rec.status != succeeded || in.Amount > rec.amount-s.book.refunded[at].amount {
			return failed(http.StatusConflict, "more_than_paid", "more than was paid and not refunded yet")
		}
		s.book.giveBack(at, in.Amount)
		return answer{code: http.StatusOK, payload: s.wire(at)}
	})
}

// change serves an operation that changes a payment, once for each key. Do is called with mu held; parse
// reads the body, if the operation has one.
func (s *Simulator) change(w http.ResponseWriter, r *http.Request, operation string, parse func([]byte) error, do func(at uint32) answer) {
	body, err := readBody(r)
	if err == nil && parse != nil {
		err = parse(body)
	}
	id, keyText := r.PathValue("id"), r.Header.Get("Idempotency-Key")
	err = errors.Join(keyError(keyText), err)
	sum := maphash.Bytes(s.bodySeed, append([]byte(operation+id+"\x00"), body...))

	s.mu.Lock()
	c := s.admit(operation, r)
	memory := s.changes[keyText]
	if memory == nil {
		memory = &change{key: key{text: keyText}}
		s.changes[keyText] = memory
	}
	memory.arrive(c, sum, s.cfg.ChangeFaults.RetryAfter)
	s.meet(c, &s.cfg.ChangeFaults, keyText, memory.requests, strikeRule{})
	memory.struck(c)
	s.mu.Unlock()
	c.settle = memory.answered
	c.effect = func() answer {
		if err != nil {
			return refusal(http.StatusBadRequest, "invalid_request", err.Error())
		}
		return s.once(memory, sum, id, do)
	}
	s.reply(w, r, c)
}

// once does a change, or repeats what was said to the same key before.
func (s *Simulator) once(memory *change, sum uint64, id string, do func(at uint32) answer) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	if memory.done && !s.cfg.NoKeys && s.alive(memory.at, now) {
		if memory.by != sum {
			return keyReused()
		}
		a := memory.first
		a.replayed = true
		return a
	}
	at, ok := s.book.byID(id)
	if !ok {
		return failed(http.StatusNotFound, "not_found", "no such payment")
	}
	s.book.tick(at, now)
	a := do(at)
	if a.code == http.StatusOK {
		memory.done, memory.by, memory.at, memory.first = true, sum, now, a
	}
	return a
}
