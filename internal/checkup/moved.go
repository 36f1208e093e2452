package checkup

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"duly/config"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/gateway"
	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/session"
	"duly/internal/store"
)

// twoAddresses are the accounts of a gateway at its old address and at today's.
type twoAddresses struct {
	old, today string
	row        uint32 // today's
	root       uint32 // what today's counts as
	group      []uint32
	there      []store.Account // at the old address
	all        []store.Account
}

// bothAddresses reads the accounts of a gateway. The error says what is wrong with the old address.
func bothAddresses(ctx context.Context, ses *session.Session, c *config.Config, db *session.Database, name, oldURL string, g *gateway.Limited) (twoAddresses, error) {
	configured := c.Gateways[name]
	configured.URL = oldURL
	before, err := ses.Paced(name, configured)
	if err != nil {
		return twoAddresses{}, err
	}
	defer before.Close()
	today := accountOf(name, g)
	at := twoAddresses{old: before.Capabilities().Address, today: today.Address}
	rows, err := store.Accounts(ctx, db.DB, []payment.Account{today})
	if err != nil {
		return at, exit.Failed(err)
	}
	at.row = rows[name]
	if at.all, err = store.KnownAccounts(ctx, db.DB, name); err != nil {
		return at, exit.Failed(err)
	}
	var known []string
	for _, account := range at.all {
		if known = append(known, account.Address); account.ID == at.row {
			at.root = account.Root
		}
		if account.Address == at.old {
			at.there = append(at.there, account)
		}
	}
	for _, account := range at.all {
		if account.Root == at.root {
			at.group = append(at.group, account.ID)
		}
	}
	if len(at.there) == 0 {
		return at, refuse("nothing was sent to gateway %s at %s; it was called at %s", name, at.old, strings.Join(known, ", "))
	}
	return at, nil
}

// JoinAddress joins an address that a gateway was called at before to today's, if today's shows the newest payments that were taken
// there: a copy of the account shows older ones as well.
func JoinAddress(ctx context.Context, ses *session.Session, name, oldURL, reason string) error {
	return atGateway(ctx, ses, name, func(c *config.Config, db *session.Database, g *gateway.Limited) error {
		at, err := bothAddresses(ctx, ses, c, db, name, oldURL, g)
		if err != nil {
			return err
		}
		var olds, moving []uint32
		for _, account := range at.there {
			if account.Root != at.root {
				olds = append(olds, account.ID)
			}
		}
		if len(olds) == 0 {
			return refuse("gateway %s at %s is today's account already", name, at.old)
		}
		for _, account := range at.all { // what was joined to them moves with them
			if slices.Contains(olds, account.ID) || slices.Contains(olds, account.Root) {
				moving = append(moving, account.ID)
			}
		}
		business, err := ses.Clock(ctx, db.DB)
		if err != nil {
			return err
		}
		source := &store.Controls{
			DB: db.DB, Accounts: map[string]uint32{name: at.row}, Retention: func(string) time.Duration { return g.Capabilities().Retention }, Now: business,
		}
		took, err := source.Took(ctx, name, moving)
		if err != nil {
			return exit.Failed(err)
		}
		if len(took) == 0 {
			return refuse("nothing that gateway %s took at %s is known here, so that nothing can prove that it is the account at %s: duly resolve attempt ID --as not_executed --reason … settles what is in doubt there by your word", name, at.old, at.today)
		}
		if err := shown(ctx, name, g, at, took); err != nil {
			return err
		}
		action := session.Action("moved", "gateway:"+name, reason)
		action.Detail = map[string]string{"payment": took[0].PaymentID, "from": at.old, "to": at.today}
		if err := operator.JoinAccounts(ctx, db.DB, at.root, olds, action); err != nil {
			return exit.Failed(err)
		}
		detail := "it was taken at %s and is shown at %s"
		if len(took) > 1 {
			detail = fmt.Sprintf("it and %s before it were taken at %%s and are shown at %%s", cli.Plural(int64(len(took)-1), "payment"))
		}
		return proved(ses.Screen, proof{true, name, took[0].PaymentID, at.today, fmt.Sprintf(detail+": they are one account; --undo takes that back", at.old, at.today)})
	})
}

// shown makes sure that the gateway shows each of the payments that were taken at its old address.
func shown(ctx context.Context, name string, g *gateway.Limited, at twoAddresses, took []payment.Control) error {
	for _, control := range took {
		switch seen := g.Look(ctx, payment.Ref{ID: control.PaymentID, RequestID: "moved-" + control.PaymentID}); {
		case seen.Payment != nil && control.Shown(*seen.Payment):
		case seen.Payment == nil && !seen.Absent:
			return refuse("gateway %s at %s did not answer about payment %s (%s): try again", name, at.today, control.PaymentID, seen.Reason)
		default:
			return refuse("gateway %s at %s does not show payment %s, which it took at %s on %s: that is another account, or an old copy of it",
				name, at.today, control.PaymentID, at.old, control.At.UTC().Format(time.DateOnly))
		}
	}
	return nil
}

// PartAddresses takes back that an address was joined: what was sent there counts as sent to another account again.
func PartAddresses(ctx context.Context, ses *session.Session, name, oldURL, reason string) error {
	return atGateway(ctx, ses, name, func(c *config.Config, db *session.Database, g *gateway.Limited) error {
		at, err := bothAddresses(ctx, ses, c, db, name, oldURL, g)
		if err != nil {
			return err
		}
		var leave, stay []uint32
		for _, account := range at.there {
			if account.Root == at.root && account.ID != at.row {
				leave = append(leave, account.ID)
			}
		}
		if len(leave) == 0 {
			return refuse("gateway %s at %s is not joined to %s", name, at.old, at.today)
		}
		for _, id := range at.group {
			if !slices.Contains(leave, id) {
				stay = append(stay, id)
			}
		}
		root := at.root
		if slices.Contains(leave, root) {
			root = at.row
		}
		action := session.Action("unmoved", "gateway:"+name, reason)
		action.Detail = map[string]string{"from": at.old, "to": at.today}
		if err := operator.SplitAccounts(ctx, db.DB, root, stay, leave, action); err != nil {
			return exit.Failed(err)
		}
		detail := fmt.Sprintf("%s and %s are two accounts again", at.old, at.today)
		if ses.Screen.JSON {
			return ses.Screen.Print(proof{Done: true, Gateway: name, Address: at.today, Detail: detail})
		}
		ses.Screen.Line("gateway %s: %s", name, detail)
		return nil
	})
}
