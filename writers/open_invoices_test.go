package writers_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/billing"
	"duly/internal/mysql"
	"duly/internal/payment"
	"duly/internal/runs"
	"duly/internal/store"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/readers"
	"duly/writers"
)

const due = "2026-01-31"

// shop is a database with n due invoices.
func shop(t *testing.T, n int) *testdb.DB {
	t.Helper()
	plain := testdb.New(t)
	worktest.Enrol(t, plain, n, due, nil)
	worktest.Invoice(t, plain)
	return plain
}

// claim takes every invoice of stage 0.
func claim(ctx context.Context, t *testing.T, db *mysql.DB) []billing.Claimed {
	t.Helper()
	day := worktest.Day(t, due)
	r := &readers.OpenInvoices{
		DB: db, Selection: store.Selection{Business: day}, Known: func(string) bool { return true },
		Today: func() payment.Date { return day }, Now: time.Now, Clock: time.Now,
		Decided: func(context.Context, *sqlx.Tx, []billing.Decided) (batch.Tally, error) { return batch.Tally{}, nil },
	}
	var all []billing.Claimed
	for {
		page, err := r.Read(ctx, batch.ClaimRequest{Limit: 2000, Skip: func(string) bool { return false }})
		require.NoError(t, err)
		if all = append(all, page.Items...); page.Done {
			return all
		}
	}
}

func settle(t *testing.T, db *mysql.DB) *writers.OpenInvoices {
	t.Helper()
	day := worktest.Day(t, due)
	return &writers.OpenInvoices{DB: db, Policy: billing.Policy{RetryDays: []int{1, 3, 5}}, Today: func() payment.Date { return day }, Now: time.Now}
}

func result(item billing.Claimed, o payment.Outcome) billing.Result {
	return billing.Result{Claimed: item, Answer: billing.Answer{Outcome: o}}
}

func paid(item billing.Claimed) billing.Result {
	return result(item, payment.Outcome{Kind: payment.Paid, PaymentID: "pay_" + item.Charge.Key})
}

func declined(item billing.Claimed, class payment.Class) billing.Result {
	return result(item, payment.Outcome{Kind: payment.Refused, Decline: payment.Decline{Class: class, Code: "code", Message: "no"}})
}

// states are attempt, invoice and subscription of each row, in words.
func states(t *testing.T, plain *testdb.DB) []string {
	t.Helper()
	return worktest.List[string](t, plain, `SELECT CONCAT_WS(' ', a.status, i.status, i.stage, s.status) FROM payment_attempts a
JOIN invoices i ON i.id = a.invoice_id JOIN subscriptions s ON s.id = i.subscription_id ORDER BY a.id`)
}

func TestSettleEveryOutcome(t *testing.T) {
	t.Parallel()
	plain := shop(t, 9)
	db := worktest.Open(t, plain.DSN)
	done := worktest.Run(t, db, func(ctx context.Context, x *batch.StepExecution) error {
		items := claim(ctx, t, db)
		long := strings.Repeat("가", 400)
		tally, err := settle(t, db).Write(ctx, []billing.Result{
			paid(items[0]),
			declined(items[1], payment.Soft),
			declined(items[2], payment.Action),
			result(items[3], payment.Outcome{Kind: payment.NotExecuted, Reason: "429"}),
			result(items[4], payment.Outcome{Kind: payment.TryLater, Decline: payment.Decline{Code: "try_later"}}),
			result(items[5], payment.Outcome{Reason: "timeout"}),
			result(items[6], payment.Outcome{Kind: payment.Differs, Reason: long}),
			result(items[7], payment.Outcome{Kind: payment.Rejected, Reason: "400 " + long}),
			result(items[8], payment.Outcome{Kind: payment.Misconfigured, Reason: "401"}),
		})
		x.Count(tally)
		return err
	})
	require.NoError(t, done.Err)
	require.Equal(t, []string{
		"succeeded paid 0 active",
		"declined open 1 past_due",
		"declined open 1 past_due",
		"released open 0 active",
		"declined open 0 active",
		"in_doubt charging 0 active",
		"review review 0 active",
		"rejected review 0 active",
		"released open 0 active",
	}, states(t, plain))
	require.Equal(t, batch.Tally{
		Succeeded: 1, Declined: 3, Released: 2, InDoubt: 1, Rejected: 1, Review: 1, Amounts: map[string]int64{"KRW": 9900},
	}, done.Tally)
	require.Equal(t, []string{
		"invoice.paid 1", "payment.action_required 3", "payment.failed 2", "payment.failed 3", "review.needed 7", "review.needed 8",
	}, worktest.List[string](t, plain, `SELECT CONCAT_WS(' ', type, SUBSTRING(subject, 14)) FROM events ORDER BY type, subject`))
	require.Equal(t, 1, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM payment_attempts WHERE status = 'in_doubt' AND doubted = 1
AND checks = 1 AND next_check_at > UTC_TIMESTAMP(6) AND settled_at IS NULL`))
	require.Equal(t, 8, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM payment_attempts WHERE settled_at IS NOT NULL AND next_check_at IS NULL`))
	require.Equal(t, []uint64{1}, worktest.List[uint64](t, plain, `SELECT id FROM invoices WHERE paid_at IS NOT NULL`))
	require.Equal(t, []string{"2026-02-01", "2026-02-01"}, worktest.List[string](t, plain,
		`SELECT DATE_FORMAT(next_attempt_date, '%Y-%m-%d') FROM invoices WHERE stage = 1 AND first_declined_date = '2026-01-31'`))
	require.Equal(t, 3, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM invoices WHERE status = 'open' AND stage = 0 AND next_try_at IS NOT NULL`))
}

// The end after the last stage, and back to health: every change of a subscription's status there is, and none
// that brings back what the customer ended while the charge was under way.
func TestSettleChangesSubscriptionsWithinTheRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		meet   string // the subscription when the answer arrives
		stage  int
		answer func(billing.Claimed) billing.Result
		want   string
	}{
		{"paid", "active", 0, paid, "succeeded paid 0 active"},
		{"paid at a retry", "past_due", 2, paid, "succeeded paid 2 active"},
		{"paid after a pause", "paused", 0, paid, "succeeded paid 0 paused"},
		{"paid after the customer cancelled", "cancelled", 0, paid, "succeeded paid 0 cancelled"},
		{"declined", "active", 0, soft, "declined open 1 past_due"},
		{"declined again", "past_due", 1, soft, "declined open 2 past_due"},
		{"declined after a pause", "paused", 0, soft, "declined open 1 paused"},
		{"declined after the customer cancelled", "cancelled", 0, soft, "declined open 1 cancelled"},
		{"declined at the end", "past_due", 3, soft, "declined uncollectible 3 cancelled"},
		{"declined at the end, paid elsewhere meanwhile", "active", 3, soft, "declined uncollectible 3 cancelled"},
		{"declined at the end of a pause", "paused", 3, soft, "declined uncollectible 3 paused"},
		{"declined at the end, cancelled already", "cancelled", 3, soft, "declined uncollectible 3 cancelled"},
		{"a status of the shop's", "trial", 0, soft, "declined open 1 trial"},
	} {
		t.Run(c.name, func(t *testing.T) {
			plain := shop(t, 1)
			worktest.Exec(t, plain, `UPDATE subscriptions SET cancelled_at = '2026-01-01', cancel_reason = 'moved away'`)
			db := worktest.Open(t, plain.DSN)
			done := worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
				items := claim(ctx, t, db)
				worktest.Exec(t, plain, `UPDATE invoices SET stage = ?`, c.stage)
				worktest.Exec(t, plain, `UPDATE subscriptions SET status = ?`, c.meet)
				items[0].Stage, items[0].Invoice.Stage = c.stage, c.stage
				_, err := settle(t, db).Write(ctx, []billing.Result{c.answer(items[0])})
				return err
			})
			require.NoError(t, done.Err)
			require.Equal(t, []string{c.want}, states(t, plain))
			ended := strings.HasSuffix(c.want, "cancelled") && c.meet != "cancelled"
			require.Equal(t, !ended, worktest.Get[string](t, plain, `SELECT cancel_reason FROM subscriptions`) == "moved away")
			events := worktest.Get[int](t, plain, `SELECT COUNT(*) FROM events WHERE type = 'subscription.cancelled'`)
			require.Equal(t, ended, events == 1)
		})
	}
}

func soft(item billing.Claimed) billing.Result { return declined(item, payment.Soft) }

// A chunk is settled as a whole or not at all (I8, I11): one row that is not as it was claimed, or an event that
// cannot be written, leaves everything as it was.
func TestSettleIsAllOrNothing(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]string{
		"an invoice that is not as it was claimed": `UPDATE invoices SET status = 'void' WHERE id = 2`,
		"an event that cannot be written": `CREATE TRIGGER t BEFORE INSERT ON events FOR EACH ROW
IF NEW.subject = 'subscription:2' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF`,
		"a subscription that cannot be written": `CREATE TRIGGER t BEFORE UPDATE ON subscriptions FOR EACH ROW
IF NEW.id = 2 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF`,
	} {
		t.Run(name, func(t *testing.T) {
			plain := shop(t, 3)
			db := worktest.Open(t, plain.DSN)
			worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
				items := claim(ctx, t, db)
				worktest.Exec(t, plain, spoil)
				before := states(t, plain)
				tally, err := settle(t, db).Write(ctx, []billing.Result{paid(items[0]), soft(items[1]), soft(items[2])})
				require.Error(t, err)
				require.NotErrorIs(t, err, batch.ErrUnavailable)
				_ = tally
				require.Equal(t, before, states(t, plain))
				require.Zero(t, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM events`))
				return nil
			})
		})
	}
}

// Reject sets one row aside whatever is wrong with it, and keeps what the gateway said.
func TestReject(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, spoil, want string
		answer            func(billing.Claimed) billing.Result
		kept              int
	}{
		{"a decline that cannot be written", `SELECT 1`, "review review 0 active", soft, 1},
		{"money that was taken", `UPDATE invoices SET status = 'void'`, "review void 0 active", paid, 1},
		{"nothing that was said", `SELECT 1`, "review review 0 active", func(item billing.Claimed) billing.Result {
			return result(item, payment.Outcome{Reason: "timeout"})
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			plain := shop(t, 1)
			db := worktest.Open(t, plain.DSN)
			done := worktest.Run(t, db, func(ctx context.Context, x *batch.StepExecution) error {
				items := claim(ctx, t, db)
				worktest.Exec(t, plain, c.spoil)
				tally, err := settle(t, db).Reject(ctx, c.answer(items[0]), errors.New("the reason"))
				x.Count(tally)
				return err
			})
			require.NoError(t, done.Err)
			require.Equal(t, batch.ExitReview, done.Exit)
			require.Equal(t, []string{c.want}, states(t, plain))
			require.Equal(t, c.kept, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM gateway_answers`))
			why := "the outcome could not be written: the reason"
			if c.name == "money that was taken" {
				why = "the outcome could not be written: settle: the invoice is not being charged any more: it is void"
			}
			require.Equal(t, why, worktest.Get[string](t, plain, `SELECT message FROM payment_attempts`))
			if c.name == "money that was taken" {
				require.Equal(t, "pay_sub_1_20260131-1", worktest.Get[string](t, plain, `SELECT gateway_payment_id FROM payment_attempts`))
			}
		})
	}
}

// A worker whose claim was taken over settles nothing of it, and hands on what it knows.
func TestWhatWasTakenOverIsNotSettled(t *testing.T) {
	t.Parallel()
	plain := shop(t, 3)
	db := worktest.Open(t, plain.DSN)
	worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		items := claim(ctx, t, db)
		worktest.Exec(t, plain, `UPDATE payment_attempts SET lease = REPEAT('x', 16) WHERE id IN (2, 3)`)
		tally, err := settle(t, db).Write(ctx, []billing.Result{
			paid(items[0]), paid(items[1]), result(items[2], payment.Outcome{Reason: "timeout"}),
		})
		require.NoError(t, err)
		require.Equal(t, batch.Tally{Succeeded: 1, Amounts: map[string]int64{"KRW": 9900}}, tally)
		return nil
	})
	require.Equal(t, []string{"succeeded paid 0 active", "in_flight charging 0 active", "in_flight charging 0 active"}, states(t, plain))
	require.Equal(t, []string{"sub_2_20260131-1"}, worktest.List[string](t, plain, `SELECT idempotency_key FROM gateway_answers`),
		"only what is definite is kept")
	require.JSONEq(t, `{"reference": "sub_2_20260131", "customer_id": "customer-2", "money": {"amount": 9900, "currency": "KRW"},
"outcome": {"kind": "succeeded", "payment_id": "pay_sub_2_20260131-1"}}`, worktest.Get[string](t, plain, `SELECT answer FROM gateway_answers`))
}

// A run without its lease settles nothing, whatever its attempts say (I8).
func TestARunWithoutItsLeaseSettlesNothing(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]string{
		"ran out":   `UPDATE job_runs SET heartbeat_at = heartbeat_at - INTERVAL 61 SECOND`,
		"abandoned": `UPDATE job_runs SET status = 'abandoned'`,
	} {
		t.Run(name, func(t *testing.T) {
			plain := shop(t, 2)
			db := worktest.Open(t, plain.DSN)
			worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
				items := claim(ctx, t, db)
				worktest.Exec(t, plain, lose)
				w := settle(t, db)
				_, err := w.Write(ctx, []billing.Result{paid(items[0]), soft(items[1])})
				require.ErrorIs(t, err, batch.ErrLeaseLost)
				_, err = w.Reject(ctx, paid(items[0]), errors.New("any"))
				require.ErrorIs(t, err, batch.ErrLeaseLost)
				require.NoError(t, w.Keep(ctx, []billing.Result{paid(items[0]), soft(items[1])}), "but it may tell what it knows")
				return nil
			})
			require.Equal(t, []string{"in_flight charging 0 active", "in_flight charging 0 active"}, states(t, plain))
			require.Equal(t, 3, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM gateway_answers`))
			require.Zero(t, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM events`))
		})
	}
}

// A settlement whose COMMIT was not answered is written once and counted once, whether it took effect or not.
func TestASettlementWhoseCommitWasLost(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testdb.Proxy) <-chan struct{}{
		"its answer": (*testdb.Proxy).LoseCommitAnswer, "on the way there": (*testdb.Proxy).LoseCommit,
	} {
		t.Run(name, func(t *testing.T) {
			plain := shop(t, 4)
			proxy := testdb.NewProxy(t, plain.DSN)
			db := worktest.Open(t, plain.DSN)
			worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
				items := claim(ctx, t, db)
				results := []billing.Result{paid(items[0]), soft(items[1]), result(items[2], payment.Outcome{}), result(items[3], payment.Outcome{Kind: payment.NotExecuted})}
				w := settle(t, worktest.Open(t, proxy.DSN))
				lost := lose(proxy)
				_, err := w.Write(ctx, results)
				<-lost
				require.ErrorIs(t, err, mysql.ErrCommitUnknown)
				tally, err := w.Write(ctx, results)
				require.NoError(t, err)
				require.Equal(t, batch.Tally{Succeeded: 1, Declined: 1, InDoubt: 1, Released: 1, Amounts: map[string]int64{"KRW": 9900}}, tally)
				return nil
			})
			require.Equal(t, []string{
				"succeeded paid 0 active", "declined open 1 past_due", "in_doubt charging 0 active", "released open 0 active",
			}, states(t, plain))
			require.Equal(t, 2, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM events`))
			require.Equal(t, 1, worktest.Get[int](t, plain, `SELECT checks FROM payment_attempts WHERE id = 3`))
		})
	}
}

// The heartbeat must not wait for locks that a settlement waits for.
func TestASettlementThatWaitsHoldsUpNoHeartbeat(t *testing.T) {
	plain := shop(t, 2)
	db := worktest.OpenPatient(t, plain.DSN)
	worktest.Run(t, db, func(ctx context.Context, x *batch.StepExecution) error {
		items := claim(ctx, t, db)
		holder, err := plain.BeginTxx(ctx, nil)
		require.NoError(t, err)
		_, err = holder.ExecContext(ctx, `UPDATE subscriptions SET description = 'x' WHERE id = 2`)
		require.NoError(t, err)
		written := make(chan error)
		go func() {
			_, err := settle(t, db).Write(ctx, []billing.Result{paid(items[0]), paid(items[1])})
			written <- err
		}()
		require.Eventually(t, func() bool {
			return worktest.Get[int](t, plain, `SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'`) > 0
		}, worktest.Patience, 150*time.Millisecond) // the view is made anew only if it was not read for 100 ms
		repository := &runs.Repository{DB: worktest.OpenPatient(t, plain.DSN), Now: time.Now}
		require.NoError(t, repository.Beat(ctx, x.Run, nil), "if it waited for the settlement, it would not end")
		require.NoError(t, holder.Rollback())
		require.NoError(t, <-written)
		return nil
	})
	require.Equal(t, []string{"succeeded paid 0 active", "succeeded paid 0 active"}, states(t, plain))
}

// The largest chunk with the longest texts, all different, is settled in one transaction.
func TestTheLargestChunkIsSettled(t *testing.T) {
	t.Parallel()
	plain := shop(t, 2000)
	db := worktest.Open(t, plain.DSN)
	done := worktest.Run(t, db, func(ctx context.Context, _ *batch.StepExecution) error {
		items := claim(ctx, t, db)
		require.Len(t, items, 2000)
		results := make([]billing.Result, len(items))
		for i, item := range items {
			results[i] = declined(item, []payment.Class{payment.Soft, payment.Hard, payment.Action}[i%3])
			o := &results[i].Answer.Outcome
			o.Decline.Code, o.Decline.NetworkCode, o.Decline.AdviceCode = item.Charge.Key, item.Charge.Key, item.Charge.Key
			o.Decline.Message = strings.Repeat("'가\\", 100) + item.Charge.Key
			o.PaymentID = item.Charge.Key + strings.Repeat("x", 300)
		}
		_, err := settle(t, db).Write(ctx, results)
		return err
	})
	require.NoError(t, done.Err)
	require.Equal(t, 2000, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM invoices WHERE stage = 1 AND status = 'open'`))
}

func TestDecide(t *testing.T) {
	t.Parallel()
	plain := shop(t, 6)
	worktest.Exec(t, plain, `UPDATE subscriptions SET status = IF(id = 4, 'cancelled', IF(id = 5, 'paused', 'past_due'))`)
	db := worktest.Open(t, plain.DSN)
	decide := func(id uint64, c billing.Claim) billing.Decided {
		return billing.Decided{Invoice: billing.Invoice{ID: id, SubscriptionID: id}, Claim: c}
	}
	end := billing.Claim{Action: billing.EndInvoice, SubscriptionTo: billing.Cancelled, Reason: "unpaid"}
	list := []billing.Decided{
		decide(1, billing.Claim{Action: billing.VoidInvoice}),
		decide(2, billing.Claim{Action: billing.UseStage, Stage: 2, Next: worktest.Day(t, "2026-02-03")}),
		decide(3, end),
		decide(4, end), // the customer cancelled first
		decide(5, end), // or paused
		decide(6, billing.Claim{Action: billing.ReviewInvoice, Reason: "why", Events: []billing.Event{{Type: "review.needed", Subject: "subscription:6", Dedupe: "d"}}}),
	}
	var tally batch.Tally
	write := func(list []billing.Decided) error {
		return mysql.Tx(t.Context(), db, "test", func(tx *sqlx.Tx) error {
			var err error
			tally, err = writers.Decide(t.Context(), tx, time.Now(), list)
			return err
		})
	}
	require.NoError(t, write(list))
	require.Equal(t, []string{
		"void 0 2026-01-31 - past_due", "open 2 2026-02-03 - past_due", "uncollectible 0 2026-01-31 - cancelled",
		"uncollectible 0 2026-01-31 - cancelled", "uncollectible 0 2026-01-31 - paused", "review 0 2026-01-31 why past_due",
	}, worktest.List[string](t, plain, `SELECT CONCAT_WS(' ', i.status, i.stage, i.next_attempt_date, COALESCE(i.review_reason, '-'), s.status)
FROM invoices i JOIN subscriptions s ON s.id = i.id ORDER BY i.id`))
	require.Equal(t, []uint64{3}, worktest.List[uint64](t, plain, `SELECT id FROM subscriptions WHERE cancel_reason = 'unpaid' AND cancelled_at IS NOT NULL`))
	require.Equal(t, batch.Tally{Read: 4, Declined: 3, Review: 1, Moved: 1, Ended: 1}, tally)
	require.Equal(t, 1, worktest.Get[int](t, plain, `SELECT COUNT(*) FROM events`))

	require.Error(t, write(list[:1]), "it is not open any more")
	require.Error(t, write([]billing.Decided{decide(2, billing.Claim{Action: billing.Charge})}), "that is no decision")
}
