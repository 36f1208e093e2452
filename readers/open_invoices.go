package readers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/billing/advance"
	"duly/internal/billing/notice"
	"duly/internal/changes"
	"duly/internal/claims"
	"duly/internal/inserted"
	"duly/internal/methods"
	"duly/internal/mysql"
	"duly/internal/mysql/sqltext"
	"duly/internal/noticerows"
	"duly/internal/payment"
	"duly/internal/store"
)

// OpenInvoices claims the open invoices of one dunning stage: it commits an attempt for each before it returns it.
// Invoices that must not be charged are moved on, voided, ended or set aside in the same transaction.
//
// It promises: every open invoice of the stage that is due, selected, not in a lane that is skipped and not
// released by a run after this one began is returned or decided once in a walk, unless its row stayed locked
// until the end of the walk (see Left). Those of full lanes are postponed, and claimed in the same walk as
// soon as there is room.
type OpenInvoices struct {
	DB *mysql.DB
	// Server is the one that the run began on; zero: any.
	Server    mysql.Server
	Selection store.Selection
	Stage     int
	Policy    billing.Policy
	Known     func(gateway string) bool
	// Terms are what new attempts at a gateway are made under; nil: none are stored.
	Terms func(gateway string) billing.Terms
	// KeyPrefix is what the keys of new attempts at a gateway begin with; nil: nothing.
	KeyPrefix func(gateway string) string
	// Today is the effective date, Now the business clock, Clock the process's own.
	Today func() payment.Date
	Now   func() time.Time
	Clock func() time.Time
	// Left is called with invoices that are left for a later run.
	Left claims.LeftFunc
	// Changes are planned ones, of which those that count for a charge are applied at the claim.
	Changes *changes.Source
	// Decided writes what was decided without a charge, within the claim's transaction.
	Decided func(ctx context.Context, tx *sqlx.Tx, decided []billing.Decided) (batch.Tally, error)

	failures claims.Failures
	walk     claims.Walk
	walked   bool // the walk is at its end, but for what it postponed
	later    claims.Postponed
	waiting  methods.Waiting
}

const (
	stageCandidates = `SELECT id, CAST(next_attempt_date AS CHAR) AS walk_date FROM invoices
WHERE status = 'open' AND stage = ? AND next_attempt_date <= ?
AND (next_attempt_date > ? OR (next_attempt_date = ? AND id > ?))%s
ORDER BY next_attempt_date, id LIMIT ?`

	// COALESCE keeps the optimiser of a small table from locking by the index of the walk instead: every row that
	// it would look at there is locked, also those of other claims.
	stageLock = `SELECT id, subscription_id, due_date, amount, currency, stage, attempts, first_declined_date, COALESCE(retry_days, '') AS retry_days, COALESCE(dunning, '') AS dunning, try_later_since, stage_date,
COALESCE(amount_check, '') AS amount_check
FROM invoices WHERE id IN (?) AND COALESCE(status) = 'open' AND COALESCE(stage) = ? AND next_attempt_date <= ?
AND (next_try_at IS NULL OR next_try_at <= ?) ORDER BY id`

	insertAttempts = `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference,
customer_id, amount, currency, gateway, payment_method, method_type, description, body_version, status, run_id, lease, created_at,
account_id, key_life_ms, longest_request_ms, gateway_customer) VALUES `
)

// stageClaim is what one claim transaction read and made.
type openInvoicesClaim struct {
	lease [16]byte
	seen  int // candidates, whatever became of them
	date  payment.Date
	id    uint64 // the last candidate
	items []billing.Claimed
	made  []charge // that the items stand for, in their order
	tally batch.Tally
	mark  batch.Mark
	held  []string      // gateways that list a charge of a claimed period which nothing here accounts for
	met   int           // rows that were claimed, decided, postponed or skipped
	full  []methods.Row // rows that there was no room for
	// waiting are rows whose methods are being tried as often as their card networks allow.
	waiting []methods.Row
}

// confirmed tells the run of a claim that was committed.
func (c *openInvoicesClaim) confirmed(x *batch.StepExecution) {
	x.Count(c.tally)
	if len(c.items) > 0 {
		x.Acknowledged.Claimed(c.mark)
	}
	for _, name := range c.held {
		x.Leave(listed(name))
	}
}

// claim claims the next rows of the walk, or these if there are any.
func (s *OpenInvoices) claim(ctx context.Context, limit int, want batch.ClaimRequest, these []uint64) (*openInvoicesClaim, error) {
	c := &openInvoicesClaim{}
	lease, err := claims.LeaseName()
	if err != nil {
		return c, err
	}
	return c, claims.Make(ctx, s.DB, "claim", func(tx *sqlx.Tx) error {
		*c = openInvoicesClaim{lease: lease}
		return s.transact(ctx, tx, c, limit, want, these)
	}, func() (bool, error) { return c.tookEffect(ctx, s.DB) })
}

type candidate struct {
	ID   uint64
	Date payment.Date `db:"walk_date"`
}

func (s *OpenInvoices) transact(ctx context.Context, tx *sqlx.Tx, c *openInvoicesClaim, limit int, want batch.ClaimRequest, these []uint64) error {
	ids, phase := these, claims.Forward
	if len(these) == 0 {
		phase = s.walk.Phase
		candidates, err := s.candidates(ctx, tx, limit)
		if err != nil {
			return err
		}
		if c.seen = len(candidates); c.seen == 0 {
			return nil
		}
		last := candidates[c.seen-1]
		c.date, c.id = last.Date, last.ID
		ids = store.SortedIDs(candidates, func(x candidate) uint64 { return x.ID })
	}

	invoices := make([]store.InvoiceRow, 0, len(ids))
	if err := mysql.SelectIn(ctx, tx, &invoices, stageLock+phase.Lock(), ids, s.Stage, s.Selection.Business, batch.Execution(ctx).Run.Started); err != nil || len(invoices) == 0 {
		return err
	}
	subscriptions, err := store.SubscriptionsOf(ctx, tx, invoices, phase.Lock())
	if err != nil {
		return err
	}
	if err := s.Changes.Claim(ctx, tx, subscriptions, phase.SkipsLocked(), s.Today(), s.Now()); err != nil {
		return err
	}
	past, err := store.PastOf(ctx, tx, invoices)
	if err != nil {
		return err
	}
	var decided []billing.Decided
	chosen := make([]charge, 0, len(invoices))
	for _, row := range invoices {
		inv := advance.On(row.Invoice(), s.Today())
		sub, ok := subscriptions[row.SubscriptionID]
		if !ok && phase != claims.Waiting { // locked
			continue
		}
		c.met++
		switch {
		case !ok:
			decided = append(decided, billing.Decided{Invoice: inv, Claim: billing.Ownerless(inv)})
			continue
		case want.Skip(sub.Gateway):
			continue
		}
		claim := billing.DecideClaim(inv, sub, past[inv.ID], s.Policy, s.Today(), s.Known)
		switch {
		case claim.Action == billing.LeaveInvoice:
		case claim.Action != billing.Charge:
			decided = append(decided, billing.Decided{Invoice: inv, Claim: claim})
		default:
			ch := s.charge(&inv, &sub, claim)
			ch.before = store.LeaseBefore(past[inv.ID], claim.Reuse)
			ch.changed = s.Policy.RetryOnNewMethod && advance.Changed(sub, past[inv.ID])
			chosen = append(chosen, ch)
		}
	}
	chosen, beyond, err := s.guarded(ctx, tx, chosen)
	if err != nil {
		return err
	}
	if chosen, err = noticerows.Announced(ctx, tx, chosen, s.announcing); err != nil {
		return err
	}
	charges, held, err := s.allowed(ctx, tx, c, chosen, want.Rooms())
	if err != nil {
		return err
	}
	if decided = slices.Concat(decided, beyond, held); len(decided) > 0 {
		if c.tally, err = s.Decided(ctx, tx, decided); err != nil {
			return err
		}
	}
	return s.attempt(ctx, tx, c, charges)
}

// charge is the charge of a claim under the terms and the prefix of its gateway. A released attempt that is taken up at
// another gateway, of whose keys an installation beside this one may have the same, gets that one's prefix.
func (s *OpenInvoices) charge(inv *billing.Invoice, sub *billing.Subscription, claim billing.Claim) charge {
	ch, prefix := charge{inv: inv, sub: sub, no: claim.No, reuse: claim.Reuse, reference: billing.Reference(sub.ID, inv.Due)}, ""
	if s.Terms != nil {
		ch.terms = s.Terms(sub.Gateway)
	}
	if s.KeyPrefix != nil {
		prefix = s.KeyPrefix(sub.Gateway)
	}
	ch.key = billing.Under(prefix, claim.Key)
	ch.renamed = ch.key != claim.Key
	return ch
}

// candidates reads the next ids of the walk, without a lock.
func (s *OpenInvoices) candidates(ctx context.Context, q sqlx.QueryerContext, limit int) ([]candidate, error) {
	only, args := s.Selection.Only("subscription_id")
	args = append([]any{s.Stage, s.Selection.Business, s.walk.From(), s.walk.From(), s.walk.ID}, args...)
	var found []candidate
	err := mysql.Select(ctx, q, &found, fmt.Sprintf(stageCandidates, only), append(args, limit)...)
	return found, err
}

// charge is an invoice that an attempt is made on.
type charge struct {
	inv       *billing.Invoice
	sub       *billing.Subscription
	no        int
	key       string
	reference string
	reuse     uint64 // the released attempt that is taken up again; 0: a new one
	terms     billing.Terms
	renamed   bool     // the key that the claim was decided with had another prefix
	changed   bool     // the method is another one than that of the last decline
	before    [16]byte // the lease of the attempt that is taken up again
}

func (s *OpenInvoices) announcing(ch charge) (billing.Invoice, bool) {
	return *ch.inv, notice.Needed(*ch.inv, ch.no-1, s.Policy.Of(ch.sub.DunningPolicy))
}

// attempt writes the attempts, new ones and released ones that are taken up again, and marks their invoices.
func (s *OpenInvoices) attempt(ctx context.Context, tx *sqlx.Tx, c *openInvoicesClaim, charges []charge) error {
	if len(charges) == 0 {
		return nil
	}
	at, now := s.instant()
	run := batch.Execution(ctx).Run.ID
	fresh := sqltext.NewRows(insertAttempts, len(charges))
	var again, renamed, marked, changed [][]any
	for _, ch := range charges {
		marked = append(marked, []any{ch.inv.ID, ch.no})
		if ch.changed {
			changed = append(changed, []any{ch.inv.ID, s.Today()})
		}
		if ch.reuse == 0 {
			ch.insert(fresh, c.lease, run, now)
			continue
		}
		again = append(again, ch.again(c.lease, run, now))
		if ch.renamed {
			renamed = append(renamed, []any{ch.reuse, ch.key})
		}
	}
	written, err := inserted.Attempts(ctx, tx, s.Server, fresh)
	if err != nil {
		return err
	}
	if len(again) > 0 {
		written = nil
	}
	if err := s.takeUp(ctx, tx, again); err != nil {
		return err
	}
	if _, err := mysql.Update(ctx, tx, "payment_attempts", []string{"idempotency_key"}, renamed, ""); err != nil {
		return err
	}
	if _, err := mysql.Update(ctx, tx, "invoices", []string{"advanced_date"}, changed, ""); err != nil {
		return err
	}
	n, err := mysql.Update(ctx, tx, "invoices", []string{"attempts"}, marked, "status = 'open'",
		"status = 'charging'", "next_try_at = NULL", "hold_rule = NULL", "stage_date = IF(stage_date > '"+s.Today().String()+"', stage_date, NULL)", "updated_at = UTC_TIMESTAMP(6)")
	if err != nil {
		return err
	}
	if n != int64(len(marked)) {
		return fmt.Errorf("%d of %d invoices were marked", n, len(marked))
	}
	return s.items(ctx, tx, c, charges, written, now, at)
}

// instant is when attempts are made, by the process's own clock and by the business clock: the first is read before the second, so that
// no pause between the two makes an attempt look younger.
func (s *OpenInvoices) instant() (at, now time.Time) {
	at = s.Clock()
	return at, mysql.Stored(s.Now())
}

// insert adds the row of a new attempt to those of insertAttempts.
func (ch *charge) insert(rows *sqltext.Rows, lease [16]byte, run uint64, now time.Time) {
	rows.Row().Uint(ch.inv.ID).Uint(ch.sub.ID).Int(int64(ch.no)).Int(int64(ch.inv.Stage)).Text(ch.key).Text(ch.reference).
		Text(ch.sub.CustomerID).Int(ch.inv.Money.Amount).Text(ch.inv.Money.Currency).Text(ch.sub.Gateway).Text(ch.sub.Method).
		Text(ch.sub.MethodType).Text(ch.sub.Description).Int(int64(payment.BodyVersion(ch.sub.GatewayCustomer))).Text(string(billing.AttemptInFlight)).
		Uint(run).Bytes(lease[:]).Time(now)
	if t := ch.terms; t.Account == 0 {
		rows.Null().Null().Null()
	} else {
		rows.Uint(uint64(t.Account)).Int(t.KeyLife.Milliseconds()).Int(t.Longest.Milliseconds())
	}
	rows.Optional(ch.sub.GatewayCustomer)
}

// again is the row of an attempt that is taken up again, for takeUp.
func (ch *charge) again(lease [16]byte, run uint64, now time.Time) []any {
	account, life, longest := any(nil), any(nil), any(nil)
	if t := ch.terms; t.Account != 0 {
		account, life, longest = t.Account, t.KeyLife.Milliseconds(), t.Longest.Milliseconds()
	}
	return []any{
		ch.reuse, ch.inv.Stage, ch.sub.CustomerID, ch.inv.Money.Amount, ch.inv.Money.Currency, ch.sub.Gateway, ch.sub.Method, ch.sub.MethodType, ch.sub.Description,
		payment.BodyVersion(ch.sub.GatewayCustomer), string(billing.AttemptInFlight), run, lease[:], now, account, life, longest, store.Text(ch.sub.GatewayCustomer),
	}
}

// takeUp makes released attempts current again, with what the subscription says now: no request of theirs
// was executed.
func (s *OpenInvoices) takeUp(ctx context.Context, tx *sqlx.Tx, rows [][]any) error {
	n, err := mysql.Update(ctx, tx, "payment_attempts", []string{
		"stage", "customer_id", "amount", "currency", "gateway", "payment_method", "method_type", "description",
		"body_version", "status", "run_id", "lease", "created_at", "account_id", "key_life_ms", "longest_request_ms", "gateway_customer",
	}, rows, "status = 'released'",
		"doubted = FALSE", "lookup_only = FALSE", "checks = 0", "next_check_at = NULL", "settled_at = NULL", "message = NULL",
		"sent_by = NULL", "all_answered = NULL", "proof = NULL", "patience = NULL",
		"gateway_payment_id = NULL", "decline_class = NULL", "decline_code = NULL", "network_code = NULL", "advice_code = NULL", "network = NULL")
	if err == nil && n != int64(len(rows)) {
		err = fmt.Errorf("%d of %d released attempts were taken up", n, len(rows))
	}
	return err
}
