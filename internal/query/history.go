package query

import (
	"context"
	"database/sql"
	"time"

	"github.com/jmoiron/sqlx"

	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/store"
)

// OldestDue is the earliest due date that is taken seriously: an older one is a slip of somebody's.
var OldestDue = payment.NewDate(2000, time.January, 1) //nolint:gochecknoglobals // a constant

// ListMark is up to where the charges that a gateway lists are accounted for, and from where they are known to be.
// Both are zero if its list was never compared.
type ListMark struct{ From, To time.Time }

// ListedAccount is what the tables say of a gateway's account before its list is read.
type ListedAccount struct {
	// Accounts are the rows of gateway_accounts that count as one.
	Accounts []uint32
	Mark     ListMark
	// Open is how many unknown charges wait to be adopted, beside those that rejected attempts account for.
	Open int
	// Rejected are unknown charges under keys whose attempts were rejected and account for them.
	Rejected []billing.RejectedAnyway
}

const (
	newestMark = `SELECT listed_from, listed_to FROM gateway_accounts WHERE id IN (?) AND listed_to IS NOT NULL
ORDER BY listed_to DESC LIMIT 1`
	countOpen = `SELECT COUNT(*) FROM unknown_charges WHERE adopted_at IS NULL AND account_id IN (?)`
)

// Listed reads what is known of an account's list; 0 is an account that is not stored.
func Listed(ctx context.Context, db *mysql.DB, account uint32) (ListedAccount, error) {
	l := ListedAccount{Accounts: []uint32{account}}
	if account != 0 {
		var group []uint32
		if err := db.SelectContext(ctx, &group, store.AccountGroup, account); err != nil {
			return l, mysql.Classify(ctx, err)
		}
		if len(group) > 0 {
			l.Accounts = group
		}
	}
	var marks []struct {
		From sql.NullTime `db:"listed_from"`
		To   sql.NullTime `db:"listed_to"`
	}
	if err := mysql.SelectIn(ctx, db, &marks, newestMark, l.Accounts); err != nil {
		return l, mysql.Classify(ctx, err)
	}
	for _, m := range marks {
		l.Mark = ListMark{m.From.Time, m.To.Time}
	}
	var open []int
	if err := mysql.SelectIn(ctx, db, &open, countOpen, l.Accounts); err != nil {
		return l, mysql.Classify(ctx, err)
	}
	for _, n := range open {
		l.Open += n
	}
	var err error
	if l.Rejected, err = readRejected(ctx, db, rejectedOfAccounts, l.Accounts); err != nil {
		return l, err
	}
	l.Open -= len(l.Rejected)
	return l, nil
}

const selectOldestChargeable = `SELECT CAST(MIN(due) AS CHAR) FROM (
SELECT MIN(next_billing_date) AS due FROM subscriptions WHERE status = 'active' AND next_billing_date >= ? AND next_billing_date <= ?
UNION ALL SELECT MIN(next_billing_date) FROM subscriptions WHERE status = 'past_due' AND next_billing_date >= ? AND next_billing_date <= ?
UNION ALL SELECT MIN(due_date) FROM invoices WHERE status IN ('open', 'charging') AND due_date >= ?) x`

// OldestChargeable is the oldest due date of what may be charged by a date: subscriptions that are due, and invoices that
// are not paid. Dates before OldestDue do not count; zero: there is nothing.
func OldestChargeable(ctx context.Context, db *mysql.DB, by payment.Date) (payment.Date, error) {
	var due payment.Date
	err := db.GetContext(ctx, &due, selectOldestChargeable, OldestDue, by, OldestDue, by, OldestDue)
	return due.Floor(), mysql.Classify(ctx, err)
}

const selectChargedEarly = `SELECT EXISTS (SELECT 1 FROM job_runs WHERE job = 'billing' AND business_date > DATE(started_at + INTERVAL ? SECOND))`

// ChargedEarly reports whether a run that is still known had a business date after the day of its start, by clocks that
// are ahead of UTC by zone.
func ChargedEarly(ctx context.Context, db *mysql.DB, zone time.Duration) (bool, error) {
	var early bool
	err := db.GetContext(ctx, &early, selectChargedEarly, int(zone.Seconds()))
	return early, mysql.Classify(ctx, err)
}

const (
	heldKeys = `SELECT a.id, a.idempotency_key, a.status, COALESCE(a.proof, '') AS proof, COALESCE(a.message, '') AS message, a.reference, a.customer_id, a.doubted, a.run_id = ? AS own, COALESCE(i.status = 'void', FALSE) AS void
FROM payment_attempts a LEFT JOIN invoices i ON i.id = a.invoice_id WHERE a.idempotency_key IN (?)`
	adoptedKeys = `SELECT idempotency_key, gateway_payment_id FROM unknown_charges
WHERE account_id IN (?) AND idempotency_key IN (?) AND adopted_at IS NOT NULL AND COALESCE(adopted_as, '') <> 'not_shown'`
)

// KeysHeld is what the tables say of keys that a gateway lists.
type KeysHeld struct {
	Attempts map[string]billing.Held // by key
	// adopted are charges, by key and the gateway's id, that an operator accounted for.
	adopted map[[2]string]bool
	// Newest is the attempt with the highest id, and its key.
	Newest    uint64
	NewestKey string
}

// Held reads what the tables say of keys, in one transaction, which no proxy splits over servers. run is the run that
// asks: what it has in flight and has not taken over is not sent yet.
func Held(ctx context.Context, db *mysql.DB, run uint64, accounts []uint32, keys []string) (KeysHeld, error) {
	var h KeysHeld
	err := mysql.Tx(ctx, db, "history", func(tx *sqlx.Tx) error {
		h = KeysHeld{Attempts: make(map[string]billing.Held, len(keys)), adopted: map[[2]string]bool{}}
		var rows []struct {
			ID        uint64
			Key       string `db:"idempotency_key"`
			Status    string
			Proof     string
			Message   string
			Reference string
			Customer  string `db:"customer_id"`
			Doubted   bool
			Own       bool
			Void      bool
		}
		if err := mysql.SelectIn(ctx, tx, &rows, heldKeys, run, keys); err != nil {
			return err
		}
		for _, r := range rows {
			h.Attempts[r.Key] = billing.Held{
				ID: r.ID, Status: billing.AttemptStatus(r.Status), Proof: billing.Proof(r.Proof), Message: r.Message,
				Reference: r.Reference, CustomerID: r.Customer, Unsent: r.Own && !r.Doubted, Void: r.Void,
			}
			if r.ID > h.Newest && r.Status != string(billing.AttemptReleased) { // whose key may yet get another prefix
				h.Newest, h.NewestKey = r.ID, r.Key
			}
		}
		var adopted []struct {
			Key string `db:"idempotency_key"`
			ID  string `db:"gateway_payment_id"`
		}
		if err := mysql.SelectIn(ctx, tx, &adopted, adoptedKeys, accounts, keys); err != nil {
			return err
		}
		for _, a := range adopted {
			h.adopted[[2]string{a.Key, a.ID}] = true
		}
		return nil
	})
	return h, err
}

// Accounts reports whether h accounts for a charge that a gateway lists.
func (h KeysHeld) Accounts(p payment.Payment) bool {
	if held, ok := h.Attempts[p.Key]; ok && billing.Known(p.Status, &held) {
		return true
	}
	return h.adopted[[2]string{p.Key, mysql.Cut(p.ID, 255)}]
}
