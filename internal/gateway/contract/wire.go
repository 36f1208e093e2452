package contract

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"duly/internal/redact"
)

// Exchange is a request and its answer, without secrets.
type Exchange struct {
	Request string `json:"request"`       // method, and what is asked for
	Key     string `json:"key,omitempty"` // the idempotency key
	Body    string `json:"body,omitempty"`
	Status  int    `json:"status"` // 0: there is no answer
	Answer  string `json:"answer,omitempty"`
	Lost    string `json:"lost,omitempty"` // why there is no answer, or none that the client saw
	breach  *Error
	moves   bool
	api     API
}

// Loss is how the suite loses the answer to one of its requests.
type Loss string

// The ways to lose an answer.
const (
	ThrownAway Loss = "the suite threw the answer away"
	CutOff     Loss = "the suite cut its connection after the request was sent"
)

var errLost = errors.New("connection lost by the suite")

// Wire stands between a gateway's client and its connections. It notes what is sent and answered, compares bodies with the contract,
// and loses answers. It is safe for concurrent use. The zero Wire is ready, for docs/payments-api.yaml.
type Wire struct {
	// API is whose requests and answers these are.
	API API
	// Every is how far apart requests begin at least; 0: they are not slowed down.
	Every time.Duration
	// Now is the time, for Every.
	Now func() time.Time

	mu        sync.Mutex
	exchanges []*Exchange
	loss      Loss      // of the next request that moves money
	page      int       // how many payments a listing asks for; 0: as its client does
	free      time.Time // when the next request may begin
	burst     int       // how many of the next requests are not slowed down
}

// Wrap goes around a transport.
func (w *Wire) Wrap(next http.RoundTripper) http.RoundTripper { return wired{w, next} }

// Begin forgets what was noted, and what was to be lost.
func (w *Wire) Begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.exchanges, w.loss = nil, ""
}

// Last is the newest exchange; nil: there is none.
func (w *Wire) Last() *Exchange {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.exchanges) == 0 {
		return nil
	}
	return w.exchanges[len(w.exchanges)-1]
}

// Listed is the newest listing with a payment of that id; nil: there is none.
func (w *Wire) Listed(id string) *Exchange {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range slices.Backward(w.exchanges) {
		if w.API.lists(e) && strings.Contains(e.Answer, `"`+id+`"`) {
			return e
		}
	}
	return nil
}

// Broken is the first body that breaks the contract; nil: there is none.
func (w *Wire) Broken() *Error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.exchanges {
		if e.breach != nil {
			b := *e.breach
			b.At = e
			return &b
		}
	}
	return nil
}

// Receipts are what the answers to requests for a payment name the movements of money by, each once.
func (w *Wire) Receipts(id string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, e := range w.exchanges {
		if !e.moves || !strings.Contains(e.Request, id) {
			continue
		}
		if receipt := w.API.receiptOf(e); receipt != "" && !slices.Contains(all, receipt) {
			all = append(all, receipt)
		}
	}
	return all
}

// Lose loses the answer to the next request that moves money.
func (w *Wire) Lose(how Loss) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loss = how
}

// Burst lets the next n requests begin at once.
func (w *Wire) Burst(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.burst = n
}

// turn is how long a request waits before it begins.
func (w *Wire) turn() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.burst > 0 {
		w.burst--
		return 0
	}
	if w.Every == 0 {
		return 0
	}
	now := w.Now()
	if w.free.Before(now) {
		w.free = now
	}
	wait := w.free.Sub(now)
	w.free = w.free.Add(w.Every)
	return wait
}

// Pages makes listings ask for so many payments a page.
func (w *Wire) Pages(size int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.page = size
}

// note begins an exchange, and says how its answer is to be lost.
func (w *Wire) note(e *Exchange) (how Loss, page int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.exchanges = append(w.exchanges, e)
	e.api = w.API
	if e.moves {
		how, w.loss = w.loss, ""
	}
	if w.API.Provider == "" {
		page = w.page
	}
	return how, page
}

func (w *Wire) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// wired is a transport with a Wire around it.
type wired struct {
	wire *Wire
	next http.RoundTripper
}

// longestAnswer is how much of an answer is read, in bytes: more than any client of ours takes.
const longestAnswer = 16 << 20

// RoundTrip implements http.RoundTripper.
func (w wired) RoundTrip(req *http.Request) (*http.Response, error) {
	if !Wait(req.Context(), w.wire.turn()) {
		return nil, req.Context().Err()
	}
	req, e, err := noted(req, w.wire.API)
	if err != nil {
		return nil, err
	}
	how, page := w.wire.note(e)
	if query := req.URL.Query(); page > 0 && query.Has("limit") {
		query.Set("limit", strconv.Itoa(page))
		req.URL.RawQuery = query.Encode()
		w.wire.set(func() { e.Request = req.Method + " " + req.URL.RequestURI() })
	}
	if how != "" {
		req.Close = true // what was lost is no connection for the next request
	}
	if how == CutOff {
		ctx, cut := context.WithCancel(req.Context())
		defer cut()
		req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { cut() }}))
	}
	resp, body, err := w.exchange(req, e)
	w.wire.set(func() {
		if err == nil {
			e.Status, e.Answer = resp.StatusCode, string(body)
			if e.api.Provider == "" {
				e.breach = bodyBreach(req.Method, req.URL.Path, resp.StatusCode, body)
			}
		} else {
			e.Lost = "no answer: " + err.Error()
		}
		if how != "" {
			e.Lost, e.breach = string(how), nil
		}
	})
	if how != "" {
		return nil, errLost
	}
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// exchange sends a request, and again for a while where it is answered 429 and that says that the request did nothing: a sandbox may be slow.
func (w wired) exchange(req *http.Request, e *Exchange) (resp *http.Response, body []byte, err error) {
	const longest, most = 5 * time.Second, 20
	usual := 200 * time.Millisecond
	if e.api.Provider != "" {
		usual = 3 * time.Second // the limits of providers are of a minute
	}
	for range most {
		if e.Body != "" {
			req.Body = io.NopCloser(strings.NewReader(e.Body)) // without GetBody: nobody sends it again by himself
		}
		if resp, err = w.next.RoundTrip(req); err != nil {
			return nil, nil, err
		}
		body, err = io.ReadAll(io.LimitReader(resp.Body, longestAnswer))
		_ = resp.Body.Close() // read to its end, or broken
		if err != nil || resp.StatusCode != http.StatusTooManyRequests || e.moves && e.api.TooManyUnsure {
			return resp, body, err
		}
		wait := usual
		if seconds, wrong := strconv.Atoi(resp.Header.Get("Retry-After")); wrong == nil && seconds > 0 {
			wait = min(time.Duration(seconds)*time.Second, longest)
		}
		if !Wait(req.Context(), wait) {
			break
		}
	}
	return resp, body, nil
}

// Wait waits for so long; false: the context ended meanwhile.
func Wait(ctx context.Context, wait time.Duration) bool {
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// noted is a copy of a request, and the exchange that it begins.
func noted(req *http.Request, api API) (*http.Request, *Exchange, error) {
	e := &Exchange{Request: req.Method + " " + req.URL.RequestURI(), Key: req.Header.Get("Idempotency-Key"), moves: api.moves(req)}
	sent := req.Clone(req.Context())
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, nil, err
		}
		_ = req.Body.Close()
		e.Body = string(body)
		sent.GetBody = nil
	}
	return sent, e, nil
}

// bodyBreach compares an answer that says what became of a payment with the contract.
func bodyBreach(method, path string, status int, body []byte) *Error {
	const payments = "/v1/payments"
	switch {
	case status != http.StatusOK && status != http.StatusPaymentRequired:
		return nil
	case method == http.MethodGet && strings.HasSuffix(path, payments):
		return listBreach(body)
	}
	return paymentBreach(body)
}

// private are the fields whose values nobody is shown.
var private = regexp.MustCompile(`"(payment_method|gateway_customer|customer_id)"(\s*:\s*)"(?:\\.|[^"\\])*"`)

// longestShown is how much of a body is shown, in characters.
const longestShown = 600

// Shown is a copy of the exchange without the values, none of which names the payment, and with bodies of some lines at most.
func (e *Exchange) Shown(values []string) *Exchange {
	if e == nil {
		return nil
	}
	hide := redact.NewPrivate(values, []string{e.Key})
	clean := func(s string) string {
		s = private.ReplaceAllString(s, `"$1"$2"`+redact.Hidden+`"`)
		s = strings.Join(strings.Fields(hide.String(strings.ToValidUTF8(s, "�"))), " ")
		if utf8.RuneCountInString(s) > longestShown {
			s = string([]rune(s)[:longestShown]) + "…"
		}
		return s
	}
	shown := *e
	shown.Request, shown.Body, shown.Answer, shown.Lost, shown.breach = clean(e.Request), clean(e.api.shown(e.Body)), clean(e.api.shown(e.Answer)), clean(e.Lost), nil
	return &shown
}
