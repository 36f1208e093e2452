package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/orders"
	"duly/internal/payment"
)

// Controls finds payments that a gateway took, by which its word that it does not know another one is checked: duly's own
// successes, those that an operator has shown, and the shop's. It is safe for concurrent use.
type Controls struct {
	DB *mysql.DB
	// Accounts are today's rows of gateway_accounts, by gateway.
	Accounts map[string]uint32
	// Retention is for how long a gateway shows a payment; 0: for ever. What is older is no control.
	Retention func(gateway string) time.Duration
	Now       func() time.Time // the business clock

	mu     sync.Mutex
	groups map[string]calledAt
}

// calledAt are the accounts of a gateway.
type calledAt struct {
	today []uint32 // the one that it is called at, and those that are joined to it
	all   []uint32 // these, and the others that have an address
	known map[uint32]Account
	since time.Time // when the first of today's was first called
	first Account   // the one that was called first, of all
}

const (
	// An attempt without an account and a proof is of a version that stored neither; an operator may have settled it.
	ownControls = `SELECT a.idempotency_key, a.reference, a.customer_id, a.amount, a.currency, a.gateway_payment_id, COALESCE(a.gateway_customer, '') AS gateway_customer, a.created_at
FROM (SELECT id FROM payment_attempts FORCE INDEX (created_walk) WHERE created_at %[1]s ? AND created_at >= ? ORDER BY created_at %[2]s, id %[2]s LIMIT ?) w
JOIN payment_attempts a ON a.id = w.id
WHERE a.gateway = ? AND a.status = 'succeeded' AND a.gateway_payment_id <> '' AND (a.account_id IS NULL OR a.account_id IN (?))
AND (a.proof IN ('answer', 'look_up') OR a.proof IS NULL AND a.account_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM operator_actions o WHERE o.subject = CONCAT('attempt:', a.id)))
ORDER BY a.created_at %[2]s, a.id %[2]s LIMIT ?`

	shownControls = `SELECT idempotency_key, reference, customer_id, amount, currency, gateway_payment_id, charged_at AS created_at
FROM gateway_controls WHERE account_id IN (?) AND charged_at %[1]s ? AND charged_at >= ? ORDER BY charged_at %[2]s LIMIT ?`

	shopControls = `SELECT p.id AS payment, p.idempotency_key, p.order_id, o.customer_id, p.amount, p.currency, p.transaction_key AS gateway_payment_id, p.created_at
FROM (SELECT id FROM payments WHERE created_at %[1]s ? AND created_at >= ? ORDER BY created_at %[2]s, id %[2]s LIMIT ?) w
JOIN payments p ON p.id = w.id JOIN orders o ON o.id = p.order_id
WHERE p.gateway = ? AND p.status = 'succeeded' AND p.transaction_key <> '' AND p.idempotency_key <> ''
AND o.customer_id IS NOT NULL AND p.amount IS NOT NULL AND p.currency IS NOT NULL
ORDER BY p.created_at %[2]s, p.id %[2]s LIMIT ?`

	bookedControls = `SELECT account_id, gateway_payment_id, row_id, COALESCE(proof, '') AS proof FROM bookings
WHERE account_id IN (?) AND gateway_payment_id IN (?) AND kind = 'payment'`
)

// endOfTime is when what has no later edge ends.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant

// controlWalks are how many rows are looked through for a control: a few, and if there is none among them, many.
var controlWalks = [...]int{500, 50_000} //nolint:gochecknoglobals // a constant list

// mostControlReads bounds the reads for the spans of one call; those that are left share the controls around all of them.
// mostEmptyReads bounds those that may find nothing again, since each looks through many rows.
const (
	mostControlReads = 64
	mostEmptyReads   = 4
)

// For gives the controls of payments at a gateway that were first sent within the spans, the nearest in time first.
func (c *Controls) For(ctx context.Context, gateway string, spans []payment.Window) ([]payment.Controls, error) {
	accounts, err := c.group(ctx, gateway)
	if err != nil {
		return nil, err
	}
	out := make([]payment.Controls, len(spans))
	earlier := controlSide{c, gateway, accounts, false}
	later := controlSide{c, gateway, accounts, true}
	if err := earlier.each(ctx, spans, func(i int, found []payment.Control) { out[i].Earlier = found }); err != nil {
		return nil, mysql.Classify(ctx, err)
	}
	if err := later.each(ctx, spans, func(i int, found []payment.Control) { out[i].Later = found }); err != nil {
		return nil, mysql.Classify(ctx, err)
	}
	return out, nil
}

// Newest gives the newest controls of a gateway.
func (c *Controls) Newest(ctx context.Context, gateway string) ([]payment.Control, error) {
	accounts, err := c.group(ctx, gateway)
	if err != nil {
		return nil, err
	}
	side := controlSide{c, gateway, accounts, false}
	found, err := side.near(ctx, endOfTime)
	return found, mysql.Classify(ctx, err)
}

// Recent gives the newest controls that duly's own charges of a gateway are, from before an instant; only the latest attempts
// are looked through.
func (c *Controls) Recent(ctx context.Context, gateway string, before time.Time) ([]payment.Control, error) {
	accounts, err := c.group(ctx, gateway)
	if err != nil {
		return nil, mysql.Classify(ctx, err)
	}
	side := controlSide{c, gateway, accounts, false}
	found, err := side.own(ctx, before, controlWalks[0])
	return found, mysql.Classify(ctx, err)
}

// Today reports whether what was sent to an account was sent to the one that the gateway is called at today: the same, or
// one that was joined to it. An attempt without an account counts as today's.
func (c *Controls) Today(ctx context.Context, gateway string, account uint32) (bool, error) {
	if account == 0 {
		return true, nil
	}
	accounts, err := c.group(ctx, gateway)
	return slices.Contains(accounts.today, account), err
}

// group is today's account of a gateway with all that are joined to it, and beside them the gateway's other accounts.
func (c *Controls) group(ctx context.Context, gateway string) (calledAt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g, ok := c.groups[gateway]; ok {
		return g, nil
	}
	known, err := KnownAccounts(ctx, c.DB, gateway)
	if err != nil {
		return calledAt{}, err
	}
	g := groupOf(known, c.Accounts[gateway])
	if c.groups == nil {
		c.groups = map[string]calledAt{}
	}
	c.groups[gateway] = g
	return g, nil
}

// groupOf sorts accounts by whether they count as today's. Under one without an address is what was booked before accounts
// were known, which says nothing about where.
func groupOf(known []Account, today uint32) calledAt {
	g := calledAt{known: make(map[uint32]Account, len(known))}
	root := today
	for _, a := range known {
		g.known[a.ID] = a
		if a.ID == today {
			root = a.Root
		}
	}
	for _, a := range known {
		called := today != 0 && a.Root == root
		if !called && a.Address == "" {
			continue
		}
		if g.all = append(g.all, a.ID); len(g.all) == 1 || a.Since.Before(g.first.Since) {
			g.first = a
		}
		if !called {
			continue
		}
		if g.today = append(g.today, a.ID); len(g.today) == 1 || a.Since.Before(g.since) {
			g.since = a.Since
		}
	}
	return g
}

// controlSide finds the controls of one side.
type controlSide struct {
	*Controls

	gateway  string
	accounts calledAt
	later    bool
}

// edge is the instant beyond which the controls of a span lie.
func (s controlSide) edge(span payment.Window) time.Time {
	if s.later {
		return span.To
	}
	return span.From
}

// beyond reports whether a lies further on the side than b.
func (s controlSide) beyond(a, b time.Time) bool {
	if s.later {
		return a.After(b)
	}
	return a.Before(b)
}

// each gives the controls of each span. Spans between the same two controls cost one read.
func (s controlSide) each(ctx context.Context, spans []payment.Window, give func(i int, found []payment.Control)) error {
	order := make([]int, len(spans))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		if s.later {
			return spans[i].To.Compare(spans[j].To)
		}
		return spans[j].From.Compare(spans[i].From)
	})
	var found []payment.Control
	reads := 0
	for n, i := range order {
		edge := s.edge(spans[i])
		if n == 0 || len(found) == 0 && reads < mostEmptyReads || len(found) > 0 && !s.beyond(found[0].At, edge) {
			if reads++; reads == mostControlReads {
				edge = s.edge(spans[order[len(order)-1]])
			}
			var err error
			if found, err = s.near(ctx, edge); err != nil {
				return err
			}
		}
		give(i, found)
	}
	return nil
}

// near reads the controls that are nearest beyond an instant.
func (s controlSide) near(ctx context.Context, edge time.Time) ([]payment.Control, error) {
	own, err := walkControls(func(limit int) ([]payment.Control, error) { return s.own(ctx, edge, limit) })
	if err != nil {
		return nil, err
	}
	shown, err := s.shown(ctx, edge)
	if err != nil {
		return nil, err
	}
	shops, err := walkControls(func(limit int) ([]payment.Control, error) { return s.shops(ctx, edge, limit) })
	if err != nil {
		return nil, err
	}
	all := slices.Concat(own, shown, shops)
	slices.SortStableFunc(all, func(a, b payment.Control) int {
		if s.later {
			return a.At.Compare(b.At)
		}
		return cmp.Compare(0, a.At.Compare(b.At))
	})
	return payment.Nearest(all), nil
}

// walkControls looks through a few rows, and through many if there is none among them.
func walkControls(read func(limit int) ([]payment.Control, error)) ([]payment.Control, error) {
	for _, limit := range controlWalks {
		if found, err := read(limit); err != nil || len(found) > 0 {
			return found, err
		}
	}
	return nil, nil
}

type controlRow struct {
	Payment   uint64
	Key       string `db:"idempotency_key"`
	Reference string
	Order     uint64 `db:"order_id"`
	Customer  string `db:"customer_id"`
	Amount    int64
	Currency  string
	PaymentID string `db:"gateway_payment_id"`
	// GatewayCustomer is read of attempts alone.
	GatewayCustomer string    `db:"gateway_customer"`
	At              time.Time `db:"created_at"`
}

func (r controlRow) control(own bool) payment.Control {
	c := payment.Control{
		Key: r.Key, Reference: r.Reference, CustomerID: r.Customer, Money: payment.Money{Amount: r.Amount, Currency: r.Currency},
		PaymentID: r.PaymentID, GatewayCustomer: r.GatewayCustomer, At: r.At, Own: own,
	}
	if r.Order != 0 {
		c.Reference = orders.Reference(r.Order)
	}
	return c
}

func (s controlSide) own(ctx context.Context, edge time.Time, limit int) ([]payment.Control, error) {
	rows, err := s.read(ctx, ownControls, edge.UTC(), s.oldest(), limit, s.gateway, orNone(s.accounts.today), payment.MaxControls)
	return controlsOf(rows, true), err
}

func (s controlSide) shown(ctx context.Context, edge time.Time) ([]payment.Control, error) {
	rows, err := s.read(ctx, shownControls, orNone(s.accounts.today), edge.UTC(), s.oldest(), payment.MaxControls)
	return controlsOf(rows, true), err
}

// mostShops bounds the payments of the shop's that one read brings: some may have been taken at other accounts.
const mostShops = 64

// shops are the payments of orders. One that duly's own look-up settled is duly's own, and one that was taken at another account
// is no control of this one; what is not booked by proof is a record of the shop's.
func (s controlSide) shops(ctx context.Context, edge time.Time, limit int) ([]payment.Control, error) {
	rows, err := s.read(ctx, shopControls, edge.UTC(), s.oldest(), limit, s.gateway, mostShops)
	if err != nil || len(rows) == 0 || len(s.accounts.all) == 0 {
		return controlsOf(rows, false), err
	}
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.PaymentID
	}
	var booked []struct {
		Account uint32 `db:"account_id"`
		Payment string `db:"gateway_payment_id"`
		Row     uint64 `db:"row_id"`
		Proof   string
	}
	if err := mysql.SelectIn(ctx, s.DB, &booked, bookedControls, s.accounts.all, names); err != nil {
		return nil, fmt.Errorf("read where gateway %s took payments: %w", s.gateway, err)
	}
	var found []payment.Control
	for _, r := range rows {
		here, elsewhere, own := false, false, false
		for _, b := range booked {
			if b.Row != r.Payment || b.Payment != r.PaymentID || b.Proof == "" {
				continue
			}
			if !slices.Contains(s.accounts.today, b.Account) {
				elsewhere = true
				continue
			}
			here, own = true, own || b.Proof == string(billing.ProofLookUp)
		}
		if here || !elsewhere {
			found = append(found, r.control(own))
		}
	}
	return found, nil
}

func (s controlSide) read(ctx context.Context, query string, args ...any) ([]controlRow, error) {
	comparison, direction := "<", "DESC"
	if s.later {
		comparison, direction = ">", "ASC"
	}
	var rows []controlRow
	err := mysql.SelectIn(ctx, s.DB, &rows, fmt.Sprintf(query, comparison, direction), args...)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("read the payments that gateway %s took: %w", s.gateway, err)
	}
	return rows, nil
}

func controlsOf(rows []controlRow, own bool) []payment.Control {
	found := make([]payment.Control, len(rows))
	for i, r := range rows {
		found[i] = r.control(own)
	}
	return found
}

// orNone are accounts for a list; none is an account that no row has.
func orNone(accounts []uint32) []uint32 {
	if len(accounts) == 0 {
		return []uint32{0}
	}
	return accounts
}

// oldest is the instant from which on the gateway shows payments. What is about to be forgotten counts as forgotten.
func (s controlSide) oldest() time.Time {
	retention := s.Retention(s.gateway)
	if retention <= 0 {
		return time.Unix(0, 0).UTC()
	}
	return s.Now().Add(-retention).UTC()
}
