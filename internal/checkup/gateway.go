package checkup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"duly/config"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/gateway"
	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/query"
	"duly/internal/session"
	"duly/internal/store"
	"duly/internal/text"
	"duly/steps"
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
func atGateway(ctx context.Context, ses *session.Session, name string, do func(c *config.Config, db *session.Database, g *gateway.Limited) error) error {
	c, err := ses.Load()
	if err != nil {
		return err
	}
	configured, ok := c.Gateways[name]
	if !ok {
		return exit.Usage(cli.UnknownWord("gateway", name, session.GatewayNames(c)))
	}
	return ses.AsOperator(ctx, func(db *session.Database) error {
		g, err := ses.Paced(name, configured)
		if err != nil {
			return err
		}
		defer g.Close()
		return do(c, db, g)
	})
}

// parallelism says of a gateway with `parallelism: auto` what the last run found that used it; empty if its number is fixed.
func parallelism(ctx context.Context, db *session.Database, name string, g config.Gateway) (string, error) {
	if g.Parallelism != config.Auto {
		return "", nil
	}
	last, err := query.LastParallelism(ctx, db.DB)
	if found, ok := last[name]; ok {
		return fmt.Sprintf("parallelism auto: run %d found %d, up to %d", found.Run, found.Parallelism, g.MaxParallelism), err
	}
	return fmt.Sprintf("parallelism auto: up to %d", g.MaxParallelism), err
}

// accountOf is what g is called at today.
func accountOf(name string, g *gateway.Limited) payment.Account {
	able := g.Capabilities()
	return payment.Account{Gateway: name, Address: able.Address, ID: able.Account}
}

// AddControl records a payment that is shown to be the account's, so that what the gateway does not know can be checked by it.
func AddControl(ctx context.Context, ses *session.Session, name, id, reason string) error {
	return atGateway(ctx, ses, name, func(_ *config.Config, db *session.Database, g *gateway.Limited) error {
		seen := g.Look(ctx, payment.Ref{ID: id, RequestID: "control-" + id})
		p := seen.Payment
		switch {
		case p == nil && seen.Absent:
			return refuse("gateway %s does not know payment %s: give the gateway's own id of a payment that it took, or check gateways.%s.url", name, id, name)
		case p == nil:
			return refuse("gateway %s could not be asked about payment %s (%s): try again", name, id, seen.Reason)
		case p.ID != id, p.Status != payment.Succeeded, p.Key == "", p.CreatedAt.IsZero():
			return refuse("payment %s is %s, under key %q: give one that succeeded, that was charged under an idempotency key, and whose time the gateway tells", id, p.Status, p.Key)
		}
		business, err := ses.Clock(ctx, db.DB)
		if err != nil {
			return err
		}
		if p.CreatedAt.After(business().Add(session.MaxClockSkew)) {
			return refuse("gateway %s says that payment %s was made on %s, which is to come: give one whose time is right", name, id, cli.Instant(p.CreatedAt))
		}
		c := payment.Control{Key: p.Key, Reference: p.Reference, CustomerID: p.CustomerID, Money: p.Money, PaymentID: p.ID, At: p.CreatedAt, Own: true}
		if g.Capabilities().FindByKey {
			if again := g.Look(ctx, payment.Ref{Key: p.Key, GatewayCustomer: p.GatewayCustomer, RequestID: "control-" + id}); again.Payment == nil || !c.Shown(*again.Payment) {
				return refuse("gateway %s does not show payment %s by its key %s: it proves nothing about look-ups by key; give another one", name, id, p.Key)
			}
		}
		account := accountOf(name, g)
		rows, err := store.Accounts(ctx, db.DB, []payment.Account{account})
		if err != nil {
			return exit.Failed(err)
		}
		action := session.Action("control", "gateway:"+name, reason)
		action.Detail = map[string]string{"payment": id, "address": account.Address}
		if err := operator.AddControl(ctx, db.DB, rows[name], c, action); err != nil {
			return exit.Failed(err)
		}
		return proved(ses.Screen, proof{true, name, id, account.Address, fmt.Sprintf("of %s, of %s: what gateway %s does not know is checked by it from now on",
			c.Money, c.At.UTC().Format(time.DateOnly), name)})
	})
}

func proved(screen *cli.Screen, p proof) error {
	if screen.JSON {
		return screen.Print(p)
	}
	screen.Line("payment %s at gateway %s: %s", p.Payment, p.Gateway, p.Detail)
	return nil
}

// refuse is what an operator wishes and the gateway does not bear out.
func refuse(format string, args ...any) error { return exit.Usagef(format, args...) }

// shows reports whether the gateway shows the newest payment that it took, which proves the account. What it does not show, it does not
// know by mistake. Without an error it is false where there is no payment to look up.
func (d *Checkup) shows(ctx context.Context, db *session.Database, name string, g *gateway.Limited) (shown bool, err error) {
	list, err := store.KnownAccounts(ctx, db.DB, name)
	if err != nil {
		return false, err
	}
	account := accountOf(name, g)
	today, err := query.AccountRow(ctx, db.DB, account)
	if err != nil {
		return false, err
	}
	source := &store.Controls{
		DB: db.DB, Accounts: map[string]uint32{name: today}, Retention: func(string) time.Duration { return g.Capabilities().Retention }, Now: d.Now,
	}
	newest, err := source.Newest(ctx, name)
	if err != nil {
		return false, err
	}
	switch v := (&steps.Controls{Now: d.Now}).Vet(ctx, g, payment.Controls{Earlier: newest}, payment.EarlierSide); v.Earlier {
	case payment.ControlPassed:
		return true, nil
	case payment.ControlFailed:
		return false, errors.New(v.Denied.DeniedBy(name))
	case payment.ControlUnknown:
		return false, errors.New("it did not answer for a payment that it took")
	case payment.ControlNone:
	}
	return false, d.elsewhere(ctx, source, name, account.Address, today, list)
}

// elsewhere complains if the gateway took payments at another address alone.
func (d *Checkup) elsewhere(ctx context.Context, source *store.Controls, name, address string, today uint32, list []store.Account) error {
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
	took, err := source.Took(ctx, name, others)
	if err != nil {
		return err
	}
	if len(took) == 0 {
		return nil
	}
	var old string
	for _, a := range list {
		if slices.Contains(others, a.ID) {
			old = a.Address
		}
	}
	return fmt.Errorf("what gateway %s took was taken at %s, and it is called at %s: if it has moved, duly doctor --moved %s %s", name, old, address, name, text.Word(old, "OLD_URL"))
}
