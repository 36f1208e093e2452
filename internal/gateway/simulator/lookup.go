package simulator

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

func (s *Simulator) findPaymentByKey(w http.ResponseWriter, r *http.Request) {
	keyText := r.PathValue("key")
	s.reply(w, r, s.beginLookup(opFind, r, keyText, func() answer {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.cfg.NoFind {
			return plain(http.StatusNotFound)
		}
		at, ok := s.book.find(keyText)
		if ok {
			at, ok = s.book.ofKey(at)
		}
		if ok && s.cfg.FindForgets && !s.alive(time.UnixMicro(s.book.created(at)), s.clock()) {
			ok = false
		}
		return s.found(at, ok)
	}))
}

func (s *Simulator) getPayment(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s.reply(w, r, s.beginLookup(opGet, r, id, func() answer {
		s.mu.Lock()
		defer s.mu.Unlock()
		at, ok := s.book.byID(id)
		return s.found(at, ok)
	}))
}

// beginLookup makes the call for a look-up of a key or an id.
func (s *Simulator) beginLookup(operation string, r *http.Request, subject string, effect func() answer) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.admit(operation, r)
	var keyAt uint32
	if paid, ok := s.book.byID(subject); ok && operation == opGet {
		keyAt = s.book.payments.at(paid).key
	} else {
		keyAt = s.book.touch(subject)
	}
	k := s.book.keys.at(keyAt)
	k.lookups++
	s.meet(c, &s.cfg.LookupFaults, subject, k.lookups, strikeRule{})
	c.effect = effect
	return c
}

// found answers with a payment as it stands now.
func (s *Simulator) found(at uint32, ok bool) answer {
	if !ok {
		return failed(http.StatusNotFound, "not_found", "no such payment")
	}
	s.book.lookedUp(at, s.clock())
	return answer{code: http.StatusOK, payload: s.wire(at)}
}

// page is the answer to listPayments.
type page struct {
	Data       []wirePayment `json:"data"`
	NextCursor *string       `json:"next_cursor"`
}

const (
	defaultPage = 500
	maxPage     = 1000
)

func (s *Simulator) listPayments(w http.ResponseWriter, r *http.Request) {
	q, err := parseListing(r.URL.Query())
	s.mu.Lock()
	c := s.admit(opList, r)
	s.listed++
	s.meet(c, &s.cfg.LookupFaults, "list", s.listed, strikeRule{})
	s.mu.Unlock()
	c.effect = func() answer {
		if err != nil {
			return refusal(http.StatusBadRequest, "invalid_request", err.Error())
		}
		return s.list(q)
	}
	s.reply(w, r, c)
}

// listing is a question for the payments of a window of time.
type listing struct {
	from, to time.Time
	cursor   position
	limit    int
}

func parseListing(v url.Values) (listing, error) {
	from, fromErr := time.Parse(time.RFC3339Nano, v.Get("created_from"))
	to, toErr := time.Parse(time.RFC3339Nano, v.Get("created_to"))
	q := listing{from: from, to: to, limit: defaultPage}
	var cursorErr, limitErr error
	if text := v.Get("cursor"); text != "" {
		q.cursor, cursorErr = parsePosition(text)
	}
	if text := v.Get("limit"); text != "" {
		if q.limit, limitErr = strconv.Atoi(text); q.limit < 1 || q.limit > maxPage {
			limitErr = errors.New("limit must lie between 1 and 1000")
		}
	}
	return q, errors.Join(fromErr, toErr, cursorErr, limitErr)
}

func (s *Simulator) list(q listing) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	p := page{Data: []wirePayment{}}
	from := position{created: ceilMicro(q.from.Add(-s.cfg.ClockSkew))}
	if q.cursor.compare(from) > 0 {
		from = q.cursor
	}
	end := ceilMicro(q.to.Add(-s.cfg.ClockSkew))
	for next := range s.book.from(from) {
		if next.created >= end {
			break
		}
		if len(p.Data) == q.limit {
			cursor := next.String()
			p.NextCursor = &cursor
			break
		}
		s.book.tick(next.at, now)
		p.Data = append(p.Data, s.wire(next.at))
	}
	return answer{code: http.StatusOK, payload: p}
}
