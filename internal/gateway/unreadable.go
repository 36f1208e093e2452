package gateway

import (
	"fmt"

	"duly/internal/payment"
)

const (
	// mostUnreadable is how many charges in a row may be answered unreadably before the gateway is left alone. Every one of them is in
	// doubt, so a wrong URL or another version of the API must not reach all customers.
	mostUnreadable = 5
	// mostPages is how many charges in a row may be answered by a web page before the circuit opens, however few requests it has seen.
	// Each of them is in doubt as well, but a maintenance page goes away by itself.
	mostPages = 5
)

// legible notes how a charge was answered. Answers that say nothing of what the gateway speaks (none at all, an overload, a server
// error) neither count nor end a row. Several requests for one charge count once: the row may be at fault. It reports whether a row of
// pages is so long that the gateway is down.
func (p *Limited) legible(key string, o payment.Outcome) (down bool) {
	p.mu.Lock()
	switch {
	case o.Page:
		p.pages[key] = true
		if down = len(p.pages) >= mostPages; down {
			clear(p.pages)
		}
	case o.Unreadable:
		p.unread[key] = true
	case o.Kind != payment.InDoubt && o.Kind != payment.NotExecuted || o.LookUpOnly || o.PaymentID != "":
		clear(p.unread)
		clear(p.pages)
	}
	enough := len(p.unread) >= mostUnreadable && !p.illegible
	p.illegible = p.illegible || enough
	p.mu.Unlock()
	if enough {
		p.leave(fmt.Sprintf("%d charges in a row were answered with what cannot be read (%s)", mostUnreadable, o.Reason))
	}
	return down
}

// Illegible reports whether the gateway is left alone since nobody can read its answers to charges: the run has failed.
func (p *Limited) Illegible() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.illegible
}
