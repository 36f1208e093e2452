package audit

import "duly/internal/payment"

// Ends are the earliest and the latest payment of ours that each gateway was seen to show, by its name. They stand around
// whatever lies between them, however much of that is missing at the gateway. The zero Ends is empty; it is not safe for
// concurrent use.
type Ends struct{ gateways map[string]*span }

type span struct{ first, last payment.Control }

// Add takes note of a record that a gateway shows of o.
func (e *Ends) Add(gateway string, o Ours, p payment.Payment) {
	if o.Gateway != gateway || o.Standing != Paid || o.Key == "" || o.Key != p.Key || o.GatewayID != "" && o.GatewayID != p.ID {
		return
	}
	shown := payment.Control{
		Key: p.Key, Reference: p.Reference, CustomerID: p.CustomerID, Money: p.Money, PaymentID: p.ID, At: o.CreatedAt,
	}
	if e.gateways == nil {
		e.gateways = map[string]*span{}
	}
	at := e.gateways[gateway]
	if at == nil {
		e.gateways[gateway] = &span{shown, shown}
		return
	}
	if shown.At.Before(at.first.At) {
		at.first = shown
	}
	if shown.At.After(at.last.At) {
		at.last = shown
	}
}

// Of gives the earliest and the latest at a gateway, as controls; none if there is none.
func (e *Ends) Of(gateway string) (first, last []payment.Control) {
	if at := e.gateways[gateway]; at != nil {
		return []payment.Control{at.first}, []payment.Control{at.last}
	}
	return nil, nil
}
