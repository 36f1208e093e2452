package gateway

import "duly/internal/payment"

// ChargeChecker is a gateway that can say of a charge, without sending anything, why it would reject it unsent; nil: it would send it.
type ChargeChecker interface{ CheckCharge(c payment.Charge) error }

// CheckCharge implements [ChargeChecker].
func (p *Limited) CheckCharge(c payment.Charge) error { return NewDryRun(p.gateway).CheckCharge(c) }

// CheckCharge implements [ChargeChecker]; a gateway without it rejects nothing.
func (u *DryRun) CheckCharge(c payment.Charge) error {
	if checker, ok := u.gateway.(ChargeChecker); ok {
		return checker.CheckCharge(c)
	}
	return nil
}
