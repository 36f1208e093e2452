package outbox

import "sync"

// Held counts the bytes of payloads that are held for a sink. Its methods are safe for concurrent use.
type Held struct {
	mu    sync.Mutex
	bytes int
	most  int
	freed chan struct{} // closed at the next release; nil if there are no waiters
}

// Take counts bytes that were read.
func (h *Held) Take(bytes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bytes += bytes
	h.most = max(h.most, h.bytes)
}

// Free drops the payload of e and counts its bytes no more.
func (h *Held) Free(e *Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bytes -= len(e.Payload)
	e.Payload = nil
	if h.freed != nil {
		close(h.freed)
		h.freed = nil
	}
}

// Most returns the largest number of bytes that were held at once.
func (h *Held) Most() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.most
}

// Await waits until no more than limit bytes are held. It reports false if one of the channels is closed before.
func (h *Held) Await(limit int, done, stopping <-chan struct{}) bool {
	for {
		h.mu.Lock()
		if h.bytes <= limit {
			h.mu.Unlock()
			return true
		}
		if h.freed == nil {
			h.freed = make(chan struct{})
		}
		freed := h.freed
		h.mu.Unlock()
		select {
		case <-freed:
		case <-done:
			return false
		case <-stopping:
			return false
		}
	}
}
