package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/mysql/sqltext"
	"duly/internal/payment"
)

// Owner is a row that a gateway's payment belongs to.
type Owner struct {
	Kind string // OwnerAttempt or OwnerPayment
	ID   uint64
}

// The kinds of owner, as bookings.kind holds them.
const (
	OwnerAttempt = "attempt"
	OwnerPayment = "payment"
)

// String is what operators call the row.
func (o Owner) String() string { return fmt.Sprintf("%s %d", o.Kind, o.ID) }

// Booking is a gateway's payment and the row that takes it.
type Booking struct {
	Gateway   string
	Account   uint32 // row of gateway_accounts; 0: not stored, it counts as today's
	PaymentID string
	Owner     Owner
	// Proof is what showed the account to have an order's payment; empty: nothing but the shop's word, or an attempt, which has
	// its own.
	Proof billing.Proof
}

// Bookings reserves the payments of gateways for rows: one payment of an account belongs to one row. Accounts that were
// joined are one account, and so is, for every account of a gateway, the one that the upgrade booked older rows under.
// It is safe for concurrent use.
type Bookings struct {
	// Today are the rows of gateway_accounts that the gateways are called at, by name; see Accounts.
	Today map[string]uint32
	// Called are the accounts themselves, by gateway, for those that are not in Today: a command adds one with the booking.
	Called map[string]payment.Account

	mu     sync.Mutex
	groups *accountGroups // read once: an account that is joined meanwhile counts for the next run
}

const (
	insertBookings = `INSERT INTO bookings (account_id, gateway_payment_id, kind, row_id, proof) VALUES `
	selectBookings = `SELECT account_id, gateway_payment_id, kind, row_id FROM bookings WHERE account_id IN (?) AND gateway_payment_id IN (?)`
	moveBooking    = `UPDATE bookings SET kind = ?, row_id = ?, proof = ? WHERE account_id = ? AND gateway_payment_id = ? AND kind = ? AND row_id = ?`
	allAccounts    = `SELECT id, gateway, address, account, COALESCE(joined_to, 0) AS joined_to FROM gateway_accounts`

	// A row that ended without the money, or is gone, no longer has what was booked for it: after a restore another row can stand
	// under its id.
	holdingPayments = `SELECT id, '' AS there FROM payments WHERE id IN (?) AND status NOT IN ('failed', 'cancelled')`
	holdingAttempts = `SELECT id, COALESCE(gateway_payment_id, '') AS there FROM payment_attempts WHERE id IN (?) AND status = 'succeeded'`
)

// Reserve books payments for their rows within tx. It returns, by index, the row that has each payment that is booked for
// another already; those are left as they are.
func (b *Bookings) Reserve(ctx context.Context, tx *sqlx.Tx, list []Booking) (map[int]Owner, error) {
	taken := map[int]Owner{}
	if len(list) == 0 {
		return taken, nil
	}
	groups, err := b.load(ctx, tx, list)
	if err != nil {
		return nil, err
	}
	todo, again := groups.sort(list, b.account)
	if err := todo.reserve(ctx, tx, taken); err != nil {
		return nil, err
	}
	for i, first := range again { // the same payment twice in the list
		owner, ok := taken[first]
		if !ok {
			owner = list[first].Owner
		}
		if owner != list[i].Owner {
			taken[i] = owner
		}
	}
	return taken, nil
}

// reserve books what is not booked, and adds to taken what another row has.
func (r reservations) reserve(ctx context.Context, tx *sqlx.Tx, taken map[int]Owner) error {
	todo, err := r.elsewhere(ctx, tx, taken)
	if err != nil {
		return err
	}
	for range 3 {
		rows := sqltext.NewRows(insertBookings, len(todo))
		for i := range todo {
			r := &todo[i]
			rows.Row().Uint(uint64(r.account)).Text(r.PaymentID).Text(r.Owner.Kind).Uint(r.Owner.ID).Optional(string(r.Proof))
		}
		// A duplicate undoes the statement alone. Another transaction that books the same payment is waited for.
		_, err := mysql.InsertRows(ctx, tx, rows, "")
		if !mysql.IsDuplicate(err) {
			return err
		}
		if todo, err = todo.unbooked(ctx, tx, taken); err != nil {
			return err
		}
	}
	return fmt.Errorf("book %d payments: others book them at the same time", len(todo))
}

// reservation is a booking under the account that its group is booked under.
type reservation struct {
	Booking

	index   int
	account uint32
	others  []uint32 // further accounts of the group
}

type reservations []reservation

// paymentName is what makes a payment one.
type paymentName struct {
	account uint32
	id      string
}

// sort orders bookings by their key, so that two transactions wait for each other in one order. again are those of a payment
// that an earlier one of the list has, with the index of that one.
func (g *accountGroups) sort(list []Booking, account func(*accountGroups, Booking) uint32) (todo reservations, again map[int]int) {
	again = map[int]int{}
	all := make(reservations, len(list))
	for i, booking := range list {
		booking.PaymentID = mysql.Cut(booking.PaymentID, 255)
		root, others := g.of(account(g, booking), booking.Gateway)
		all[i] = reservation{Booking: booking, index: i, account: root, others: others}
	}
	slices.SortFunc(all, func(a, b reservation) int {
		return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.PaymentID, b.PaymentID), cmp.Compare(a.index, b.index))
	})
	todo = all[:0]
	for _, r := range all {
		if last := len(todo) - 1; last >= 0 && todo[last].account == r.account && todo[last].PaymentID == r.PaymentID {
			again[r.index] = todo[last].index
			continue
		}
		todo = append(todo, r)
	}
	return todo, again
}

// elsewhere takes out what is booked under another account of its group. Most groups have one account, and cost nothing.
func (r reservations) elsewhere(ctx context.Context, tx *sqlx.Tx, taken map[int]Owner) (reservations, error) {
	var accounts []uint32
	for _, booking := range r {
		accounts = append(accounts, booking.others...)
	}
	if len(accounts) == 0 {
		return r, nil
	}
	return r.settle(ctx, tx, accounts, taken)
}

// unbooked are those that are not booked yet, after an insert met a duplicate.
func (r reservations) unbooked(ctx context.Context, tx *sqlx.Tx, taken map[int]Owner) (reservations, error) {
	accounts := make([]uint32, len(r))
	for i, booking := range r {
		accounts[i] = booking.account
	}
	return r.settle(ctx, tx, accounts, taken)
}

// settle finds the bookings of r under the accounts. One of the same row is done; one of a row that ended without the money is
// moved; one of any other row is taken. It returns the rest.
func (r reservations) settle(ctx context.Context, tx *sqlx.Tx, accounts []uint32, taken map[int]Owner) (reservations, error) {
	slices.Sort(accounts)
	ids := make([]string, len(r))
	for i, booking := range r {
		ids[i] = booking.PaymentID
	}
	var rows []struct {
		Account uint32 `db:"account_id"`
		Payment string `db:"gateway_payment_id"`
		Kind    string
		Row     uint64 `db:"row_id"`
	}
	if err := mysql.SelectIn(ctx, tx, &rows, selectBookings, slices.Compact(accounts), ids); err != nil || len(rows) == 0 {
		return r, err
	}
	found := make(map[paymentName]Owner, len(rows))
	for _, row := range rows {
		found[paymentName{row.Account, row.Payment}] = Owner{row.Kind, row.Row}
	}
	held, err := heldBookings(ctx, tx, found)
	if err != nil {
		return nil, err
	}
	left := make(reservations, 0, len(r))
	for _, booking := range r {
		account, owner, booked := booking.in(found)
		switch {
		case !booked:
			left = append(left, booking)
		case owner == booking.Owner:
		case !held[paymentName{account, booking.PaymentID}]:
			if _, err := tx.ExecContext(ctx, moveBooking, booking.Owner.Kind, booking.Owner.ID, Text(string(booking.Proof)), account, booking.PaymentID, owner.Kind, owner.ID); err != nil {
				return nil, err
			}
		default:
			taken[booking.index] = owner
		}
	}
	return left, nil
}

// in finds the booking of the same payment under any account of the group.
func (r reservation) in(found map[paymentName]Owner) (account uint32, owner Owner, ok bool) {
	for _, account := range append([]uint32{r.account}, r.others...) {
		if owner, ok := found[paymentName{account, r.PaymentID}]; ok {
			return account, owner, true
		}
	}
	return 0, Owner{}, false
}

// heldBookings are those whose owner still has the payment.
func heldBookings(ctx context.Context, tx *sqlx.Tx, found map[paymentName]Owner) (map[paymentName]bool, error) {
	there := map[Owner]string{}
	for kind, query := range map[string]string{OwnerAttempt: holdingAttempts, OwnerPayment: holdingPayments} {
		var ids []uint64
		for _, owner := range found {
			if owner.Kind == kind {
				ids = append(ids, owner.ID)
			}
		}
		if len(ids) == 0 {
			continue
		}
		var rows []struct {
			ID    uint64
			There string
		}
		if err := mysql.SelectIn(ctx, tx, &rows, query, ids); err != nil {
			return nil, err
		}
		for _, r := range rows {
			there[Owner{kind, r.ID}] = r.There
		}
	}
	held := make(map[paymentName]bool, len(found))
	for name, owner := range found {
		id, holds := there[owner]
		held[name] = holds && (owner.Kind == OwnerPayment || id == name.id)
	}
	return held, nil
}

const (
	invoiceOfAttempt = `SELECT invoice_id FROM payment_attempts WHERE id = ?`
	orderOfPayment   = `SELECT order_id FROM payments WHERE id = ?`
)

// Describe says for people what row owns a payment, and what that row pays.
func Describe(ctx context.Context, q sqlx.QueryerContext, o Owner) (string, error) {
	query, what := invoiceOfAttempt, "invoice"
	if o.Kind == OwnerPayment {
		query, what = orderOfPayment, "order"
	}
	var id uint64
	if err := sqlx.GetContext(ctx, q, &id, query, o.ID); errors.Is(err, sql.ErrNoRows) {
		return o.String() + ", whose row is gone", nil
	} else if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s of %s %d", o, what, id), nil
}

// PaymentsThat reads the payments of orders, in a condition, that are recorded under a gateway's payments. Spelled in another
// letter case an id counts as the same: it is the shop that wrote it.
const PaymentsThat = `SELECT id, order_id, gateway, transaction_key FROM payments WHERE transaction_key IN (?) AND `

// A charge that waits to be adopted is told of until it is.
const closeUnknown = `UPDATE audit_findings SET resolved_at = ?, resolution = ? WHERE kind = 'unknown_here' AND gateway_payment_id = ? AND resolved_at IS NULL
AND JSON_UNQUOTE(JSON_EXTRACT(detail, '$.gateway')) = ?
AND NOT EXISTS (SELECT 1 FROM unknown_charges u WHERE u.adopted_at IS NULL AND u.gateway_payment_id = ?)`

// RecordedPayment is a payment of an order that names a payment of a gateway.
type RecordedPayment struct {
	ID      uint64
	OrderID uint64 `db:"order_id"`
	Gateway string
	There   string `db:"transaction_key"`
}

// Has reports whether the row is recorded under that payment.
func (r RecordedPayment) Has(gateway, id string) bool {
	return r.Gateway == gateway && strings.EqualFold(r.There, id)
}

// ReserveNamed books the payment that an operator names for a row, or says which row has it. The shop's table is looked at too:
// what it records is not booked before a run comes by. Findings that nobody here knows the payment are closed: to give it back, as
// they advise, would take the row's money.
func (b *Bookings) ReserveNamed(ctx context.Context, tx *sqlx.Tx, booking Booking, now time.Time) error {
	var rows []RecordedPayment
	if err := mysql.SelectIn(ctx, tx, &rows, PaymentsThat+`status NOT IN ('failed', 'cancelled')`, []string{booking.PaymentID}); err != nil {
		return err
	}
	taken := map[int]Owner{}
	for _, r := range rows {
		if owner := (Owner{OwnerPayment, r.ID}); owner != booking.Owner && r.Has(booking.Gateway, booking.PaymentID) {
			taken[0] = owner
		}
	}
	if len(taken) == 0 {
		var err error
		if taken, err = b.Reserve(ctx, tx, []Booking{booking}); err != nil {
			return err
		}
	}
	owner, is := taken[0]
	if !is {
		_, err := tx.ExecContext(ctx, closeUnknown, now, mysql.Cut("paid: booked for "+booking.Owner.String(), 255), booking.PaymentID, booking.Gateway, booking.PaymentID)
		return err
	}
	text, err := Describe(ctx, tx, owner)
	if err != nil {
		return err
	}
	return Refuse(fmt.Errorf("payment %s is booked for %s", booking.PaymentID, text))
}

// accountGroups are the accounts that count as one.
type accountGroups struct {
	root   map[uint32]uint32   // by account
	all    map[uint32][]uint32 // by root, without it
	before map[string]uint32   // what the upgrade booked under, by gateway
	ids    map[payment.Account]uint32
}

// load reads the accounts, and makes sure that there is one for each gateway of list that today's accounts lack: an answer
// that was kept can be of a gateway that is no longer configured.
func (b *Bookings) load(ctx context.Context, tx *sqlx.Tx, list []Booking) (*accountGroups, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.groups == nil {
		groups, err := readGroups(ctx, tx)
		if err != nil {
			return nil, err
		}
		b.groups = groups
	}
	var rows [][]any
	added := map[string]bool{}
	for _, booking := range list {
		if b.account(b.groups, booking) == 0 && !added[booking.Gateway] {
			added[booking.Gateway] = true
			called := b.Called[booking.Gateway]
			rows = append(rows, []any{booking.Gateway, called.Address, called.ID})
		}
	}
	if len(rows) == 0 {
		return b.groups, nil
	}
	if _, err := mysql.Insert(ctx, tx, insertAccount, rows, ""); err != nil {
		return nil, err
	}
	return readGroups(ctx, tx) // not kept: the transaction may be rolled back
}

// account is the one that a payment is of: the one that is stored, today's, or for a gateway that nobody calls the one that the
// upgrade booked under; 0: there is none yet.
func (b *Bookings) account(g *accountGroups, booking Booking) uint32 {
	if booking.Account != 0 {
		return booking.Account
	}
	if id := b.Today[booking.Gateway]; id != 0 {
		return id
	}
	if called, ok := b.Called[booking.Gateway]; ok {
		return g.ids[called]
	}
	return g.before[booking.Gateway]
}

func readGroups(ctx context.Context, q sqlx.QueryerContext) (*accountGroups, error) {
	var rows []struct {
		ID      uint32
		Gateway string
		Address string
		Account string
		Joined  uint32 `db:"joined_to"`
	}
	if err := sqlx.SelectContext(ctx, q, &rows, allAccounts); err != nil {
		return nil, err
	}
	g := &accountGroups{root: map[uint32]uint32{}, all: map[uint32][]uint32{}, before: map[string]uint32{}, ids: map[payment.Account]uint32{}}
	joined := make(map[uint32]uint32, len(rows))
	for _, r := range rows {
		joined[r.ID] = r.Joined
		g.ids[payment.Account{Gateway: r.Gateway, Address: r.Address, ID: r.Account}] = r.ID
		if r.Address == "" {
			g.before[r.Gateway] = r.ID
		}
	}
	for _, r := range rows {
		root := r.ID
		for range rows { // a circle ends too
			if joined[root] == 0 {
				break
			}
			root = joined[root]
		}
		if g.root[r.ID] = root; root != r.ID {
			g.all[root] = append(g.all[root], r.ID)
		}
	}
	return g, nil
}

// of is the account that payments of an account are booked under, and the further ones of its group.
func (g *accountGroups) of(account uint32, gateway string) (root uint32, others []uint32) {
	if root = g.root[account]; root == 0 {
		root = account
	}
	others = g.all[root]
	if before := g.before[gateway]; before != 0 && before != root && !slices.Contains(others, before) {
		others = append(slices.Clone(others), before)
	}
	return root, others
}
