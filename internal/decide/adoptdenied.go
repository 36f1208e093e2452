package decide

import (
	"context"
	"errors"
	"fmt"
	"time"

	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/store"
)

// listedAround is how far a payment may lie in a gateway's list from when it was made by our clock.
const listedAround = 15 * time.Minute

// deny finds out whether the gateway really does not know a charge that it listed once: asked by the charge's key too, and
// once more by its id after it has shown a payment that it took, in each of these ways. If it knows the charge after all,
// that is returned.
func (ad *adopter) deny(ctx context.Context, c charged) (now payment.Payment, denied bool, err error) {
	if ad.gateway.Capabilities().FindByKey {
		seen := ad.gateway.Look(ctx, payment.Ref{Key: c.Key, GatewayCustomer: c.listed.GatewayCustomer, RequestID: operator.AdoptSubject(c.Key)})
		switch p := seen.Payment; {
		case p != nil && p.ID == c.PaymentID && p.Key == c.Key:
			return *p, false, nil
		case p != nil:
			return now, false, fmt.Errorf("gateway %s has payment %s under the key of payment %s: ask the provider", ad.name, p.ID, c.PaymentID)
		case !seen.Absent:
			return now, false, fmt.Errorf("gateway %s could not be asked (%s): type this again", ad.name, seen.Reason)
		}
	}
	if err := ad.shows(ctx, c); err != nil {
		return now, false, err
	}
	now, err = ad.look(ctx, c)
	if errors.Is(err, errNotShown) {
		return c.listed, true, nil
	}
	return now, false, err
}

// shows makes sure that the gateway shows payments that it took, by id and by key. One is enough, of before the charge or of
// after it: a gateway that is sent nothing makes no later ones. None that it took on the other side may be missing.
func (ad *adopter) shows(ctx context.Context, c charged) error {
	at := c.listed.CreatedAt
	if at.IsZero() {
		at = c.SeenAt
	}
	source := store.Controls{
		DB: ad.db.DB, Accounts: map[string]uint32{ad.name: c.Account}, Now: ad.business,
		Retention: func(string) time.Duration { return ad.gateway.Capabilities().Retention },
	}
	found, err := source.For(ctx, ad.name, []payment.Window{{From: at, To: at}})
	if err != nil {
		return fmt.Errorf("the payments that gateway %s took could not be read: %w", ad.name, err)
	}
	ways := []func(payment.Control) payment.ControlVerdict{func(control payment.Control) payment.ControlVerdict {
		seen := ad.gateway.Look(ctx, payment.Ref{ID: control.PaymentID, RequestID: "control-" + control.PaymentID})
		if seen.Unaskable {
			seen = ad.list(ctx, control.PaymentID, control.Key, control.At, listedAround)
		}
		return control.Judge(seen)
	}}
	if ad.gateway.Capabilities().FindByKey {
		ways = append(ways, func(control payment.Control) payment.ControlVerdict {
			return control.Judge(ad.gateway.Look(ctx, payment.Ref{
				Key: control.Key, GatewayCustomer: control.GatewayCustomer, RequestID: "control-" + control.PaymentID,
			}))
		})
	}
	for _, way := range ways {
		if err := ad.shown(found[0], way); err != nil {
			return err
		}
	}
	return nil
}

func (ad *adopter) shown(controls payment.Controls, way func(payment.Control) payment.ControlVerdict) error {
	passed := false
	for _, side := range [][]payment.Control{controls.Earlier, controls.Later} {
		switch control, verdict := payment.AnyShown(side, way); verdict {
		case payment.ControlPassed:
			passed = true
		case payment.ControlFailed:
			return errors.New(control.DeniedBy(ad.name))
		case payment.ControlUnknown:
			return fmt.Errorf("gateway %s did not answer for a payment that it took: type this again", ad.name)
		case payment.ControlNone:
		}
	}
	if !passed {
		return fmt.Errorf("gateway %[1]s shows no payment of ours by which this can be believed: adopt the others first, or name one: duly doctor --control %[1]s PAYMENT_ID", ad.name)
	}
	return nil
}
