package gateway

import (
	"fmt"

	"duly/internal/payment"
)

// mostUnreadable is how many charges in a row may be answered unreadably before the gateway is left alone. Every one of them is in
// doubt, so a wrong URL or another version of the API must not reach all customers.
const mostUnreadable = 5

// legible notes how a charge was answered. Answers that say nothing of what the gateway speaks (none at all, an overload, a server
// error) neither count nor end a row. Several requests for one charge count once: the row may be at fault.
func (p *Paced) legible(key string, o payment.Outcome) {
	p.mu.Lock()
	switch {
	case o.Unreadable:
		p.unread[key] = true
	case o.Kind != payment.InDoubt && o.Kind != payment.NotExecuted || o.LookUpOnly || o.PaymentID != "":
		clear(p.unread)
	}
	enough := len(p.unread) >= mostUnreadable && !p.illegible
	p.illegible = p.illegible || enough
	p.mu.Unlock()
	if enough {
		p.leave(fmt.Sprintf("%d charges in a row were answered with what cannot be read (%s)", mostUnreadable, o.Reason))
	}
}

// Illegible reports whether the gateway is left alone since nobody can read its answers to charges: the run has failed.
func (p *Paced) Illegible() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.illegible
}
