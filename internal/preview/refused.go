package preview

import (
	"duly/internal/billing"
	"duly/internal/payment"
	"duly/readers"
)

// named names an invoice, or its subscription if it is not issued yet.
func named(inv readers.OpenInvoice) (what string, id uint64) {
	if inv.ID == 0 {
		return "subscription", inv.SubscriptionID
	}
	return "invoice", inv.ID
}

// review counts an invoice that would go to review.
func (f *billingWalk) review(inv readers.OpenInvoice, why string) {
	f.Review++
	what, id := named(inv)
	f.problems.add(what, ProblemReview, why, id)
}

// refused returns why the gateway's adapter would reject the charge of an invoice without sending it; empty: it would send it.
func (f *billingWalk) refused(inv readers.OpenInvoice, claim billing.Claim) string {
	sub := inv.Subscription
	g, ok := f.Gateways[sub.Gateway]
	if !ok {
		return ""
	}
	reference := billing.Reference(inv.SubscriptionID, inv.Due)
	err := g.CheckCharge(payment.Charge{
		Key: billing.Under(f.KeyPrefixes[sub.Gateway], claim.Key), Reference: reference, CustomerID: sub.CustomerID, Method: sub.Method, GatewayCustomer: sub.GatewayCustomer,
		MethodType: sub.MethodType, Description: sub.Description, Money: inv.Money, BodyVersion: payment.BodyVersion(sub.GatewayCustomer),
	})
	if err != nil {
		return err.Error()
	}
	return ""
}
