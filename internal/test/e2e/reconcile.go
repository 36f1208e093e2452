package e2e

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/gateway/simulator"
	"duly/internal/payment"
)

// Reconcile compares tables and ledgers after the last run for a business date, and fails the test with all that
// does not agree. How much may be left to an operator is for the test to say.
func Reconcile(t testing.TB, db *sqlx.DB, business payment.Date, gateways ...*simulator.Simulator) {
	t.Helper()
	problems, err := Problems(t.Context(), db, business, gateways...)
	require.NoError(t, err)
	require.Empty(t, problems)
}

// Problems lists, in words, everything in tables and ledgers that must not be once a run for the business date
// has left nothing undone.
func Problems(ctx context.Context, db *sqlx.DB, business payment.Date, gateways ...*simulator.Simulator) ([]string, error) {
	problems, err := tableProblems(ctx, db, business)
	if err != nil {
		return nil, err
	}
	for _, reference := range simulator.DoubleCharged(ledger(gateways)) {
		problems = append(problems, reference+" was charged twice")
	}
	for _, g := range gateways {
		for _, key := range g.BodyViolations() {
			problems = append(problems, "different bytes were sent under "+key)
		}
	}
	more, err := ledgerProblems(ctx, db, gateways)
	return append(problems, more...), err
}

func ledger(gateways []*simulator.Simulator) iter.Seq[simulator.Entry] {
	return func(yield func(simulator.Entry) bool) {
		for _, g := range gateways {
			for e := range g.Entries() {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// invariant is a question to which no row is the right answer.
type invariant struct {
	wrong string // about each row that is found
	query string
	dated int // how many of its parameters are the business date
}

func invariants() []invariant {
	return []invariant{
		{"attempt %s is not settled", `SELECT idempotency_key FROM payment_attempts WHERE status IN ('in_flight', 'in_doubt')`, 0},
		{"invoice %s is still to be charged", `SELECT id FROM invoices WHERE status = 'charging' OR status = 'open' AND next_attempt_date <= ?`, 1},
		{"subscription %s is due and not invoiced", `SELECT id FROM subscriptions s WHERE status IN ('active', 'past_due') AND next_billing_date <= ?
AND review_reason IS NULL AND NOT EXISTS (SELECT 1 FROM invoices i WHERE i.subscription_id = s.id
AND (i.status IN ('open', 'charging', 'review') OR i.issued_date >= ? AND (s.interval_unit NOT IN ('day', 'week') OR i.due_date >= s.next_billing_date)))`, 2},
		{"the attempts of invoice %s are not numbered one by one", `SELECT i.id FROM invoices i LEFT JOIN payment_attempts a ON a.invoice_id = i.id
GROUP BY i.id, i.attempts HAVING COUNT(a.id) <> i.attempts OR COALESCE(MAX(a.attempt_no), 0) <> i.attempts`, 0},
		{"invoice %s does not have the status that its attempts speak of", `SELECT i.id FROM invoices i LEFT JOIN payment_attempts a ON a.invoice_id = i.id
GROUP BY i.id, i.amount, i.status HAVING COUNT(IF(a.status = 'succeeded', 1, NULL)) <> IF(i.status = 'paid' AND i.amount > 0, 1, 0)
OR i.status <> 'review' AND COUNT(IF(a.status IN ('review', 'rejected'), 1, NULL)) > 0`, 0},
		{"invoice %s was paid and no event says so", `SELECT id FROM invoices WHERE status = 'paid'
AND CONCAT('invoice.paid:sub_', subscription_id, '_', DATE_FORMAT(due_date, '%Y%m%d')) NOT IN (SELECT dedupe_key FROM events WHERE dedupe_key IS NOT NULL)`, 0},
		{"event %s tells of a payment that was not made", `SELECT e.id FROM events e LEFT JOIN invoices i
ON i.subscription_id = CAST(SUBSTRING_INDEX(e.subject, ':', -1) AS UNSIGNED) AND i.status = 'paid'
AND e.dedupe_key = CONCAT('invoice.paid:sub_', i.subscription_id, '_', DATE_FORMAT(i.due_date, '%Y%m%d'))
WHERE e.type = 'invoice.paid' AND i.id IS NULL`, 0},
		{"attempt %s was declined and no event says so", `SELECT idempotency_key FROM payment_attempts WHERE status = 'declined'
AND decline_class IS NOT NULL AND CONCAT('payment.failed:', idempotency_key) NOT IN (SELECT dedupe_key FROM events WHERE dedupe_key IS NOT NULL)`, 0},
		{"invoice %s is in review and no event says so", `SELECT id FROM invoices WHERE status = 'review'
AND CONCAT('subscription:', subscription_id) NOT IN (SELECT subject FROM events WHERE type = 'review.needed')`, 0},
		{"subscription %s was ended by us and no event says so", `SELECT id FROM subscriptions WHERE cancel_reason IS NOT NULL
AND CONCAT('subscription:', id) NOT IN (SELECT subject FROM events WHERE type IN ('subscription.cancelled', 'subscription.changed'))`, 0},
		{"subscription %s has a status that its invoices do not speak of", `SELECT s.id FROM subscriptions s JOIN invoices i ON i.id =
(SELECT MAX(x.id) FROM invoices x WHERE x.subscription_id = s.id)
WHERE s.status = 'active' AND (i.status = 'uncollectible' AND COALESCE(i.dunning, '') NOT LIKE '% keep%' OR i.status = 'open' AND i.first_declined_date IS NOT NULL)
OR s.status = 'past_due' AND (i.status = 'paid' OR i.status = 'uncollectible' AND COALESCE(i.dunning, '') NOT LIKE '% keep%' OR i.status = 'open' AND i.first_declined_date IS NULL)
OR s.status = 'cancelled' AND s.cancel_reason IS NOT NULL AND i.status <> 'uncollectible'
AND NOT EXISTS (SELECT 1 FROM subscription_changes c WHERE c.subscription_id = s.id AND c.kind = 'cancel' AND c.applied_at IS NOT NULL)`, 0},
		{"subscription %s was paused by us and no event says so", `SELECT subscription_id FROM invoices WHERE status = 'uncollectible' AND dunning LIKE '% paused%'
AND CONCAT('subscription:', subscription_id) NOT IN (SELECT subject FROM events WHERE type = 'subscription.paused')`, 0},
		{"step %s does not add up", `SELECT CONCAT(r.id, '/', s.step) FROM step_runs s JOIN job_runs r ON r.id = s.run_id
WHERE r.status = 'completed' AND s.read_count <> s.succeeded + s.declined + s.released + s.in_doubt + s.rejected + s.review`, 0},
		{"the steps count more charges than there are: %s", `SELECT n FROM (SELECT
(SELECT COALESCE(SUM(succeeded), 0) FROM step_runs WHERE step NOT IN ('issue', 'announce', 'announce-due')) AS n,
(SELECT COUNT(*) FROM payment_attempts WHERE status = 'succeeded') AS paid) x WHERE n > paid`, 0},
	}
}

func tableProblems(ctx context.Context, db *sqlx.DB, business payment.Date) ([]string, error) {
	var problems []string
	for _, inv := range invariants() {
		args := make([]any, inv.dated)
		for i := range args {
			args[i] = business
		}
		var found []string
		if err := db.SelectContext(ctx, &found, inv.query, args...); err != nil {
			return nil, fmt.Errorf("%s: %w", inv.wrong, err)
		}
		for _, row := range found {
			problems = append(problems, fmt.Sprintf(inv.wrong, row))
		}
	}
	return problems, nil
}

// attempt is what the tables say of a charge.
type attempt struct {
	Key       string `db:"idempotency_key"`
	Reference string
	Customer  string `db:"customer_id"`
	Amount    int64
	Currency  string
	Status    string
	PaymentID string `db:"gateway_payment_id"`
	Invoice   string
}

// ledgerProblems finds money that only one side knows of, in each direction.
func ledgerProblems(ctx context.Context, db *sqlx.DB, gateways []*simulator.Simulator) ([]string, error) {
	var rows []attempt
	if err := db.SelectContext(ctx, &rows, `SELECT a.idempotency_key, a.reference, a.customer_id, a.amount, a.currency, a.status,
COALESCE(a.gateway_payment_id, '') AS gateway_payment_id, i.status AS invoice
FROM payment_attempts a JOIN invoices i ON i.id = a.invoice_id`); err != nil {
		return nil, fmt.Errorf("read the attempts: %w", err)
	}
	attempts := make(map[string]attempt, len(rows))
	for _, a := range rows {
		attempts[a.Key] = a
	}
	var problems []string
	charged := map[string]bool{}
	for e := range ledger(gateways) {
		if !e.TookMoney() {
			continue
		}
		a, known := attempts[e.Key]
		switch {
		case !known:
			problems = append(problems, e.Key+" was charged and is unknown here")
		case a.Status == "review" && a.Invoice == "review": // an operator is told
		case !a.is(e):
			problems = append(problems, e.Key+" was charged otherwise than asked for, and nobody is told")
		case a.Status != "succeeded" || a.Invoice != "paid":
			problems = append(problems, fmt.Sprintf("%s was charged, and here it is %s, its invoice %s", e.Key, a.Status, a.Invoice))
		case a.PaymentID != e.ID:
			problems = append(problems, fmt.Sprintf("%s is payment %s, and here %s", e.Key, e.ID, a.PaymentID))
		default:
			charged[e.Key] = true
		}
	}
	for _, a := range rows {
		if a.Status == "succeeded" && !charged[a.Key] {
			problems = append(problems, a.Key+" succeeded here, and the gateway took no money")
		}
	}
	slices.Sort(problems)
	return problems, nil
}

func (a attempt) is(e simulator.Entry) bool {
	return a.Reference == e.Reference && a.Customer == e.CustomerID && a.Amount == e.Amount && a.Currency == e.Currency
}
