package writers_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/operator"
	"duly/internal/payment"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
)

// inReview leaves subscription 1 past_due with invoice 1 and attempt 1 in review.
func inReview(t *testing.T) *testdb.DB {
	t.Helper()
	plain := shop(t, 2)
	worktest.Exec(t, plain, `UPDATE subscriptions SET status = 'past_due' WHERE id = 1`)
	worktest.Exec(t, plain, `UPDATE invoices SET status = 'review', review_reason = 'why', attempts = 1 WHERE id = 1`)
	worktest.Exec(t, plain, `INSERT INTO payment_attempts (invoice_id, subscription_id, attempt_no, stage, idempotency_key, reference,
customer_id, amount, currency, gateway, payment_method, body_version, status, run_id, doubted)
VALUES (1, 1, 1, 0, 'sub_1_20260131-1', 'sub_1_20260131', 'customer-1', 9900, 'KRW', 'main', 'pm_ok:1', 1, 'review', 1, TRUE)`)
	return plain
}

func action(subject string) operator.Action {
	return operator.Action{Action: "resolve", Subject: subject, Who: "ada", Host: "host", Reason: "because", Detail: map[string]string{"as": "paid"}}
}

func TestResolveAttempt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		r      billing.Resolution
		want   string
		events int
	}{
		{
			"paid", billing.Resolution{
				Attempt: billing.AttemptSucceeded, PaymentID: "pay_9", Message: "paid: because", Invoice: billing.Paid, SubscriptionTo: billing.Active,
				Events: []billing.Event{{Type: "invoice.paid", Subject: "subscription:1", Dedupe: "d", Payload: map[string]int{}}},
			}, "succeeded pay_9 paid: because 0 paid - active", 1,
		},
		{"open again", billing.Resolution{Attempt: billing.AttemptRejected, Proof: billing.ProofOperator, Message: "m", Invoice: billing.Open}, "rejected - m 0 open - past_due", 0},
		{"closed", billing.Resolution{Attempt: billing.AttemptRejected, Message: "m", Invoice: billing.Void}, "rejected - m 0 void - past_due", 0},
		{"the attempt alone", billing.Resolution{Attempt: billing.AttemptDeclined, DeclineCode: "refunded", Message: "m"}, "declined - m 0 review why past_due", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			plain := inReview(t)
			db := worktest.Open(t, plain.DSN)
			worktest.Exec(t, plain, `INSERT INTO unknown_charges (account_id, gateway, idempotency_key, reference, gateway_payment_id, record)
SELECT 1, gateway, idempotency_key, reference, 'pay_9', '{}' FROM payment_attempts UNION ALL SELECT 1, gateway, 'sub_9_20260131-1', 'sub_9_20260131', 'pay_8', '{}' FROM payment_attempts`)
			seen, err := operator.Reviewed(t.Context(), db, 1)
			require.NoError(t, err)
			err = operator.ResolveAttempt(t.Context(), db, seen, time.Now(), &store.Bookings{}, action("attempt:1"), func(a billing.Reviewed) (billing.Resolution, error) {
				require.Equal(t, billing.AttemptReview, a.Status)
				require.Equal(t, billing.Review, a.InvoiceStatus)
				require.Equal(t, payment.Money{Amount: 9900, Currency: "KRW"}, a.Invoice.Money)
				return c.r, nil
			})
			require.NoError(t, err)
			require.Equal(t, c.want, worktest.Get[string](t, plain, `SELECT CONCAT_WS(' ', a.status, COALESCE(a.gateway_payment_id, '-'), a.message,
a.doubted, i.status, COALESCE(i.review_reason, '-'), s.status) FROM payment_attempts a JOIN invoices i ON i.id = a.invoice_id
JOIN subscriptions s ON s.id = a.subscription_id`))
			require.Equal(t, string(c.r.Proof), worktest.Get[string](t, plain, `SELECT COALESCE(proof, '') FROM payment_attempts`))
			require.Equal(t, c.events, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM events`))
			var ended []string
			if c.r.Invoice == billing.Paid || c.r.Invoice == billing.Void {
				ended = []string{"pay_9 known"}
			}
			require.Equal(t, ended, worktest.List[string](t, plain, `SELECT CONCAT_WS(' ', gateway_payment_id, adopted_as) FROM unknown_charges WHERE adopted_at IS NOT NULL`),
				"the attempt speaks of its charge from then on")
			require.Equal(t, "resolve attempt:1 ada host because paid", worktest.Get[string](t, plain,
				`SELECT CONCAT_WS(' ', action, subject, who, host, reason, JSON_UNQUOTE(JSON_EXTRACT(detail, '$.as'))) FROM operator_actions`))
		})
	}
}

// What is refused changes nothing and is not recorded as done.
func TestResolveRefused(t *testing.T) {
	t.Parallel()
	plain := inReview(t)
	db := worktest.Open(t, plain.DSN)
	before := worktest.Get[string](t, plain, `SELECT status FROM payment_attempts WHERE id = 1`)
	seen, err := operator.Reviewed(t.Context(), db, 1)
	require.NoError(t, err)
	err = operator.ResolveAttempt(t.Context(), db, seen, time.Now(), nil, action("attempt:1"), func(billing.Reviewed) (billing.Resolution, error) {
		return billing.Resolution{}, errors.New("no")
	})
	refused := store.RefusedError{}
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "no", refused.Error())
	require.Equal(t, before, worktest.Get[string](t, plain, `SELECT status FROM payment_attempts WHERE id = 1`))
	require.Zero(t, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM operator_actions`))

	_, err = operator.Reviewed(t.Context(), db, 99)
	require.ErrorIs(t, err, operator.ErrNotThere)
	require.ErrorContains(t, err, "no attempt 99; see duly list review")
}

// Between the look-up and the transaction a run may take the attempt over, and another operator may settle it: what was
// found out is of another moment then, and changes nothing.
func TestResolveWhatChangedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"taken over":          `UPDATE payment_attempts SET status = 'in_flight', lease = REPEAT('x', 16), sent_by = COALESCE(sent_by, UTC_TIMESTAMP(6))`,
		"taken over and back": `UPDATE payment_attempts SET lease = REPEAT('x', 16), checks = checks + 1`,
		"settled":             `UPDATE payment_attempts SET status = 'succeeded', gateway_payment_id = 'pay_1', proof = 'look_up'`,
		"taken up again":      `UPDATE payment_attempts SET created_at = UTC_TIMESTAMP(6), status = 'in_doubt'`,
	} {
		t.Run(name, func(t *testing.T) {
			plain := inReview(t)
			worktest.Exec(t, plain, `UPDATE payment_attempts SET status = 'in_doubt'`)
			worktest.Exec(t, plain, `UPDATE invoices SET status = 'charging' WHERE id = 1`)
			db := worktest.Open(t, plain.DSN)
			seen, err := operator.Reviewed(t.Context(), db, 1)
			require.NoError(t, err)
			worktest.Exec(t, plain, change)
			err = operator.ResolveAttempt(t.Context(), db, seen, time.Now(), &store.Bookings{}, action("attempt:1"), func(billing.Reviewed) (billing.Resolution, error) {
				require.Fail(t, "decided by what is not true any more")
				return billing.Resolution{}, nil
			})
			require.ErrorAs(t, err, &store.RefusedError{})
			require.ErrorContains(t, err, "duly show invoice 1, then try again")
			require.Zero(t, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM operator_actions`))
		})
	}
}

// Two operators who settle one attempt at once, in either way: one of them is refused.
func TestTwoOperatorsSettleOneAttempt(t *testing.T) {
	t.Parallel()
	plain := inReview(t)
	db := worktest.Open(t, plain.DSN)
	seen, err := operator.Reviewed(t.Context(), db, 1)
	require.NoError(t, err)
	errs := make(chan error, 2)
	for _, r := range []billing.Resolution{
		{Attempt: billing.AttemptRejected, Proof: billing.ProofOperator, Message: "m", Invoice: billing.Open},
		{Attempt: billing.AttemptRejected, Message: "m", Invoice: billing.Void},
	} {
		go func() {
			errs <- operator.ResolveAttempt(t.Context(), db, seen, time.Now(), &store.Bookings{}, action("attempt:1"),
				func(billing.Reviewed) (billing.Resolution, error) { return r, nil })
		}()
	}
	one, two := <-errs, <-errs
	if one == nil {
		one, two = two, one
	}
	require.NoError(t, two)
	require.ErrorAs(t, one, &store.RefusedError{})
	require.Equal(t, 1, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM operator_actions`))
}

// An operator settles an invoice while a worker settles the decline of another one of its subscription: it stays past_due.
func TestAnOperatorWaitsForADeclineOfTheSameSubscription(t *testing.T) {
	t.Parallel()
	for name, settle := range map[string]func(context.Context, *mysql.DB) error{
		"an attempt": func(ctx context.Context, db *mysql.DB) error {
			seen, err := operator.Reviewed(ctx, db, 1)
			if err != nil {
				return err
			}
			return operator.ResolveAttempt(ctx, db, seen, time.Now(), &store.Bookings{}, action("attempt:1"), func(billing.Reviewed) (billing.Resolution, error) {
				return billing.Resolution{Attempt: billing.AttemptSucceeded, PaymentID: "pay_9", Message: "m", Invoice: billing.Paid, SubscriptionTo: billing.Active}, nil
			})
		},
		"an invoice": func(ctx context.Context, db *mysql.DB) error {
			_, err := db.ExecContext(ctx, `UPDATE payment_attempts SET status = 'declined', decline_class = 'soft', proof = 'answer'`)
			if err == nil {
				_, err = operator.CloseInvoice(ctx, db, 1, payment.AsPaidOutside, payment.Date(0), time.Now(), action("invoice:1"))
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			plain := inReview(t)
			worktest.Exec(t, plain, `INSERT INTO invoices (subscription_id, due_date, amount, currency, status, issued_date) VALUES (1, '2026-02-28', 9900, 'KRW', 'charging', '2026-02-28')`)
			holder, err := plain.BeginTxx(t.Context(), nil)
			require.NoError(t, err)
			_, err = holder.ExecContext(t.Context(), `SELECT id FROM subscriptions WHERE id = 1 FOR UPDATE`)
			require.NoError(t, err)
			_, err = holder.ExecContext(t.Context(), `UPDATE invoices SET status = 'open', first_declined_date = '2026-02-28' WHERE subscription_id = 1 AND due_date = '2026-02-28'`)
			require.NoError(t, err)
			db := worktest.OpenPatient(t, plain.DSN)
			require.NoError(t, waitsForALock(t, plain, func(ctx context.Context) error { return settle(ctx, db) }, holder.Commit))
			require.Equal(t, []string{"paid past_due", "open past_due"}, worktest.List[string](t, plain,
				`SELECT CONCAT_WS(' ', i.status, s.status) FROM invoices i JOIN subscriptions s ON s.id = i.subscription_id WHERE s.id = 1 ORDER BY i.due_date`))
		})
	}
}

func TestRequeueInvoice(t *testing.T) {
	t.Parallel()
	plain := inReview(t)
	db := worktest.Open(t, plain.DSN)
	refused := store.RefusedError{}
	require.ErrorAs(t, operator.RequeueInvoice(t.Context(), db, 1, time.Now(), action("invoice:1")), &refused)
	require.ErrorContains(t, refused, "duly resolve attempt 1")
	require.ErrorIs(t, operator.RequeueInvoice(t.Context(), db, 9, time.Now(), action("invoice:9")), operator.ErrNotThere)

	worktest.Exec(t, plain, `UPDATE payment_attempts SET status = 'rejected'`)
	require.ErrorAs(t, operator.RequeueInvoice(t.Context(), db, 1, time.Now(), action("invoice:1")), &refused)
	require.ErrorContains(t, refused, "duly resolve attempt 1 --as not_executed", "a rejection proves nothing")
	worktest.Exec(t, plain, `UPDATE payment_attempts SET proof = 'look_up'`)
	require.NoError(t, operator.RequeueInvoice(t.Context(), db, 1, time.Now(), action("invoice:1")))
	require.Equal(t, "open -", worktest.Get[string](t, plain, `SELECT CONCAT_WS(' ', status, COALESCE(review_reason, '-')) FROM invoices WHERE id = 1`))
	require.Equal(t, 1, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM operator_actions`))
}
