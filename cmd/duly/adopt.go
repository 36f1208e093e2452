package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"duly/internal/operator"
)

// adoptFlags are the flags of `duly adopt`.
type adoptFlags struct {
	keys     []string
	reason   string
	dry      bool
	notShown bool
}

// adopt shows what becomes of the unknown charges of a gateway, or makes it so.
func adopt(ctx context.Context, ses *Session, db *database, name string, f adoptFlags) error {
	rows, err := operator.UnknownCharges(ctx, db.DB, name, f.keys)
	if err != nil {
		return failed(err)
	}
	if err := missingKeys(name, f.keys, rows); err != nil {
		return usage(err)
	}
	if !f.dry {
		if err := settled(ctx, ses, db, fmt.Sprintf("duly adopt %s --reason …", name)); err != nil {
			return err
		}
	}
	ad, err := newAdopter(ctx, ses, db, name, f)
	if err != nil {
		return err
	}
	defer ad.gateway.Close()
	v := adoptView{Gateway: name, DryRun: f.dry, Charges: []adoptedView{}, Next: []string{}}
	refusals, err := ad.each(ctx, rows, &v)
	if err != nil {
		return err
	}
	v.next(f)
	if ses.Screen.json {
		if err := ses.Screen.print(v); err != nil {
			return err
		}
	} else {
		showAdopted(ses.Screen, v)
	}
	return usage(errors.Join(refusals...))
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
