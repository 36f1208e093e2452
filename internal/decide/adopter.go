package decide

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/config"
	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/adoption"
	"duly/internal/cli"
	"duly/internal/exit"
	"duly/internal/gateway"
	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/session"
	"duly/internal/store"
	"duly/internal/text"
)

// How the unknown charges of a gateway are asked about: so many at once, right before they are adopted.
const (
	adoptTogether = 8
	adoptPages    = 20              // of the list, where a gateway shows no single payment
	adoptAround   = 2 * time.Second // of the payment's own time there
)

// adopter adopts charges of one gateway, or says what would become of them.
type adopter struct {
	s        *session.Session
	db       *session.Database
	name     string
	flags    AdoptFlags
	config   config.Gateway
	gateway  *gateway.Limited
	bookings *store.Bookings
	policy   billing.Policy
	business func() time.Time
	zone     *time.Location
	address  map[uint32]string // of the gateway's accounts
	today    map[uint32]bool   // accounts that are the one that is called now
	periods  map[billing.ChargeID]adoption.Period
}

func newAdopter(ctx context.Context, ses *session.Session, db *session.Database, name string, f AdoptFlags) (*adopter, error) {
	c, err := ses.Load()
	if err != nil {
		return nil, err
	}
	business, err := ses.Clock(ctx, db.DB)
	if err != nil {
		return nil, err
	}
	g := c.Gateways[name]
	client, err := ses.Adapter(name, g)
	if err != nil {
		return nil, exit.Usage(fmt.Errorf("gateways.%s: %w", name, err))
	}
	bookings, err := ses.Bookings(name)
	if err != nil {
		client.Close()
		return nil, err
	}
	ad := &adopter{
		s: ses, db: db, bookings: bookings, name: name, flags: f, config: g, business: business, zone: c.Business.Location(),
		gateway: gateway.Limit(name, client, gateway.Limits{Tries: g.Tries, Backoff: g.Backoff, Now: ses.Now}),
		policy:  session.BillingPolicy(c), periods: map[billing.ChargeID]adoption.Period{},
	}
	able := ad.gateway.Capabilities()
	ad.address, ad.today, err = operator.AccountsOf(ctx, db.DB, payment.Account{Gateway: name, Address: able.Address, ID: able.Account})
	if err != nil {
		ad.gateway.Close()
		return nil, exit.Failed(err)
	}
	return ad, nil
}

// charged is an unknown charge, and what its gateway said of it right now.
type charged struct {
	operator.UnknownCharge

	id     billing.ChargeID
	listed payment.Payment
	now    payment.Payment
	denied bool  // the gateway, which shows others, does not know it any more
	err    error // why it cannot be adopted
}

// each adopts the rows: the attempts of a period in the order of their keys. A row that is refused holds up no other.
func (ad *adopter) each(ctx context.Context, rows []operator.UnknownCharge, v *AdoptView) (refusals []error, err error) {
	list := make([]charged, len(rows))
	for i, row := range rows {
		list[i] = ad.read(row)
	}
	slices.SortStableFunc(list, func(a, b charged) int {
		return cmp.Or(
			cmp.Compare(a.id.Subscription, b.id.Subscription), cmp.Compare(a.id.Due, b.id.Due), cmp.Compare(a.id.N, b.id.N),
			a.listed.CreatedAt.Compare(b.listed.CreatedAt), cmp.Compare(a.ID, b.ID),
		)
	})
	for chunk := range slices.Chunk(list, adoptTogether) {
		ad.ask(ctx, chunk)
		for _, c := range chunk {
			view, err := ad.one(ctx, c)
			if err != nil {
				if err = RefusedOr(err); !isRefusal(err) {
					return refusals, err
				}
				view.Detail = err.Error()
				refusals = append(refusals, fmt.Errorf("%s: %w", c.Key, err))
			}
			v.Charges = append(v.Charges, view)
		}
	}
	return refusals, nil
}

// conclude prints the document, or shows it to people. The error says what was refused.
func conclude[V any](screen *cli.Screen, document V, show func(*cli.Screen, V), refusals []error) error {
	if !screen.JSON {
		show(screen, document)
	} else if err := screen.Print(document); err != nil {
		return err
	}
	return exit.Usage(errors.Join(refusals...))
}

// broken is conclude of a command that err ended before its last row: what became of the rows before is printed, as it is done.
func broken[V any](screen *cli.Screen, list []V, show func(*cli.Screen, []V), refusals []error, err error) error {
	if len(list) == 0 {
		return err
	}
	if shown := conclude(screen, list, show, refusals); shown != nil && !isRefusal(shown) {
		return errors.Join(err, shown)
	}
	return err
}

func isRefusal(err error) bool {
	exit, ok := errors.AsType[exit.Error](err)
	return ok && exit.Code == batch.ExitUsage
}

// read reads what the row says by itself.
func (ad *adopter) read(row operator.UnknownCharge) charged {
	c := charged{UnknownCharge: row}
	id, ours := billing.ParseKey(ad.config.KeyPrefix, row.Key)
	listed, err := row.Record()
	c.id, c.listed, c.now = id, listed, listed
	switch {
	case !ours:
		c.err = exit.Usagef("its key does not begin with gateways.%s.key_prefix, %q: was that changed?", ad.name, ad.config.KeyPrefix)
	case err != nil:
		c.err = exit.Usagef("it cannot be read: %w", err)
	case !ad.today[row.Account]:
		c.err = exit.Usagef("it was listed at %s, and gateways.%s.url is another account now: put the address back, or duly doctor --moved %s %s",
			ad.address[row.Account], ad.name, ad.name, text.Word(ad.address[row.Account], "OLD_URL"))
	}
	return c
}

// ask asks the gateway about every charge of a chunk that can be adopted, at once.
func (ad *adopter) ask(ctx context.Context, chunk []charged) {
	var wait sync.WaitGroup
	for i := range chunk {
		c := &chunk[i]
		if c.err != nil || c.AdoptedAs != "" {
			continue
		}
		wait.Go(func() {
			ctx := gateway.WithCustomer(ctx, c.listed.CustomerID)
			p, err := ad.look(ctx, *c)
			if errors.Is(err, errNotShown) && ad.flags.NotShown {
				p, c.denied, err = ad.deny(ctx, *c)
			}
			if err != nil {
				c.err = exit.Usage(err)
				return
			}
			c.now = p
		})
	}
	wait.Wait()
}

// look asks for the payment itself: others may have been made under its key.
func (ad *adopter) look(ctx context.Context, c charged) (payment.Payment, error) {
	seen := ad.gateway.Look(ctx, payment.Ref{ID: c.PaymentID, RequestID: operator.AdoptSubject(c.Key)})
	if seen.Unaskable {
		seen = ad.list(ctx, c.PaymentID, c.Key, c.listed.CreatedAt, adoptAround)
	}
	switch p := seen.Payment; {
	case seen.Unaskable:
		return payment.Payment{}, fmt.Errorf("gateway %s can neither show payment %s nor list it: ask the provider", ad.name, c.PaymentID)
	case seen.Absent:
		return payment.Payment{}, fmt.Errorf("gateway %s listed payment %s and %w, which proves nothing: ask the provider, then type this again; if its page does not show it either: duly adopt %s --key %s --not-shown",
			ad.name, c.PaymentID, errNotShown, ad.name, text.Word(c.Key, "KEY"))
	case p == nil:
		return payment.Payment{}, fmt.Errorf("gateway %s could not be asked (%s): type this again", ad.name, seen.Reason)
	case p.ID != c.PaymentID || p.Key != c.Key:
		return payment.Payment{}, fmt.Errorf("gateway %s answered with payment %s of another key instead of %s: ask the provider", ad.name, p.ID, c.PaymentID)
	default:
		return *p, nil
	}
}

// errNotShown says of a charge that its gateway does not know it.
var errNotShown = errors.New("does not know it now")

// list finds a payment that cannot be asked for in the list that it was found in.
func (ad *adopter) list(ctx context.Context, id, key string, at time.Time, around time.Duration) payment.LookupResult {
	if at.IsZero() || !ad.gateway.Capabilities().List {
		return payment.LookupResult{Unaskable: true}
	}
	cursor := ""
	for range adoptPages {
		page, err := ad.gateway.List(ctx, payment.Window{From: at.Add(-around), To: at.Add(around)}, cursor)
		if err != nil {
			return payment.LookupResult{Reason: err.Error()}
		}
		for _, p := range page.Payments {
			if p.ID == id && p.Key == key {
				return payment.LookupResult{Payment: &p}
			}
		}
		if cursor = page.Cursor; cursor == "" {
			return payment.LookupResult{Absent: true}
		}
	}
	return payment.LookupResult{Reason: "its list does not end"}
}

// one adopts a charge, or says what would become of it.
func (ad *adopter) one(ctx context.Context, c charged) (adoptedView, error) {
	view := viewOf(c)
	switch {
	case c.AdoptedAs != "":
		return view.before(c.AdoptedAs), nil
	case c.err != nil:
		return view, c.err
	case ad.flags.Dry:
		a, err := ad.plan(ctx, c)
		return view.with(operator.Adopted{Adoption: a}), err
	}
	w := operator.Adopt{
		ID: c.ID, Found: ad.found(c), Now: ad.business(), Decide: ad.decide,
		Action:   session.Action("adopt", operator.AdoptSubject(c.Key), ad.flags.Reason),
		Bookings: ad.bookings,
		Read: func(ctx context.Context, tx *sqlx.Tx) (adoption.Period, error) {
			return operator.PeriodOf(ctx, tx, c.id, c.Key, " FOR UPDATE")
		},
	}
	done, err := w.Write(ctx, ad.db.DB)
	if errors.Is(err, operator.ErrAdopted) { // by somebody else, a moment ago
		return view.before(""), nil
	}
	if err != nil {
		return view, err
	}
	view = view.with(done)
	view.Done = true
	return view, nil
}

// plan says what would become of a charge, once those before it are adopted.
func (ad *adopter) plan(ctx context.Context, c charged) (adoption.Adoption, error) {
	of := c.id
	of.N = 0
	p, known := ad.periods[of]
	if !known {
		var err error
		if p, err = operator.PeriodOf(ctx, ad.db.DB, c.id, c.Key, ""); err != nil {
			return adoption.Adoption{}, exit.Failed(err)
		}
	}
	u := ad.found(c)
	u.Period = p
	var err error
	if u.Booked, err = operator.BookedFor(ctx, ad.db.DB, c.Account, c.PaymentID); err != nil {
		return adoption.Adoption{}, exit.Failed(err)
	}
	a, err := ad.decide(u)
	if err != nil {
		return a, exit.Usage(err)
	}
	ad.periods[of] = p.After(a)
	return a, nil
}

// found is the charge as the rules take it, without its period.
func (ad *adopter) found(c charged) adoption.Unadopted {
	able := ad.gateway.Capabilities()
	u := adoption.Unadopted{
		Gateway: ad.name, Prefix: ad.config.KeyPrefix, Charge: c.id, Record: c.now, Denied: c.denied,
		Terms: billing.Terms{Account: c.Account, KeyLife: able.KeyLife, Longest: able.LongestRequest},
	}
	if at := c.now.CreatedAt; !at.IsZero() {
		u.Date = payment.DateOf(at.In(ad.zone))
	}
	return u
}

func (ad *adopter) decide(u adoption.Unadopted) (adoption.Adoption, error) {
	now := ad.business()
	return adoption.Decide(u, ad.policy, payment.DateOf(now.In(ad.zone)), now)
}
