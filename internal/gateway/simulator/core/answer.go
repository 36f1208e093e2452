package core

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"strconv"
	"time"

	"duly/internal/gateway/simulator/plan"
)

// Answer is what is said to one request.
type Answer struct {
	Code int
	// Body is written as JSON; nil: Text is written as it is, as ContentType.
	Body              any
	Text, ContentType string
	// Header has more fields.
	Header map[string]string
	// Refused: it says that the request was not executed.
	Refused bool

	half    bool // broken off in the middle
	dropped bool // no answer at all
	spoiled bool // not what the provider documents
}

// JSON is an answer with a JSON body.
func JSON(code int, body any) Answer { return Answer{Code: code, Body: body} }

// Plain is an answer that says no more than its status, as a proxy gives it: no contract is held against it.
func Plain(code int) Answer {
	return Answer{Code: code, Text: fmt.Sprintf("%d %s\n", code, http.StatusText(code)), ContentType: "text/plain; charset=utf-8", spoiled: true}
}

// With is a with one more field in its header.
func (a Answer) With(name, value string) Answer {
	header := maps.Clone(a.Header)
	if header == nil {
		header = map[string]string{}
	}
	header[name] = value
	a.Header = header
	return a
}

// tooMany is the dialect's 429 with Retry-After, unless that is negative.
func (s *Simulator) tooMany(retryAfter time.Duration) Answer {
	a := s.dialect.Refuse(TooFast, "")
	if retryAfter >= 0 {
		a = a.With("Retry-After", strconv.Itoa(int(math.Ceil(retryAfter.Seconds()))))
	}
	return a
}

// spoil turns the answer that a request would have had into the one that its fault gives.
func (s *Simulator) spoil(c *call, a Answer) Answer {
	x := c.strike
	switch x.Fault {
	case plan.NoFault, plan.Slow:
		return a
	case plan.DropBefore, plan.DropAfter, plan.TooManyAfter, plan.Late:
		return Answer{dropped: true}
	case plan.Err5xxBefore, plan.Err5xxAfter:
		return Plain([]int{500, 502, 503, 504}[x.Variant%4])
	case plan.TooMany:
		return s.tooMany(c.retry)
	case plan.NotExecuted:
		return s.dialect.Refuse(NothingDone, "").broken()
	case plan.Garbage:
		return s.dialect.Garbage(x.Variant).broken()
	case plan.HalfBody:
		a.half = true
		return a
	case plan.Redirect:
		return Answer{Code: http.StatusTemporaryRedirect}.With("Location", c.path+"?moved=1").broken()
	case plan.Conflict:
		if c.operation == OpCreate || c.operation == OpCancel || c.operation == OpRefund {
			return s.dialect.Refuse(UnderWay, "")
		}
		return s.dialect.Refuse(SlowDown, "")
	case plan.Empty400:
		return Plain(http.StatusBadRequest)
	case plan.Empty404:
		return Plain(http.StatusNotFound)
	}
	return a
}

// label is what the answer is counted as.
func (a Answer) label() string {
	switch {
	case a.dropped:
		return "dropped"
	case a.half:
		return "half"
	default:
		return strconv.Itoa(a.Code)
	}
}

func (a Answer) write(w http.ResponseWriter) {
	if a.dropped {
		drop(w)
		return
	}
	body, contentType := []byte(a.Text), a.ContentType
	if a.Body != nil {
		var err error
		if body, err = json.Marshal(a.Body); err != nil {
			drop(w)
			return
		}
		contentType = "application/json"
	}
	h := w.Header()
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	for name, value := range a.Header {
		h.Set(name, value)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(a.Code)
	if a.half {
		body = body[:len(body)/2] // shorter than announced: the server breaks the connection off
	}
	_, _ = w.Write(body)
}

// drop closes the connection without an answer; where it cannot, it answers 502, which says as little.
func drop(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	_ = conn.Close()
}
