package steps

import (
	"context"
	"time"

	"duly/internal/gateway"
	"duly/internal/payment"
)

// Inquiry is a charge that an operator settles, and what is known of it.
type Inquiry struct {
	Charge   payment.Charge
	StoredID string // the id of its payment, as stored; it may be another charge's
	Named    string // the payment that the operator names; empty if he names none
	Created  time.Time
	// Controls are what an absence is checked by.
	Controls payment.Controls
	// Elsewhere: it was sent to another account than the one that is asked.
	Elsewhere bool
	RequestID string // for both sides' logs
}

// Inquire asks g about q: about the payment that the operator names alone, or else by the charge's own key, and by the
// stored id only where the key brings no record. controls are asked for last. now is the business clock.
func Inquire(ctx context.Context, g *gateway.Limited, q Inquiry, controls *Controls, now func() time.Time) payment.Evidence {
	ctx = gateway.WithCustomer(ctx, q.Charge.CustomerID)
	able := g.Capabilities()
	e := payment.Evidence{Begun: now(), Elsewhere: q.Elsewhere, Gateway: g.Name()}
	if q.Named != "" {
		e.Named = g.Look(ctx, payment.Ref{ID: q.Named, RequestID: q.RequestID})
		return e
	}
	age := e.Begun.Sub(q.Created)
	e.Lasting = able.KeyLife > 0 && (able.LookupOutlivesKey || age < able.KeyLife-able.LongestRequest) &&
		(able.Retention == 0 || age < able.Retention)
	e.ByKey = g.Look(ctx, payment.Ref{Key: q.Charge.Key, GatewayCustomer: q.Charge.GatewayCustomer, RequestID: q.RequestID})
	if q.StoredID != "" && (e.ByKey.Absent || e.ByKey.Unaskable) {
		e.ByID = g.Look(ctx, payment.Ref{ID: q.StoredID, RequestID: q.RequestID})
	}
	if p := e.ByKey.Payment; !e.Elsewhere && (p == nil && !e.ByKey.Unaskable || p != nil && p.TookNone()) {
		e.Vetting = controls.Vet(ctx, g, q.Controls, payment.BothSides)
	}
	return e
}

// Uninquired is the evidence about a charge whose gateway is not configured here: nobody can be asked.
func Uninquired(name string, now func() time.Time) payment.Evidence {
	s := payment.LookupResult{Unaskable: true, Reason: "gateway " + name + " is not configured"}
	return payment.Evidence{ByKey: s, ByID: s, Named: s, Begun: now(), Gateway: name}
}
