package refunds

import (
	"fmt"

	"duly/internal/payment"
)

// Held is a refund in review, as far as the words depend on it that an operator may say of it.
type Held struct {
	ID   uint64
	Sent bool // a request of it may have been executed
	// Executed: it was, and its money is recorded; a person must look at what was to follow from it.
	Executed bool
	// Shown: it was not sent, since the gateway shows money that is recorded nowhere and that may be this refund.
	Shown bool
	// Gone: the row of its payment is not there, so that no gateway can be asked.
	Gone bool
}

// Way is a word about a refund in review, and when it is right.
type Way struct {
	As   payment.Resolution
	When string
}

// Ways lists the words that are accepted of a refund in review, each with its condition. Every screen shows these, and never one of refunded and
// not executed without the other: which of them is right is on the provider's page alone, and the wrong one refunds twice, or never.
func (h Held) Ways() []Way {
	switch {
	case h.Executed:
		return []Way{
			{payment.AsRefunded, "once what it says is put right: what was to follow from the refund is done"},
			{payment.AsIgnored, "its money stays recorded as refunded, and what was to follow is left to the shop"},
		}
	case h.Gone:
		return []Way{{payment.AsIgnored, "its payment's row is not there, so that no gateway can be asked: nothing more is sent for it, whatever the provider's page shows"}}
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

// Either is the words about the money, in a line.
func (h Held) Either() string {
	ways := h.Ways()
	line := fmt.Sprintf("duly resolve refund %d --as %s --reason … %s", h.ID, ways[0].As, ways[0].When)
	if len(ways) > 1 {
		line += fmt.Sprintf("; --as %s %s", ways[1].As, ways[1].When)
	}
	return line
}

// Held is r, in review, for the words about it.
func (r Refund) Held() Held {
	return Held{ID: r.ID, Sent: r.Sent != nil, Executed: r.Sent != nil && r.Status == Review && !r.Unsettled, Shown: r.Shown > 0}
}

// Follows says what an accepted word about c leads to. Another refund is offered on its condition alone.
func (c Claimed) Follows(as payment.Resolution) string {
	switch {
	case c.Executed() && as == payment.AsIgnored:
		return "its money stays recorded as refunded; what was to follow is left to the shop"
	case as == payment.AsRefunded:
		return "its money is recorded as refunded"
	case as == payment.AsNotExecuted && c.Shown > 0:
		return "it is never sent again, and what the gateway shows counts as somebody else's refund; if the customer is still to get this one, duly refund requests it again"
	case c.Shown > 0:
		return "it is never sent again, and nothing is recorded: the next refund of its payment waits for the same answer, and goes out once --as not_executed was said of it"
	case as == payment.AsNotExecuted:
		return "it is never sent again; if it is still wanted, duly refund requests another one"
	}
	return "it is never sent again; if the provider's page does not show it, duly refund requests another one"
}

// Alone says why a word about c is not taken of many refunds at once; empty: it may be.
func (c Claimed) Alone(as payment.Resolution) string {
	if c.Shown == 0 || as == payment.AsIgnored {
		return ""
	}
	return fmt.Sprintf("the gateway shows %s refunded, and %s are recorded: whose money it is must be looked up for each. Type it by its id: %s", c.money(c.Shown), c.money(c.Recorded), c.Held().Either())
}
