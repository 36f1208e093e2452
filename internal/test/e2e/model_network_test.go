package e2e_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"duly/internal/gateway/simulator"
)

// modelNetwork is what lies between the workers and the gateways. Requests that move money stay in it until the
// trace delivers or loses them; look-ups pass at once.
type modelNetwork struct {
	sims map[string]*simulator.Simulator
	down chan struct{} // closed at the end of the trace

	mu      sync.Mutex
	open    bool // everything passes at once
	lookUps modelLookUps
	slots   map[string]*modelSlot // by X-Request-ID
	// messages are not delivered yet.
	messages []*modelMessage
	// maybeExecuted counts, by gateway and key, requests that are not known to have been left unexecuted.
	maybeExecuted map[string]int
}

// modelLookUps says what becomes of look-ups.
type modelLookUps int

const (
	lookUpsPass modelLookUps = iota
	lookUpsFail
	lookUpsBreak
)

// modelMessage is one request that moves money, on its way.
type modelMessage struct {
	gateway  string
	key      string
	path     string
	header   http.Header
	body     []byte
	deadline time.Time // it is delivered or lost by then
	// reply goes to the worker that waits; it is nil once nobody does.
	reply chan modelReply
}

// modelReply is what the worker gets; the zero value breaks its connection.
type modelReply struct {
	status int
	header http.Header
	body   []byte
}

var errModelDead = errors.New("the process is dead")

func newModelNetwork(sims map[string]*simulator.Simulator) *modelNetwork {
	return &modelNetwork{sims: sims, down: make(chan struct{}), slots: map[string]*modelSlot{}, maybeExecuted: map[string]int{}}
}

// end lets nothing wait any more.
func (n *modelNetwork) end() { close(n.down) }

// clear lets everything through from now on, and gateways decide what is pending soon.
func (n *modelNetwork) clear() {
	for _, sim := range n.sims {
		sim.Update(func(c *simulator.Config) { c.Pending.For = time.Second })
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open, n.lookUps = true, lookUpsPass
}

func (n *modelNetwork) setLookUps(to modelLookUps) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lookUps = to
}

// expect makes slot the sender of the requests with that id.
func (n *modelNetwork) expect(requestID string, slot *modelSlot) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.slots[requestID] = slot
}

func (n *modelNetwork) sender(r *http.Request) (slot *modelSlot, lookUps modelLookUps, open bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.slots[r.Header.Get("X-Request-ID")], n.lookUps, n.open
}

// serve stands before a gateway.
func (n *modelNetwork) serve(name string, w http.ResponseWriter, r *http.Request) {
	slot, lookUps, open := n.sender(r)
	switch {
	case open:
		n.sims[name].ServeHTTP(w, r)
		return
	case r.Method != http.MethodPost:
		n.lookUp(lookUps, name, w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || slot == nil {
		breakModelConnection(w)
		return
	}
	m := &modelMessage{
		gateway: name, key: r.Header.Get("Idempotency-Key"), path: r.URL.Path, header: r.Header, body: body,
		reply: make(chan modelReply, 1),
	}
	slot.happen(modelEvent{phase: slotWaiting, message: m})
	select {
	case reply := <-m.reply:
		reply.write(w)
	case <-n.down:
		breakModelConnection(w)
	}
}

func (n *modelNetwork) lookUp(mode modelLookUps, name string, w http.ResponseWriter, r *http.Request) {
	switch mode {
	case lookUpsFail:
		w.WriteHeader(http.StatusBadGateway)
	case lookUpsBreak:
		breakModelConnection(w)
	case lookUpsPass:
		n.sims[name].ServeHTTP(w, r)
	}
}

func (reply modelReply) write(w http.ResponseWriter) {
	if reply.status == 0 {
		breakModelConnection(w)
		return
	}
	maps.Copy(w.Header(), reply.header)
	w.WriteHeader(reply.status)
	_, _ = w.Write(reply.body) // whether the worker still reads is its own affair
}

func breakModelConnection(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// deliver lets a message take effect at its gateway, and returns the answer.
func (n *modelNetwork) deliver(m *modelMessage) modelReply {
	r := httptest.NewRequest(http.MethodPost, m.path, bytes.NewReader(m.body))
	r.Header = m.header.Clone()
	recorder := httptest.NewRecorder()
	n.sims[m.gateway].ServeHTTP(recorder, r)
	return modelReply{status: recorder.Code, header: recorder.Header(), body: recorder.Body.Bytes()}
}

// wrap makes workers wait for the trace before each request that moves money. The guard is asked after that.
func (n *modelNetwork) wrap(next http.RoundTripper) http.RoundTripper {
	return modelTripper{n, next}
}

type modelTripper struct {
	net  *modelNetwork
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t modelTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	slot, ok := r.Context().Value(modelSlotKey{}).(*modelSlot)
	if !ok || r.Method != http.MethodPost {
		return t.next.RoundTrip(r)
	}
	if !slot.mayGoOn(t.net.down) {
		return nil, errors.Join(errModelDead, r.Body.Close())
	}
	return t.next.RoundTrip(r)
}
