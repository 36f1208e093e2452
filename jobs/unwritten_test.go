package jobs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"duly/internal/batch"
	"duly/internal/query/worklist"
	"duly/internal/test/testdb"
	"duly/internal/test/worktest"
	"duly/jobs"
)

// signal makes writes of one kind fail for a row with an error of the server's.
func signal(event, table, condition string, number int) string {
	return fmt.Sprintf(`CREATE TRIGGER broken BEFORE %s ON %s FOR EACH ROW
IF NEW.%s THEN SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = %d, MESSAGE_TEXT = 'broken'; END IF`, event, table, condition, number)
}

// state is the attempt, the invoice and the events of a subscription.
func (w *town) state(id int) string {
	w.t.Helper()
	return worktest.Get[string](w.t, w.plain, `SELECT CONCAT_WS(' ', COALESCE(a.status, '-'), i.status, COALESCE(i.review_reason, '-'),
(SELECT COUNT(*) FROM events e WHERE e.subject = CONCAT('subscription:', i.subscription_id)))
FROM invoices i LEFT JOIN payment_attempts a ON a.invoice_id = i.id WHERE i.subscription_id = ?`, id)
}

// Errors of the server that are not about a row, met by one row wherever a run writes: nobody goes to review, the others are
// charged, the run is unfinished, and the next one charges the row once and for all.
func TestErrorsOfTheDatabaseBlameNoRow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil string
		after string
	}{
		"issuing, out of time":        {signal("INSERT", "invoices", "subscription_id = 7", 1969), ""},
		"claiming, out of time":       {signal("INSERT", "payment_attempts", "subscription_id = 7", 1969), "- open - 0"},
		"claiming, a table is gone":   {signal("INSERT", "payment_attempts", "subscription_id = 7", 1146), "- open - 0"},
		"settling, out of time":       {signal("UPDATE", "payment_attempts", "status = 'succeeded' AND NEW.subscription_id = 7", 1969), "in_flight charging - 0"},
		"settling, MySQL out of time": {signal("UPDATE", "payment_attempts", "status = 'succeeded' AND NEW.subscription_id = 7", 3024), "in_flight charging - 0"},
		"settling, a limit":           {signal("UPDATE", "invoices", "status = 'paid' AND NEW.subscription_id = 7", 1226), "in_flight charging - 0"},
		"settling, too many":          {signal("UPDATE", "invoices", "status = 'paid' AND NEW.subscription_id = 7", 1203), "in_flight charging - 0"},
		"settling, a proxy":           {signal("UPDATE", "invoices", "status = 'paid' AND NEW.subscription_id = 7", 9001), "in_flight charging - 0"},
		"settling, off line":          {signal("UPDATE", "invoices", "status = 'paid' AND NEW.subscription_id = 7", 3032), "in_flight charging - 0"},
		"the event, a table is gone":  {signal("INSERT", "events", "subject = 'subscription:7'", 1146), "in_flight charging - 0"},
		"the booking, out of time":    {signal("INSERT", "bookings", "row_id = (SELECT id FROM payment_attempts WHERE subscription_id = 7)", 1969), "in_flight charging - 0"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			worktest.Enrol(t, w.plain, 30, day0, nil)
			worktest.Exec(t, w.plain, c.spoil)
			result := w.run(nil)
			require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
			require.NoError(t, result.Err)
			require.Zero(t, result.Tally.Review)
			require.Equal(t, 29, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status = 'paid'`))
			require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM subscriptions WHERE review_reason IS NOT NULL`))
			if c.after != "" {
				require.Equal(t, c.after, w.state(7))
			}
			require.Equal(t, 1, worktest.Get[int](t, w.plain, `SELECT runs FROM row_failures`))
			worktest.Exec(t, w.plain, `DROP TRIGGER broken`)
			result = w.run(nil)
			require.Equal(t, batch.ExitDone, result.Exit, "%v", result)
			require.Equal(t, "succeeded paid - 1", w.state(7))
			w.reconcile()
		})
	}
}

// A row on which the database fails again and again is listed by its id after three runs, with the command that shows it.
func TestARowThatFailsInThreeRunsIsListed(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 5, day0, nil)
	worktest.Exec(t, w.plain, signal("INSERT", "payment_attempts", "subscription_id = 4", 1969))
	for run := 1; run <= 4; run++ {
		result := w.run(nil)
		require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
		left := strings.Join(result.Left, "\n")
		id := worktest.Get[uint64](t, w.plain, `SELECT id FROM invoices WHERE subscription_id = 4`)
		if run < 3 {
			require.Contains(t, left, fmt.Sprintf("1 invoice could not be charged because of the database: error 1969 (HY000): broken: %d", id))
		} else {
			stuck, err := worklist.StuckRows(t.Context(), worktest.Open(t, w.plain.DSN), w.today, 5)
			require.NoError(t, err)
			require.Len(t, stuck, 1)
			require.Equal(t, fmt.Sprintf("invoice %d", id), fmt.Sprintf("%s %d", stuck[0].Kind, stuck[0].ID))
			require.Equal(t, run, stuck[0].Runs)
			require.Contains(t, left, fmt.Sprintf("invoice %d could not be charged in %d runs: error 1969 (HY000): broken; fix the database, then see: duly show invoice %[1]d", id, run))
		}
	}
	worktest.Exec(t, w.plain, `DROP TRIGGER broken`)
	require.Equal(t, batch.ExitDone, w.run(nil).Exit)
	stuck, err := worklist.StuckRows(t.Context(), worktest.Open(t, w.plain.DSN), w.today, 5)
	require.NoError(t, err)
	require.Empty(t, stuck, "it is paid")
}

// Conflicts with other nodes at COMMIT, many in a row, put nobody in review: what they undo is done again.
func TestConflictsAtCommitPutNobodyInReview(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		number  uint16
		message string
	}{
		"group replication": {3101, "Plugin instructed the server to rollback the current transaction."},
		"another engine":    {1180, `Got error 149 "Lock deadlock; Retry transaction" during COMMIT`},
		"Galera":            {1213, "Deadlock found when trying to get lock; try restarting transaction"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			worktest.Enrol(t, w.plain, 20, day0, nil)
			proxy := testdb.NewProxy(t, w.plain.DSN)
			w.plain.DSN = proxy.DSN
			result := w.run(func(_ *jobs.BillingOptions, r *batch.Runner) {
				r.OnRun = func(*batch.Run, []*batch.StepExecution) { proxy.Fail("COMMIT", 23, c.number, "HY000", c.message) }
			})
			require.NoError(t, result.Err)
			require.Contains(t, []int{batch.ExitDone, batch.ExitUnfinished}, result.Exit, "%v", result)
			require.Zero(t, result.Tally.Review)
			require.Equal(t, batch.ExitDone, w.run(nil).Exit)
			require.Equal(t, 20, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status = 'paid'`))
			require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM subscriptions WHERE review_reason IS NOT NULL`))
			w.reconcile()
		})
	}
}

// Money that was taken is never a case for review because the shop's tables do not take what follows: the answer is kept, the
// attempt is recorded alone where it can be, and the rest follows in the first run that can write it.
func TestPaidIsNeverAReview(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ spoil, after string }{
		"the attempt":      {trigger("UPDATE", "payment_attempts", "status = 'succeeded' AND NEW.subscription_id = %[1]d"), "in_flight charging - 0"},
		"the invoice":      {trigger("UPDATE", "invoices", "status = 'paid' AND NEW.subscription_id = %[1]d"), "succeeded charging - 0"},
		"the subscription": {trigger("UPDATE", "subscriptions", "status = 'active' AND NEW.id = %[1]d"), "succeeded charging - 0"},
		"the event":        {trigger("INSERT", "events", "subject = 'subscription:%[1]d'"), "succeeded charging - 0"},
		"anything":         {trigger("INSERT", "gateway_answers", "idempotency_key = 'sub_%[1]d_20260131-1'"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			worktest.Enrol(t, w.plain, 30, day0, nil)
			worktest.Exec(t, w.plain, `UPDATE subscriptions SET status = 'past_due' WHERE id = 7`)
			if name == "anything" { // nothing of it can be written at all, not even that it was answered
				worktest.Exec(t, w.plain, fmt.Sprintf(trigger("UPDATE", "payment_attempts", "status <> 'in_flight' AND NEW.subscription_id = %[1]d"), 7))
			}
			worktest.Exec(t, w.plain, strings.Replace(fmt.Sprintf(c.spoil, 7), "CREATE TRIGGER ", "CREATE TRIGGER x", 1))
			var saved [][]byte
			w.save = func(lines [][]byte) (string, error) {
				saved = append(saved, lines...)
				return "/state/answers", nil
			}
			result := w.run(nil)
			require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
			require.NoError(t, result.Err)
			require.EqualValues(t, 0, result.Tally.Review)
			require.Equal(t, 29, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status = 'paid'`))
			if name == "anything" {
				require.NotEmpty(t, saved)
				require.Contains(t, string(saved[0]), `"idempotency_key":"sub_7_20260131-1"`)
				require.Contains(t, strings.Join(result.Left, "\n"), "kept in /state/answers")
			} else {
				require.Empty(t, saved)
				require.Equal(t, c.after, w.state(7))
				require.Contains(t, worktest.List[string](t, w.plain, `SELECT idempotency_key FROM gateway_answers`), "sub_7_20260131-1")
			}
			if strings.HasPrefix(c.after, "succeeded") {
				invoice := worktest.Get[int](t, w.plain, `SELECT id FROM invoices WHERE subscription_id = 7`)
				require.Contains(t, strings.Join(result.Left, "\n"), fmt.Sprintf("1 invoice paid at the gateway and not yet marked as paid here: %d; a later run does it", invoice))
				require.EqualValues(t, 60, result.Tally.Succeeded, "30 invoices and 30 charges")
			}
			again := w.run(nil)
			require.Equal(t, batch.ExitUnfinished, again.Exit, "%v", again)
			for _, name := range worktest.List[string](t, w.plain, `SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()`) {
				worktest.Exec(t, w.plain, `DROP TRIGGER `+name)
			}
			last := w.run(nil)
			require.Equal(t, batch.ExitDone, last.Exit, "%v", last)
			require.Equal(t, "succeeded paid - 1", w.state(7))
			require.Equal(t, "active", worktest.Get[string](t, w.plain, `SELECT status FROM subscriptions WHERE id = 7`))
			require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status = 'review'`))
			w.reconcile()
		})
	}
}

// Nobody is charged by a run that can write nothing of what it claims, and it ends.
func TestARunThatCanClaimNothing(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	worktest.Enrol(t, w.plain, 200, day0, nil)
	worktest.Exec(t, w.plain, signal("INSERT", "payment_attempts", "id >= 0", 1146))
	result := w.run(func(o *jobs.BillingOptions, _ *batch.Runner) { o.ChunkSize = 50 })
	require.Equal(t, batch.ExitUnfinished, result.Exit, "%v", result)
	require.Zero(t, worktest.Get[int](t, w.plain, `SELECT COUNT(*) FROM invoices WHERE status <> 'open'`))
	require.Empty(t, w.sims["main"].Ledger())
}
