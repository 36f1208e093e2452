package refunds

import (
	"fmt"

	"duly/internal/payment"
)

// Held is what decides how an operator can resolve a refund in review.
type Held struct {
	ID   uint64
	Sent bool // a request of it may have been executed
	// Executed: the refund was executed, and its money is recorded. An operator must fix what kept its follow_up or restock from being done.
	Executed bool
	// Shown: it was not sent, since the gateway shows refunded money that no row records. That money may be this refund.
	Shown bool
	// Gone: the row of its payment does not exist, so no gateway can be asked.
	Gone bool
}

// Way is a resolution of a refund in review, with the condition under which it is right.
type Way struct {
	As   payment.Resolution
	When string
}

// Ways lists the accepted resolutions of a refund in review, each with its condition. Every screen shows all of them: only the provider's page shows which of
// refunded and not_executed is right, and the wrong one refunds twice, or never.
func (h Held) Ways() []Way {
	switch {
	case h.Executed:
		return []Way{
			{payment.AsRefunded, "once its reason is fixed: what was to follow from the refund is done"},
			{payment.AsIgnored, "its money stays recorded as refunded, and what was to follow is left to the shop"},
		}
	case h.Gone:
		return []Way{{payment.AsIgnored, "its payment's row does not exist, so no gateway can be asked: nothing more is sent for it, whatever the provider's page shows"}}
	case h.Shown:
		return []Way{
			{payment.AsRefunded, "if the provider's page shows that this refund was executed (after a restore: it was sent before that)"},
			{payment.AsNotExecuted, "if somebody else refunded that money: then duly refund requests this one again"},
			{payment.AsIgnored, "nothing more is sent for it and nothing is recorded, so that the next refund of its payment waits for the same answer"},
		}
	case h.Sent:
		return []Way{
			{payment.AsRefunded, "if the provider's page shows it; its gateway is asked"},
			{payment.AsNotExecuted, "if it does not: then duly refund requests another one"},
			{payment.AsIgnored, "nothing more is sent for it"},
		}
	}
	return []Way{
		{payment.AsNotExecuted, "if the provider's page does not show it: then duly refund requests another one; its gateway is asked"},
		{payment.AsRefunded, "if the page shows it: somebody has refunded it there"},
		{payment.AsIgnored, "nothing more is sent for it"},
	}
}

// Either is a line with the first two ways: the command, and its alternative.
func (h Held) Either() string {
	ways := h.Ways()
	line := fmt.Sprintf("duly resolve refund %d --as %s --reason … %s", h.ID, ways[0].As, ways[0].When)
	if len(ways) > 1 {
		line += fmt.Sprintf("; --as %s %s", ways[1].As, ways[1].When)
	}
	return line
}

// Held returns what decides the ways to resolve r, which is in review.
func (r Refund) Held() Held {
	return Held{ID: r.ID, Sent: r.Sent != nil, Executed: r.Sent != nil && r.Status == Review && !r.Unsettled, Shown: r.Shown > 0}
}

// Follows says what an accepted resolution of c leads to. It never offers another refund without its condition.
func (c Claimed) Follows(as payment.Resolution) string {
	switch {
	case c.Executed() && as == payment.AsIgnored:
		return "its money stays recorded as refunded; what was to follow is left to the shop"
	case as == payment.AsRefunded:
		return "its money is recorded as refunded"
	case as == payment.AsNotExecuted && c.Shown > 0:
		return "it is never sent again, and what the gateway shows counts as somebody else's refund; if the customer is still to get this one, duly refund requests it again"
	case c.Shown > 0:
		return "it is never sent again, and nothing is recorded: the next refund of its payment waits for the same answer, and is sent once that one is resolved as not_executed"
	case as == payment.AsNotExecuted:
		return "it is never sent again; if it is still wanted, duly refund requests another one"
	}
	return "it is never sent again; if the provider's page does not show it, duly refund requests another one"
}

// Alone returns why c cannot be resolved together with other refunds; empty: it can.
func (c Claimed) Alone(as payment.Resolution) string {
	if c.Shown == 0 || as == payment.AsIgnored {
		return ""
	}
	return fmt.Sprintf("the gateway shows %s refunded, and %s are recorded: whose money it is must be looked up for each. Type it by its id: %s", c.money(c.Shown), c.money(c.Recorded), c.Held().Either())
}
