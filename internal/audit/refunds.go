package audit

import "duly/internal/payment"

// RefundedThere returns how much of a payment that we say was paid its gateway shows as refunded in all, if that is more than we recorded and
// nothing else differs: somebody refunded at the provider. That is recorded, and no finding. What differs otherwise is believed in nothing.
func (s Seen) RefundedThere(now Ours) (total int64, is bool) {
	p := s.Sight.Payment
	if p == nil || !s.Known || now.Standing != Paid || now.GatewayID != "" && now.GatewayID != p.ID {
		return 0, false
	}
	took := p.Status == payment.Succeeded || p.RefundedInFull()
	if !took || p.Impossible() != "" || p.Money != now.Money || p.Refunded <= now.Refunded {
		return 0, false
	}
	if _, differs := compareIdentity(now, *p); differs {
		return 0, false
	}
	return p.Refunded, true
}
