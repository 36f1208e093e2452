package decide

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"duly/internal/exit"
	"duly/internal/operator"
	"duly/internal/session"
	"duly/internal/suspicion"
)

// AdoptFlags are the flags of `duly adopt`.
type AdoptFlags struct {
	Keys     []string
	Reason   string
	Dry      bool
	NotShown bool
}

// Adopt shows what becomes of the unknown charges of a gateway, or makes it so.
func Adopt(ctx context.Context, ses *session.Session, db *session.Database, name string, f AdoptFlags) error {
	rows, err := operator.UnknownCharges(ctx, db.DB, name, f.Keys)
	if err != nil {
		return exit.Failed(err)
	}
	if err := missingKeys(name, f.Keys, rows); err != nil {
		return exit.Usage(err)
	}
	if !f.Dry {
		if err := suspicion.Settled(ctx, ses, db, fmt.Sprintf("duly adopt %s --reason …", name)); err != nil {
			return err
		}
	}
	ad, err := newAdopter(ctx, ses, db, name, f)
	if err != nil {
		return err
	}
	defer ad.gateway.Close()
	v := AdoptView{Gateway: name, DryRun: f.Dry, Charges: []adoptedView{}, Next: []string{}}
	refusals, err := ad.each(ctx, rows, &v)
	if err != nil {
		return err
	}
	v.addNext(f)
	return conclude(ses.Screen, v, showAdopted, refusals)
}

// missingKeys says which keys no unknown charge has.
func missingKeys(name string, keys []string, rows []operator.UnknownCharge) error {
	var found []error
	for _, key := range keys {
		if !slices.ContainsFunc(rows, func(u operator.UnknownCharge) bool { return u.Key == key }) {
			found = append(found, fmt.Errorf("--key: gateway %s has no unknown charge under %q; duly adopt %s lists them", name, key, name))
		}
	}
	return errors.Join(found...)
}
