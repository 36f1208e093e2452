package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/config"
	"duly/internal/gateway"
	"duly/internal/payment"
	"duly/readers"
	"duly/steps"
	"duly/writers"
)

// proof is the document of `duly doctor --control` and `--moved`.
type proof struct {
	Done    bool   `json:"done"`
	Gateway string `json:"gateway"`
	Payment string `json:"gateway_payment_id"`
	Address string `json:"address"`
	Detail  string `json:"detail"`
}

// atGateway opens the database and one gateway for do.
func (a *app) atGateway(ctx context.Context, name string, do func(c *config.Config, db *database, g *gateway.Paced) error) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	configured, ok := c.Gateways[name]
	if !ok {
		return usagef("there is no gateway %q in the configuration", name)
	}
	return a.withSchema(ctx, func(db *database) error {
		g, err := a.paced(name, configured)
		if err != nil {
			return err
		}
		defer g.Close()
		return do(c, db, g)
	})
}

// accountOf is what g is called at today.
func accountOf(name string, g *gateway.Paced) payment.Account {
	able := g.Abilities()
	return payment.Account{Gateway: name, Address: able.Address, ID: able.Account}
}

// control records a payment that is shown to be the account's, so that what the gateway does not know can be checked by it.
func (a *app) control(ctx context.Context, name, id, reason string) error {
	return a.atGateway(ctx, name, func(_ *config.Config, db *database, g *gateway.Paced) error {
		seen := g.Look(ctx, payment.Which{ID: id, RequestID: "control-" + id})
		p := seen.Payment
		switch {
		case p == nil && seen.Absent:
			return refuse("gateway %s does not know payment %s: give the gateway's own id of a payment that it took, or check gateways.%s.url", name, id, name)
		case p == nil:
			return refuse("gateway %s could not be asked about payment %s (%s): try again", name, id, seen.Reason)
		case p.ID != id, p.Status != payment.Succeeded, p.Key == "", p.CreatedAt.IsZero():
			return refuse("payment %s is %s, under key %q: give one that succeeded, that was charged under an idempotency key, and whose time the gateway tells", id, p.Status, p.Key)
		}
		c := payment.Control{Key: p.Key, Reference: p.Reference, CustomerID: p.CustomerID, Money: p.Money, PaymentID: p.ID, At: p.CreatedAt, Own: true}
		if g.Abilities().FindByKey {
			if again := g.Look(ctx, payment.Which{Key: p.Key, RequestID: "control-" + id}); again.Payment == nil || !c.Shown(*again.Payment) {
				return refuse("gateway %s does not show payment %s by its key %s: it proves nothing about look-ups by key; give another one", name, id, p.Key)
			}
		}
		account := accountOf(name, g)
		rows, err := writers.Accounts(ctx, db.DB, []payment.Account{account})
		if err != nil {
			return failed(err)
		}
		action := do("control", "gateway:"+name, reason)
		action.Detail = map[string]string{"payment": id, "address": account.Address}
		if err := writers.AddControl(ctx, db.DB, rows[name], c, action); err != nil {
			return failed(err)
		}
		return a.proved(proof{true, name, id, account.Address, fmt.Sprintf("of %s, of %s: what gateway %s does not know is checked by it from now on",
			c.Money, c.At.UTC().Format(time.DateOnly), name)})
	})
}

// moved joins an address that a gateway was called at before to today's, if today's shows a payment that was taken there.
func (a *app) moved(ctx context.Context, name, oldURL, reason string) error {
	return a.atGateway(ctx, name, func(c *config.Config, db *database, g *gateway.Paced) error {
		configured := c.Gateways[name]
		configured.URL = oldURL
		before, err := a.paced(name, configured)
		if err != nil {
			return err
		}
		defer before.Close()
		today, old := accountOf(name, g), before.Abilities().Address
		rows, err := writers.Accounts(ctx, db.DB, []payment.Account{today})
		if err != nil {
			return failed(err)
		}
		root, olds, err := a.groups(ctx, db, name, rows[name], old)
		if err != nil {
			return err
		}
		took, err := readers.Took(ctx, db.DB, name, olds)
		if err != nil {
			return failed(err)
		}
		if len(took) == 0 {
			return refuse("nothing that gateway %s took at %s is known here, so that nothing can prove that it is the account at %s: duly resolve attempt ID --as not_executed --reason … settles what is in doubt there by your word", name, old, today.Address)
		}
		for _, control := range took {
			seen := g.Look(ctx, payment.Which{ID: control.PaymentID, RequestID: "moved-" + control.PaymentID})
			if seen.Payment == nil || !control.Shown(*seen.Payment) {
				continue
			}
			action := do("moved", "gateway:"+name, reason)
			action.Detail = map[string]string{"payment": control.PaymentID, "from": old, "to": today.Address}
			if err := writers.JoinAccounts(ctx, db.DB, root, olds, action); err != nil {
				return failed(err)
			}
			return a.proved(proof{true, name, control.PaymentID, today.Address, fmt.Sprintf("it was taken at %s and is shown at %s: they are one account", old, today.Address)})
		}
		return refuse("gateway %s at %s does not show payment %s, which it took at %s on %s: that is another account, or it cannot be reached", name, today.Address,
			took[0].PaymentID, old, took[0].At.UTC().Format(time.DateOnly))
	})
}

// groups gives the account that today's counts as, and the ones at the old address.
func (a *app) groups(ctx context.Context, db *database, name string, today uint32, old string) (root uint32, olds []uint32, err error) {
	list, err := readers.KnownAccounts(ctx, db.DB, name)
	if err != nil {
		return 0, nil, failed(err)
	}
	var addresses []string
	for _, account := range list {
		if account.ID == today {
			root = account.Root
		}
		addresses = append(addresses, account.Address)
	}
	for _, account := range list {
		if account.Address == old && account.Root != root {
			olds = append(olds, account.ID)
		}
	}
	switch {
	case !slices.Contains(addresses, old):
		return 0, nil, refuse("nothing was sent to gateway %s at %s; it was called at %s", name, old, strings.Join(addresses, ", "))
	case len(olds) == 0:
		return 0, nil, refuse("gateway %s at %s is today's account already", name, old)
	}
	return root, olds, nil
}

func (a *app) proved(p proof) error {
	if a.json {
		return a.print(p)
	}
	a.line("payment %s at gateway %s: %s", p.Payment, p.Gateway, p.Detail)
	return nil
}

// refuse is what an operator wishes and the gateway does not bear out.
func refuse(format string, args ...any) error { return usagef(format, args...) }

// shows looks the newest payment up that the gateway took: what it does not show, it does not know by mistake.
func (d *checkup) shows(ctx context.Context, db *database, name string, g *gateway.Paced) (detail string, err error) {
	list, err := readers.KnownAccounts(ctx, db.DB, name)
	if err != nil {
		return "", err
	}
	account := accountOf(name, g)
	today, err := readers.AccountRow(ctx, db.DB, account)
	if err != nil {
		return "", err
	}
	source := &readers.Controls{
		DB: db.DB, Accounts: map[string]uint32{name: today}, Retention: func(string) time.Duration { return g.Abilities().Retention }, Now: d.now,
	}
	newest, err := source.Newest(ctx, name)
	if err != nil {
		return "", err
	}
	switch v := (&steps.Controls{Now: d.now}).Vet(ctx, g, payment.Controls{Earlier: newest}, payment.EarlierSide); v.Earlier {
	case payment.ControlPassed:
		return "shows a payment that it took", nil
	case payment.ControlFailed:
		return "", errors.New(v.Denied.DeniedBy(name))
	case payment.ControlUnknown:
		return "", errors.New("it did not answer for a payment that it took")
	case payment.ControlNone:
	}
	return d.elsewhere(ctx, db, name, account.Address, today, list)
}

// elsewhere complains if the gateway took payments at another address alone.
func (d *checkup) elsewhere(ctx context.Context, db *database, name, address string, today uint32, list []readers.Account) (string, error) {
	root, others := today, []uint32{}
	for _, a := range list {
		if a.ID == today {
			root = a.Root
		}
	}
	for _, a := range list {
		if a.Root != root {
			others = append(others, a.ID)
		}
	}
	took, err := readers.Took(ctx, db.DB, name, others)
	if err != nil {
		return "", err
	}
	if len(took) == 0 {
		return "account unproven: no payment of ours to look for yet", nil
	}
	var old string
	for _, a := range list {
		if slices.Contains(others, a.ID) {
			old = a.Address
		}
	}
	return "", fmt.Errorf("what gateway %s took was taken at %s, and it is called at %s: if it has moved, duly doctor --moved %s %s", name, old, address, name, old)
}
